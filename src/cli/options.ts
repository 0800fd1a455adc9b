import { availableParallelism } from 'node:os';
import { InvalidArgumentError, Option } from 'commander';
import { closest } from '../diagnostics/suggest.js';
import { BACKEND_NAMES, type BackendChoice, POLICIES, PRECISIONS } from '../index.js';

/** Reads one of some words, which it has for completion as well. */
export interface ChoiceParser<T extends string> {
  (text: string): T;
  readonly values: readonly T[];
}

/** One of `values`; a mistake is answered with the nearest one. */
export function oneOf<T extends string>(values: readonly T[]): ChoiceParser<T> {
  const parse = (text: string): T => {
    const found = values.find((value) => value === text);
    if (found !== undefined) return found;
    const nearest = closest(text, values);
    throw new InvalidArgumentError(`${nearest === undefined ? '' : `Did you mean ${nearest}? `}Choose from ${values.join(', ')}.`);
  };
  return Object.assign(parse, { values });
}

/** Threads that one process may ask for: more than there are cores is of no use, a thousand slow a machine down or are refused by it. */
const MAX_THREADS = Math.max(64, 4 * availableParallelism());

/** Runs with seeds of their own. */
export const MOST_RUNS = 10_000;

/** A whole number of at least `min` and, where it is given, at most `max`. */
export function integer(min: number, max?: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < min || (max !== undefined && value > max))
      throw new InvalidArgumentError(`A whole number of at least ${min}${max === undefined ? '' : ` and at most ${max}`} is needed.`);
    return value;
  };
}

/** A number of at least `min`. */
export function atLeast(min: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!Number.isFinite(value) || value < min) throw new InvalidArgumentError(`A number of at least ${min} is needed.`);
    return value;
  };
}

const UNITS: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1 };

/** A time such as `90s`, `45m` or `1h30m`, in seconds. */
export function duration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)([hms])/g)];
  const seconds = parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNITS[unit!]!, 0);
  // What a timer can wait for.
  if (parts.map(([part]) => part).join('') !== text || !(seconds > 0) || seconds > 2_000_000)
    throw new InvalidArgumentError('A time is needed, such as 90s, 45m or 1h30m.');
  return seconds;
}

/** How a command prints is no option of what it calls. */
export function ofCall<T extends object>(choices: T): Omit<T, 'quiet' | 'json'> {
  const { quiet: _, json: _json, ...others } = choices as T & { readonly quiet?: unknown; readonly json?: unknown };
  return others;
}

/** A number between two others, both excluded. */
export function between(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!(value > low && value < high)) throw new InvalidArgumentError(`A number above ${low} and below ${high} is needed.`);
    return value;
  };
}

/** A number above 0, whole or not. */
export function positive(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || !(value > 0)) throw new InvalidArgumentError('A number above 0 is needed.');
  return value;
}

export const options = {
  backend: (what = `where to run: auto, ${BACKEND_NAMES.join(', ')} (default: auto)`) =>
    new Option('--backend <name>', what).argParser(oneOf<BackendChoice>(['auto', ...BACKEND_NAMES])),
  precision: () => new Option('--precision <format>', `compute format: ${PRECISIONS.join(', ')}`).argParser(oneOf(PRECISIONS)),
  policy: () => new Option('--policy <name>', `precision policy: ${POLICIES.join(', ')}`).argParser(oneOf(POLICIES)),
  batch: () => new Option('--batch <n>', 'images per step').argParser(integer(1)),
  limit: (doc: string) => new Option('--limit <n>', doc).argParser(integer(1)),
  threads: (doc = 'worker threads (default: every core); the results are the same') =>
    new Option('--threads <n>', doc).argParser(integer(0, MAX_THREADS)),
  workers: () =>
    new Option('--workers <n>', 'threads that decode pictures (default: every core, at most 16); the results are the same').argParser(
      integer(0, MAX_THREADS),
    ),
  costs: () => new Option('--costs <file>', "for policy fastest: a table of the kernels' times instead of those measured on this machine"),
  data: () => new Option('--data <dir>', 'folder of the data set (default: $AMPC_DATA, else a cache folder)'),
  calibration: () => new Option('--calibration <file>', 'keep in fp32 what `ampc calibrate --out FILE` says overflows fp16'),
  strictRanges: () => new Option('--strict-ranges', 'with --calibration: also what it does not prove to fit').default(false),
  ui: (what: string) => new Option('--ui', `serve a page on this machine that shows ${what}`).default(false),
  port: () =>
    new Option('--port <n>', 'the port of the page (default: one that is free)').argParser(integer(1, 65535)).implies({ ui: true }),
  quiet: () => new Option('-q, --quiet', 'print results, warnings and errors alone').default(false),
  json: () => new Option('--json', 'JSON lines on stdout; text for people on stderr').default(false),
  initMap: () =>
    new Option(
      '--init-map <file=model>',
      'with --init: names that belong together, e.g. features.0=conv1 or layer*.*=stage*.*; may be repeated',
    ).argParser((text: string, previous: readonly string[] | undefined) => [...(previous ?? []), text]),
  set: (doc = 'override a setting of the file, e.g. train.optimizer.lr=3e-4; may be repeated') =>
    new Option('--set <key.path=value>', doc).argParser(setting).default([], 'none'),
};

/** Collects `key.path=value` pairs. */
function setting(text: string, previous: readonly string[]): readonly string[] {
  if (text.indexOf('=') < 1) throw new InvalidArgumentError('Write it as key.path=value, e.g. train.batch=128.');
  return [...previous, text];
}
