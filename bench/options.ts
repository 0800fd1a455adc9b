import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { BACKEND_NAMES, type BackendName, PRECISIONS as FORMATS, type PrecisionName } from '../src/index.js';
import { defaultDataFolder } from '../src/training/data/folder.js';
import { PRECISIONS, type Precision, WORKS, type WorkName } from './works.js';

export interface Options {
  readonly works: readonly WorkName[];
  readonly precisions: readonly Precision[];
  readonly rounds: number;
  /** Timed repetitions a round; undefined: each work's own number. */
  readonly steps: number | undefined;
  readonly threads: number;
  /** Whether PyTorch is also timed with torch.compile, and how many seconds it may take to get ready. */
  readonly compile: boolean;
  readonly compileSeconds: number;
  /** Whether memory and start-up are measured too. */
  readonly resources: boolean;
  readonly json: boolean;
  /** Few repetitions on little data: shows that the harness works, measures nothing. */
  readonly quick: boolean;
}

export const USAGE = `npm run bench -- [options]

  --work NAMES          of ${WORKS.join(',')} (default: all)
  --precision NAMES     of ${PRECISIONS.join(',')} (default: all)
  --rounds N            turns of each side (default: 5)
  --steps N             timed steps a turn, epochs for the work epoch (default: by work)
  --threads N           of both sides (default: cores)
  --no-compile          leave torch.compile out
  --compile-seconds N   give up on torch.compile after so long (default: 240)
  --no-resources        leave memory and start-up out
  --quick               see that it works, without torch.compile; the figures mean nothing
  --json                one JSON object instead of Markdown
`;

function list<T extends string>(text: string | undefined, known: readonly T[], option: string): readonly T[] {
  if (text === undefined) return known;
  const names = text.split(',').map((name) => name.trim());
  for (const name of names) if (!known.includes(name as T)) throw new Error(`--${option}: ${name} is none of ${known.join(', ')}`);
  return known.filter((name) => names.includes(name));
}

function count(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`--${option}: ${text} is no whole number from 1`);
  return Number(text);
}

/** Throws an Error that says what is wrong; undefined when help was asked for. */
export function parseOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    strict: true,
    options: {
      work: { type: 'string' },
      precision: { type: 'string' },
      rounds: { type: 'string' },
      steps: { type: 'string' },
      threads: { type: 'string' },
      'no-compile': { type: 'boolean', default: false },
      'compile-seconds': { type: 'string' },
      'no-resources': { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const { quick } = values;
  return {
    works: list(values.work, WORKS, 'work'),
    precisions: list(values.precision, PRECISIONS, 'precision'),
    rounds: count(values.rounds, 'rounds') ?? (quick ? 2 : 5),
    steps: count(values.steps, 'steps') ?? (quick ? 1 : undefined),
    threads: count(values.threads, 'threads') ?? availableParallelism(),
    compile: !values['no-compile'] && !quick,
    compileSeconds: count(values['compile-seconds'], 'compile-seconds') ?? 240,
    resources: !values['no-resources'],
    json: values.json,
    quick,
  };
}

/** What the programs are told that train networks here and in PyTorch, on the first images of CIFAR-10, and compare their losses. */
export interface Comparison {
  /** Of the networks that the program knows. */
  readonly names: readonly string[];
  readonly data: string;
  readonly batch: number;
  readonly steps: number;
  readonly precisions: readonly PrecisionName[];
  readonly backend: BackendName;
  /** Options of one program alone. */
  readonly own: Readonly<Record<string, string | boolean | undefined>>;
}

type Own = Readonly<Record<string, { readonly type: 'string' | 'boolean' }>>;

/** Throws an Error that says what is wrong; undefined when help was asked for. */
export function parseComparison(
  args: readonly string[],
  known: readonly string[],
  usual: { readonly batch: number; readonly steps: number; readonly precisions: readonly PrecisionName[] },
  own: Own = {},
): Comparison | undefined {
  const text = { type: 'string' } as const;
  const options = { data: text, batch: text, steps: text, precision: text, backend: text, help: { type: 'boolean' } } as const;
  const { values, positionals } = parseArgs({ args: [...args], strict: true, allowPositionals: true, options: { ...own, ...options } });
  if (values.help === true) return undefined;
  const given = values as Readonly<Record<keyof typeof options, string | undefined>>;
  for (const name of positionals) if (!known.includes(name)) throw new Error(`${name} is none of ${known.join(', ')}`);
  const [backend = 'cpu'] = given.backend === undefined ? [] : list(given.backend, BACKEND_NAMES, 'backend');
  return {
    names: positionals.length > 0 ? positionals : known,
    data: given.data ?? defaultDataFolder(),
    batch: count(given.batch, 'batch') ?? usual.batch,
    steps: count(given.steps, 'steps') ?? usual.steps,
    precisions: given.precision === undefined ? usual.precisions : list(given.precision, FORMATS, 'precision'),
    backend,
    own: values as Comparison['own'],
  };
}
