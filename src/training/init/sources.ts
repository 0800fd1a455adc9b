import type { Shape } from '../../ir/types.js';
import type { WeightEntry, WeightFile } from './weight-file.js';

/** A tensor that a state can start from: one of the file, or some rows of one. */
export interface Source extends Pick<WeightEntry, 'dtype' | 'shape'> {
  /** Without what wrappers put ahead of all names. */
  readonly name: string;
  /** Its name in the file. */
  readonly entry: string;
  /** Rows of the first axis, where it is not all of the tensor. */
  readonly rows?: readonly [from: number, to: number];
}

/** What torch.nn.DataParallel, torch.compile and Lightning put ahead of the names of the module that they hold. */
const WRAPPERS = ['module.', '_orig_mod.', 'model.'];

/** The part of all names that a wrapper made, and no name of the model has. */
function wrapperOf(names: readonly string[], states: readonly string[]): string {
  let prefix = '';
  for (;;) {
    const next = WRAPPERS.find((wrapper) =>
      names.every((name) => name.startsWith(prefix + wrapper) && name.length > (prefix + wrapper).length),
    );
    if (names.length === 0 || next === undefined || states.some((name) => name.startsWith(next))) return prefix;
    prefix += next;
  }
}

const PROJECTIONS = ['q', 'k', 'v'];

/** torch.nn.MultiheadAttention has the weights of q, k and v in one tensor, a third of its rows for each. */
function attentionParts(source: Source, states: ReadonlySet<string>): readonly Source[] {
  const found = /^(.*\.|)(?:in_proj_(weight|bias)|out_proj\.(weight|bias))$/.exec(source.name);
  if (found === null || states.has(source.name)) return [source];
  const [, path, joined, out] = found;
  if (joined === undefined) {
    const name = `${path}out.${out}`;
    return [states.has(name) ? { ...source, name } : source];
  }
  const [rows = 0, ...rest] = source.shape;
  const part = rows / 3;
  const names = PROJECTIONS.map((projection) => `${path}${projection}.${joined}`);
  if (!Number.isInteger(part) || !names.every((name) => states.has(name))) return [source];
  const shape: Shape = [part, ...rest];
  return names.map((name, i) => ({ ...source, name, shape, rows: [i * part, (i + 1) * part] }));
}

/** The tensors of a file by what the model might call them. */
export function sourcesOf(
  { entries }: WeightFile,
  states: ReadonlySet<string>,
): { readonly sources: readonly Source[]; readonly prefix: string } {
  const prefix = wrapperOf(
    entries.map(({ name }) => name),
    [...states],
  );
  const sources = entries.flatMap(({ name, dtype, shape }) =>
    attentionParts({ name: name.slice(prefix.length), entry: name, dtype, shape }, states),
  );
  return { sources, prefix };
}
