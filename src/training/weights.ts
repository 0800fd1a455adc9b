import { namesIn } from '../interchange/class-names.js';
import { formatType, sameShape } from '../ir/types.js';
import type { Plan } from '../plan/plan.js';
import { readMetadata, type Tensor, type TensorFile, writeSafetensors } from './safetensors.js';
import { modelStates, type StateInfo, type StateValues } from './states.js';

const MOST_LISTED = 8;

export function listed(names: readonly string[]): string {
  const shown = names.slice(0, MOST_LISTED).join(', ');
  return names.length > MOST_LISTED ? `${shown} and ${names.length - MOST_LISTED} more` : shown;
}

function describe({ shape, data }: Tensor): string {
  return formatType({ dtype: data instanceof Int32Array ? 'i32' : 'f32', shape });
}

/** What keeps a file from holding exactly `states`: missing, additional and mismatched names, each as a clause. */
export function differences(states: readonly StateInfo[], { tensors, others }: Pick<TensorFile, 'tensors' | 'others'>): string[] {
  const missing = states.filter(({ name }) => !tensors.has(name) && !others.has(name)).map(({ name }) => name);
  const known = new Map(states.map((info) => [info.name, info]));
  const extra = [...tensors.keys(), ...others.keys()].filter((name) => !known.has(name));
  const mismatched: string[] = [];
  for (const [name, { dtype, shape }] of others) {
    const info = known.get(name);
    if (info !== undefined) mismatched.push(`${name} is ${dtype}[${shape.join(',')}] and should be ${formatType(info)}`);
  }
  for (const [name, tensor] of tensors) {
    const info = known.get(name);
    if (info === undefined) continue;
    const dtype = tensor.data instanceof Int32Array ? 'i32' : 'f32';
    if (sameShape(info.shape, tensor.shape) && dtype === info.dtype) continue;
    mismatched.push(`${name} is ${describe(tensor)} and should be ${formatType(info)}`);
  }
  const clauses: string[] = [];
  if (missing.length > 0) clauses.push(`missing: ${listed(missing)}`);
  if (extra.length > 0) clauses.push(`not in the model: ${listed(extra)}`);
  if (mismatched.length > 0) clauses.push(`different: ${listed(mismatched)}`);
  return clauses;
}

/** The names of a model's classes that a safetensors file has in its metadata; undefined where it has none, or is of another kind. */
export async function classesInWeights(path: string, count: number): Promise<readonly string[] | undefined> {
  // Whoever reads the tensors says what is wrong with the file.
  const { classes }: TensorFile['metadata'] = await readMetadata(path).catch(() => ({}));
  return namesIn(classes, count);
}

/** Writes a model's parameters and statistics, f32, under their own names. */
export async function saveWeights(path: string, plan: Plan, values: StateValues): Promise<void> {
  const tensors = new Map<string, Tensor>();
  for (const { name, shape } of modelStates(plan)) {
    const data = values.get(name);
    if (data === undefined) throw new Error(`no value for state ${name}`);
    tensors.set(name, { shape, data });
  }
  await writeSafetensors(path, tensors, { format: 'ampc-weights', model: plan.model });
}
