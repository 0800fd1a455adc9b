import { compileProgram } from '../compile.js';
import { type Source, userError } from '../diagnostics/diagnostic.js';
import { sourceOf } from '../files/source.js';
import { given } from '../given.js';
import type { FoundPin } from '../ir/pin.js';
import { type Program, withoutTail } from '../ir/program.js';
import type { Ranks } from '../ir/ranks.js';
import { lowerProgram } from '../lower/lower.js';
import { refuseUnlessFits, type Use, usesHostMemory } from '../memory/memory-fit.js';
import { type CostTable, stepCost } from '../plan/cost-table.js';
import type { FastestChoice } from '../plan/fastest.js';
import type { Plan } from '../plan/plan.js';
import type { BackendName } from '../plan/target.js';
import { resolve } from '../platform/path.js';
import type { Backend, BackendInfo } from '../runtime/backend.js';
import { describeBackend, type SelectedBackend, selectBackend } from '../runtime/select.js';
import { calibratedPins, readCalibration } from './calibrated-pins.js';
import {
  type CostOptions,
  chooseByCosts,
  isChoiceFor,
  knownCosts,
  type StoredFormats,
  storedFormats,
  withChoice,
  withStoredFormats,
} from './formats.js';
import { mergeSettings, pickSettings, type Settings } from './settings.js';

export type BackendChoice = BackendName | 'auto';

export interface CompileOptions extends Settings, CostOptions {
  /** Which backend to plan for; default `auto`. */
  readonly backend?: BackendChoice | undefined;
  /** Training images of an epoch; by default as many as the data set has. They decide what is left for a smaller last step. */
  readonly images?: number | undefined;
  /** The processes that train together, and which of them the plan is for; by default there is no other. */
  readonly ranks?: Ranks | undefined;
  /** Where in the run, in epochs from its begin: what is frozen depends on it, and so the plan. By default its begin. */
  readonly epoch?: number | undefined;
  /** Where the data is, instead of where the file has it: a run's plan follows it. */
  readonly data?: string | undefined;
  /** Whether evaluation looks at each image alone, whatever the file says of views. */
  readonly plainImages?: boolean | undefined;
  /** Formats that were chosen before and hold without any costs: those of a run. */
  readonly formats?: StoredFormats | undefined;
  /** A calibration of the file: what f16 could not hold there is pinned to f32. */
  readonly calibration?: string | undefined;
  /** With `calibration`: pin also what is not proved to fit in f16. */
  readonly strictRanges?: boolean | undefined;
}

export interface Compiled {
  readonly source: Source;
  /** What the caller changed of the file. */
  readonly settings: Settings;
  /** The epoch of the run, counted from 0, whose plan it is; left out: the first. */
  readonly epoch?: number | undefined;
  /** As the file and the settings say. */
  readonly lowered: Program;
  /** With the formats that policy `fastest` chose. */
  readonly program: Program;
  readonly plan: Plan;
  /** Times of the plan's kernels on the device, if they are known. */
  readonly costs?: CostTable;
  /** How policy `fastest` came to its formats, when it did so now. */
  readonly choice?: FastestChoice;
  /** What a run has to keep besides settings to have the same plan again. */
  readonly formats?: StoredFormats;
}

/** A plan with the backend that will run it. */
export interface Runnable extends Compiled {
  readonly backend: Backend;
  readonly info: BackendInfo;
}

/** The formats that are given, with what a calibration adds to them. */
async function withCalibration(
  { recipe, ...graphs }: Program,
  compileFor: (program: Program) => Plan,
  { calibration, strictRanges = false, formats }: CompileOptions,
): Promise<StoredFormats | undefined> {
  if (calibration === undefined && strictRanges)
    throw userError(
      'AMP6214',
      '--strict-ranges goes with --calibration',
      'it keeps in fp32 what a calibration does not prove to fit in fp16',
      'give --calibration the file that `ampc calibrate FILE --out CALIBRATION.json` wrote',
    );
  if (calibration === undefined) return formats;
  const others = (formats?.pins ?? []).filter(({ origin }) => origin.kind !== 'calibration');
  // What overflows does not depend on which formats are fast.
  const { precision } = recipe;
  const policy = precision.policy === 'fastest' && (formats === undefined || !isChoiceFor(precision, formats)) ? 'mixed' : precision.policy;
  const program: Program = { ...graphs, recipe: { ...recipe, precision: { ...precision, policy } } };
  const planWith = (pins: readonly FoundPin[]) => compileFor(withStoredFormats(program, { ...formats, pins: [...pins, ...others] }));
  const found = calibratedPins(await readCalibration(calibration), strictRanges, calibration, planWith);
  return found.length === 0 && others.length === 0 && formats?.fastest === undefined
    ? undefined
    : { ...formats, pins: [...found, ...others] };
}

/** The program, which looks at each image as it is in evaluation. */
function withoutViews({ recipe: { train, ...recipe }, ...program }: Program): Program {
  const { views: _, ...rest } = train;
  return { ...program, recipe: { ...recipe, train: rest } };
}

/** What the file says, with what it has measured of its data; and the source with what was measured. */
async function lowerMeasured(asked: Source, options: CompileOptions): Promise<{ readonly source: Source; readonly lowered: Program }> {
  const { images, epoch, data, onNotice, ranks } = options;
  const source = data === undefined ? asked : { ...asked, data: { ...asked.data, path: resolve(data) } };
  const lower = (from: Source): Program => {
    const program = lowerProgram(from, { overrides: pickSettings(options), ...given({ images, epoch, ranks }) });
    return options.plainImages ? withoutViews(program) : program;
  };
  const lowered = lower(source);
  const { dataset } = lowered.recipe;
  if (!dataset.isUnmeasured) return { source, lowered };
  const { choosePlace, factsOf, openData } = await import('../training/data/open.js');
  const place = await choosePlace(dataset, data, source.data?.path, source);
  const facts = await factsOf(dataset, await openData(dataset, { place, onNotice }), { known: source.data?.facts, onNotice });
  const measured = { ...source, data: { ...source.data, facts } };
  return { source: measured, lowered: lower(measured) };
}

/** As `compile`, for a backend as it is described: what it can do need not be what this machine can. */
export async function planFor(given: Source, selected: SelectedBackend, options: CompileOptions): Promise<Compiled> {
  const { info } = selected;
  const settings = pickSettings(options);
  const { source, lowered } = await lowerMeasured(given, options);
  const { epoch } = options;
  const read = { source, settings, lowered, ...(epoch !== undefined && { epoch }) };
  const usual = withoutTail(lowered);
  const compileFor = (program: Program) => compileProgram(program, info.target);
  const { precision } = lowered.recipe;
  const formats = await withCalibration(usual, compileFor, options);
  const chosenBefore = formats !== undefined && isChoiceFor(precision, formats);
  if (precision.policy === 'fastest' && precision.compute !== 'f32' && !chosenBefore) {
    const { choice, costs } = await chooseByCosts(formats === undefined ? usual : withStoredFormats(usual, formats), selected, options);
    const program = withChoice(lowered, choice);
    return { ...read, program, plan: compileFor(program), costs, choice, formats: storedFormats(program, costs) };
  }
  const program = formats === undefined ? lowered : withStoredFormats(lowered, formats);
  const plan = compileFor(program);
  const known = await knownCosts(selected, options);
  // Half a table would make half a prediction; one that somebody gives is taken at its word. What ranks exchange is in none.
  const isTaken = options.costs !== undefined || options.ranks !== undefined;
  const covers = known !== undefined && (isTaken || stepCost(plan, program.recipe.train.accumulate, known).estimated === 0);
  const costs = covers ? known : undefined;
  return { ...read, program, plan, ...(costs && { costs }), ...(formats && { formats }) };
}

/**
 * Compiles a `.amp` file (a path, or a source text with the name to show for it) to the plan that a backend would run. The backend need not
 * be able to run here: planning asks only for its formats, but policy `fastest` for the times of its kernels. Throws UserError with every
 * mistake that the file has.
 */
export async function compile(input: string | Source, options: CompileOptions = {}): Promise<Compiled> {
  const compiled = await planFor(await sourceOf(input), await describeBackend(options.backend ?? 'auto', options), options);
  const { epochs } = compiled.lowered.recipe.train;
  if (compiled.epoch !== undefined && compiled.epoch >= epochs)
    throw userError(
      'AMP6215',
      `there is no epoch ${compiled.epoch + 1}`,
      `the run has ${epochs}`,
      'name one of them, or ask for more epochs',
    );
  return compiled;
}

/**
 * As `compile`, for a backend that can run here. Throws UserError when it cannot, with the reason, and when the machine's memory does not
 * hold what the plan takes in training, or in evaluation alone.
 */
export async function compileToRun(
  input: string | Source,
  { signal, ...options }: CompileOptions & { readonly signal?: AbortSignal | undefined },
  use: Use = 'training',
): Promise<Runnable> {
  const source = await sourceOf(input);
  return compileSelected(await selectBackend(options.backend ?? 'auto', { signal, onNotice: options.onNotice }), source, options, use);
}

/** As `compileToRun`, for a backend that was selected. */
export async function compileSelected(
  selected: SelectedBackend,
  source: Source,
  options: CompileOptions,
  use: Use = 'training',
): Promise<Runnable> {
  const compiled = await planFor(source, selected, options);
  const { plan, formats } = compiled;
  // Formats stay: others would be another model, and policy `fastest` would time kernels.
  const known = { ...options, formats, calibration: undefined, strictRanges: undefined };
  const withBatch =
    (epoch = options.epoch) =>
    async (batch: number) => {
      const smaller = { ...known, ...mergeSettings(pickSettings(options), { batch }), epoch };
      return (await planFor(source, selected, smaller)).plan;
    };
  const { dataset } = compiled.program.recipe;
  if (!usesHostMemory(selected.info)) return { ...compiled, ...selected };
  await refuseUnlessFits({ plan, use, dataset, withBatch: withBatch() });
  for (const epoch of use === 'training' ? (compiled.lowered.phases ?? []) : []) {
    const { plan: later } = await planFor(source, selected, { ...known, epoch });
    await refuseUnlessFits({ plan: later, use, dataset, withBatch: withBatch(epoch) });
  }
  return { ...compiled, ...selected };
}
