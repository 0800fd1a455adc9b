import { compileProgram } from '../compile.js';
import { cachedCosts, keepCosts, machineOf, readCosts } from '../costs/costs.js';
import { costsName } from '../costs/costs-name.js';
import { userError } from '../diagnostics/diagnostic.js';
import { type FoundOrigin, type FoundPin, isFound } from '../ir/pin.js';
import type { PrecisionSpec, Program, RulePolicy } from '../ir/program.js';
import type { ComputeType } from '../ir/types.js';
import { formatWhy, parseWhy } from '../ir/why.js';
import { COSTS_FORMAT, type CostTable } from '../plan/cost-table.js';
import { chooseFastest, type FastestChoice } from '../plan/fastest.js';
import type { Plan } from '../plan/plan.js';
import { loadOptions } from '../runtime/load-options.js';
import type { SelectedBackend } from '../runtime/select.js';

/** What policy `fastest` chose, as config.json keeps it: with its pins, all that the plan depends on besides file and settings. */
export interface StoredChoice {
  readonly compute: ComputeType;
  /** The policy that decides where no pin does. */
  readonly policy: RulePolicy;
  /** Why everything is in f32. */
  readonly reason?: string;
  /** The table of costs, for a reader. */
  readonly costs: string;
}

export interface StoredFormats {
  readonly pins?: readonly FoundPin[];
  readonly fastest?: StoredChoice;
}

/** Whether a stored choice is one for these settings: a run that is asked for another format now has none. */
export function isChoiceFor({ policy, compute }: PrecisionSpec, { fastest }: StoredFormats): boolean {
  if (policy !== 'fastest' || fastest === undefined || compute === 'f32') return false;
  return fastest.compute === compute || fastest.compute === 'f32';
}

/**
 * The program with formats that a run was started with. Pins that `fastest` or a calibration chose give way to the file's; those of a
 * replan have the last word.
 */
export function withStoredFormats(program: Program, formats: StoredFormats): Program {
  const { precision } = program.recipe;
  const { pins = [], fastest } = formats;
  const follows = isChoiceFor(precision, formats);
  const found = (kind: FoundOrigin['kind']) => pins.filter(({ origin }) => origin.kind === kind);
  // What a calibration found is a proposal; what a run has met is a fact.
  const before = [...(follows ? found('fastest') : []), ...found('calibration')];
  const spec: PrecisionSpec = {
    ...precision,
    pins: [...before, ...precision.pins, ...found('replan')],
    ...(follows && fastest && chosenSettings(precision, fastest)),
  };
  return withPrecision(program, spec);
}

function chosenSettings(precision: PrecisionSpec, { compute, policy, reason }: StoredChoice): Partial<PrecisionSpec> {
  const chosen = { basis: policy, ...(reason !== undefined && { reason: parseWhy(reason) }) };
  return { compute, chosen, ...(compute !== precision.compute && { lossScaling: undefined }) };
}

function withPrecision({ recipe, ...graphs }: Program, precision: PrecisionSpec): Program {
  return { ...graphs, recipe: { ...recipe, precision } };
}

/** What a run keeps of a choice. */
export function storedFormats({ recipe }: Program, costs: CostTable): StoredFormats {
  const { compute, chosen, pins } = recipe.precision;
  if (chosen === undefined) return {};
  const { basis, reason } = chosen;
  return {
    fastest: { compute, policy: basis, ...(reason !== undefined && { reason: formatWhy(reason) }), costs: costsName(costs) },
    pins: pins.filter(isFound),
  };
}

export interface CostOptions {
  /** A file with a table of costs, instead of those measured on this machine. */
  readonly costs?: string | undefined;
  readonly threads?: number | undefined;
  /** Told what takes a while. */
  readonly onNotice?: ((text: string) => void) | undefined;
}

/** The costs that are at hand for a backend, without measuring. Throws UserError AMP6014 for a file that is no table. */
export async function knownCosts({ info }: Pick<SelectedBackend, 'info'>, { costs, threads }: CostOptions): Promise<CostTable | undefined> {
  return costs === undefined ? cachedCosts(machineOf(info, threads)) : readCosts(costs);
}

/** Before anything is measured: any rates will do, for only the plans to be measured depend on them. */
function emptyTable(machine: CostTable['machine']): CostTable {
  return {
    format: COSTS_FORMAT,
    machine,
    rates: { launch: 1e-6, memory: 1e10, cast: 1e10, flops: { f32: 1e11, f16: 1e11, bf16: 1e11 } },
    kernels: {},
  };
}

/** The cut can move when new kernels are measured, and then has new kernels; it is left at that after so many times. */
const ROUNDS = 4;

export interface Chosen {
  readonly choice: FastestChoice;
  readonly costs: CostTable;
}

/**
 * Chooses formats by the costs of a given table, or by those of this machine; what these lack is measured, and kept. `fresh` measures
 * everything anew. Throws UserError AMP6012 for a backend that cannot time its kernels, and AMP6010 for one that cannot run here.
 */
export async function chooseByCosts(
  program: Program,
  { backend, info }: SelectedBackend,
  options: CostOptions & { readonly fresh?: boolean; readonly steps?: number | undefined } = {},
): Promise<Chosen> {
  const { recipe } = program;
  const { accumulate, seed } = recipe.train;
  const compile = (precision: PrecisionSpec): Plan => compileProgram(withPrecision(program, precision), info.target);
  const choose = (costs: CostTable) => chooseFastest({ spec: recipe.precision, accumulate, compile, costs });
  if (options.costs !== undefined) {
    const costs = await readCosts(options.costs);
    return { choice: choose(costs), costs };
  }
  const machine = machineOf(info, options.threads);
  let table = options.fresh === true ? undefined : await cachedCosts(machine);
  let choice = choose(table ?? emptyTable(machine));
  for (let round = 0; round < ROUNDS; round += 1) {
    // Before the first costs, the cut means nothing.
    const unknown = choice.candidates.filter(
      ({ name, estimated, whole }) => (estimated > 0 || !whole) && !(table === undefined && name === 'min-cut'),
    );
    if (unknown.length === 0) break;
    // In turns with one that is known, for the machine may be faster or slower than it was then.
    const yardstick = choice.candidates.filter(({ whole }) => whole).sort((a, b) => a.seconds - b.seconds)[0];
    if (!info.available)
      throw userError(
        'AMP6010',
        `the ${info.name} backend cannot run here, so its kernels cannot be timed`,
        info.reason,
        'give a table of costs with --costs FILE',
      );
    options.onNotice?.(`timing the kernels of ${unknown.map(({ name }) => name).join(', ')} on ${info.device ?? info.name} ...`);
    const load = loadOptions(options);
    const setup = { backend, load, seed, classes: recipe.classes, accumulate, steps: options.steps };
    const { measureCosts } = await import('../costs/measure-costs.js');
    const { rates, kernels } = await measureCosts(
      [...unknown, ...(yardstick === undefined ? [] : [yardstick])].map(({ plan }) => plan),
      setup,
      table,
    );
    const kept = await keepCosts(machine, rates, kernels, options.onNotice);
    // Times of another hour would not compare with those of now.
    table = options.fresh === true ? { ...kept, kernels: { ...table?.kernels, ...kernels } } : kept;
    choice = choose(table);
  }
  return { choice, costs: table ?? emptyTable(machine) };
}

/** The program with the formats that policy `fastest` chose for it. */
export function withChoice(program: Program, { best }: FastestChoice): Program {
  return withPrecision(program, best.precision);
}
