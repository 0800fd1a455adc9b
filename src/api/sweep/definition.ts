import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { OPTION_KEYS, pickSettings } from '../../choose/settings.js';
import { type Diagnostic, type Source, userError } from '../../diagnostics/diagnostic.js';
import { printGraph } from '../../ir/print.js';
import type { Program, TrainSpec } from '../../ir/program.js';
import { lowerProgram } from '../../lower/lower.js';
import { splitAtCommas } from '../../parser/split-commas.js';
import { optionFacts, type SharedOptions } from './shared-options.js';

/** A setting that varies, by the name that `--set` takes, with its values as they were written. */
export interface Axis {
  readonly key: string;
  readonly values: readonly string[];
}

/** One combination of values with one seed. */
export interface PlannedRun {
  /** The name of its folder in the sweep's, behind a number. */
  readonly label: string;
  /** What it is, whatever varies beside it: its overrides, and its seed. */
  readonly key: string;
  /** Values of the axes, by their keys. */
  readonly settings: Readonly<Record<string, string>>;
  /** Undefined: the one that the file says. */
  readonly seed: number | undefined;
  /** Equal for runs whose kernels are the same. */
  readonly plan: string;
  /** Overrides, as `--set` takes them. */
  readonly set: readonly string[];
}

export interface Definition {
  readonly axes: readonly Axis[];
  readonly seeds: readonly number[];
  readonly runs: readonly PlannedRun[];
  /** What the file's text makes suspicious, with the first combination. */
  readonly warnings: readonly Diagnostic[];
  /** Whether the images kept for validation choose. */
  readonly isValidated: boolean;
  /** Those of `facts` that are lists, of which there may be more when the sweep is widened. */
  readonly lists: readonly string[];
  /** All that decides what the runs become, for people: of two equal ones the runs are the same. */
  readonly facts: Readonly<Record<string, string>>;
}

function keyOf(override: string): string {
  return override.slice(0, override.indexOf('=')).trim();
}

interface Divided {
  readonly axes: readonly Axis[];
  /** Overrides that hold for all runs. */
  readonly fixed: readonly string[];
}

/** The overrides with several values, and those with one. Throws UserError AMP6205. */
export function divideSettings(set: readonly string[]): Divided {
  const axes: Axis[] = [];
  const fixed: string[] = [];
  for (const text of set) {
    const [key, values] = [keyOf(text), splitAtCommas(text.slice(text.indexOf('=') + 1)).map((value) => value.trim())];
    if (values.includes(''))
      throw userError(
        'AMP6205',
        `--set ${text} has an empty value`,
        values.length === 1 ? 'nothing stands behind `=`' : 'a comma stands between two values',
        values.length === 1 ? 'add a value, or several between commas' : 'remove the comma, or add a value',
      );
    if (values.length === 1) {
      fixed.push(text);
      continue;
    }
    axes.push({ key, values });
  }
  return { axes, fixed };
}

function combine(axes: readonly Axis[]): readonly Readonly<Record<string, string>>[] {
  return axes.reduce<readonly Readonly<Record<string, string>>[]>(
    (before, { key, values }) => before.flatMap((settings) => values.map((value) => ({ ...settings, [key]: value }))),
    [{}],
  );
}

/** The shortest end of a key that no other axis ends with. */
export function shortKey(key: string, axes: readonly Axis[]): string {
  const parts = key.split('.');
  const ends = parts.map((_, index) => parts.slice(parts.length - 1 - index).join('.'));
  return ends.find((end) => axes.every((axis) => axis.key === key || !`.${axis.key}`.endsWith(`.${end}`))) ?? key;
}

function labelOf(settings: PlannedRun['settings'], seed: number | undefined, axes: readonly Axis[]): string {
  const parts = axes.map(({ key }) => `${shortKey(key, axes)}=${settings[key]}`);
  const text = [...parts, ...(seed === undefined ? [] : [`seed=${seed}`])].join(',');
  return text.replace(/[^\w.,=+-]+/g, '_');
}

/** Overrides in one order and one form. */
function keyOfRun(set: readonly string[], seed: number): string {
  const texts = set.map((text) => `${keyOf(text)}=${text.slice(text.indexOf('=') + 1).trim()}`);
  return [...texts.sort(), `seed ${seed}`].join('; ');
}

function hashOf(...parts: readonly unknown[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(typeof part === 'string' ? part : JSON.stringify(part)).update('\0');
  return hash.digest('hex').slice(0, 12);
}

/** What the kernels of a plan do not depend on: rates and the numbers of epochs reach them as inputs, if at all. */
function withoutRates({ epochs: _e, seed: _d, groups = [], ...train }: TrainSpec): object {
  const without = <T extends Pick<TrainSpec, 'optimizer' | 'schedule' | 'warmup'>>({ optimizer, schedule: _s, warmup: _w, ...rest }: T) => {
    const { lr: _, ...numbers } = optimizer;
    return { ...rest, optimizer: numbers };
  };
  return { ...without(train), groups: groups.map(without) };
}

function hashes({ recipe, train, eval: evaluation }: Program): { readonly whole: string; readonly plan: string } {
  const graphs = [printGraph(train), printGraph(evaluation)];
  return { whole: hashOf(recipe, ...graphs), plan: hashOf({ ...recipe, train: withoutRates(recipe.train) }, ...graphs) };
}

function settingsText(settings: PlannedRun['settings']): string {
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}

/** Throws UserError AMP6205 where two combinations come to the same. */
function refuseEqual(combinations: readonly { readonly settings: PlannedRun['settings']; readonly whole: string }[]): void {
  const seen = new Map<string, PlannedRun['settings']>();
  for (const { settings, whole } of combinations) {
    const before = seen.get(whole);
    if (before !== undefined)
      throw userError(
        'AMP6205',
        `two runs of this sweep would be the same: ${settingsText(before)} and ${settingsText(settings)}`,
        'they differ in no setting that a run has',
        'write each value once, and each setting once',
      );
    seen.set(whole, settings);
  }
}

/** Throws UserError AMP6205 where a setting is given several values and, elsewhere, one. */
function refuseTwice({ axes, fixed }: Divided, options: SharedOptions): void {
  const own = Object.entries(OPTION_KEYS).flatMap(([option, key]) => (option in pickSettings(options) ? [key] : [])) as readonly string[];
  const keys = [...axes.map(({ key }) => key), ...fixed.map(keyOf), ...own];
  const twice = axes.find(({ key }) => keys.indexOf(key) !== keys.lastIndexOf(key));
  if (twice !== undefined)
    throw userError(
      'AMP6205',
      `${twice.key} is set twice`,
      'only one of both could hold',
      `give all its values in one --set ${twice.key}=…`,
    );
}

/**
 * The runs of a sweep: every combination of the values in `options.set`, each with every seed. Throws UserError for every mistake in the
 * file or in a value, before anything runs: AMP6205 where nothing varies, or two runs would be the same.
 */
export function defineSweep(source: Source, options: SharedOptions, seeds: number | undefined): Definition {
  const { axes, fixed } = divideSettings(options.set ?? []);
  if (axes.length === 0 && seeds === undefined)
    throw userError(
      'AMP6205',
      'nothing varies in this sweep',
      'all its runs would be the same one',
      'give a setting several values, such as --set train.lr=0.1,0.3,1, or ask for --seeds 3; ampc train does one run',
    );
  refuseTwice({ axes, fixed }, options);
  const lower = (set: readonly string[]) => lowerProgram(source, { overrides: pickSettings({ ...options, set }), images: 0 });
  const combinations = combine(axes).map((settings) => {
    const set = [...fixed, ...Object.entries(settings).map(([key, value]) => `${key}=${value}`)];
    const program = lower(set);
    return { settings, set, program, ...hashes(program) };
  });
  const [{ recipe }] = [combinations[0]!.program];
  const numbers = seeds === undefined ? [] : Array.from({ length: seeds }, (_, index) => recipe.train.seed + index);
  if (seeds !== undefined && combinations.some(({ program }) => program.recipe.train.seed !== recipe.train.seed))
    throw userError('AMP6205', 'the seed varies twice', 'as a setting, and by --seeds', 'leave one of them away');
  refuseEqual(combinations);
  const runs: PlannedRun[] = [];
  for (const { settings, set, plan, program } of combinations)
    for (const seed of numbers.length === 0 ? [undefined] : numbers)
      runs.push({
        label: labelOf(settings, seed, axes),
        key: keyOfRun(set, seed ?? program.recipe.train.seed),
        settings,
        seed,
        plan,
        set: seed === undefined ? set : [...set, `train.seed=${seed}`],
      });
  const text = hashOf(source.text, ...(source.used ?? []).map((used) => [used.name, used.text]));
  return {
    axes,
    seeds: numbers,
    runs,
    warnings: combinations[0]!.program.warnings ?? [],
    isValidated: combinations.some(({ program }) => program.recipe.dataset.validation !== undefined),
    lists: [...axes.map(({ key }) => key), ...(numbers.length > 0 ? ['seeds'] : [])],
    facts: {
      file: basename(source.path),
      'its text': text,
      ...Object.fromEntries(axes.map(({ key, values }) => [key, values.join(', ')])),
      ...Object.fromEntries(fixed.map((setting) => [keyOf(setting), setting.slice(setting.indexOf('=') + 1).trim()])),
      ...(numbers.length > 0 && { seeds: numbers.join(', ') }),
      ...optionFacts(options),
    },
  };
}
