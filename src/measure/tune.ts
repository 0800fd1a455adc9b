import { chooseByCosts } from '../choose/formats.js';
import { COMPILE_KEYS, type KeysOf, refuseUnknown } from '../choose/option-keys.js';
import { type CompileOptions, compileToRun, type Runnable } from '../choose/plan-file.js';
import { keepCosts, machineOf } from '../costs/costs.js';
import { costsName } from '../costs/costs-name.js';
import { measureCosts } from '../costs/measure-costs.js';
import { isFound } from '../ir/pin.js';
import type { PrecisionSpec } from '../ir/program.js';
import type { PrecisionName } from '../ir/types.js';
import { precisionName } from '../ir/types.js';
import { type CostTable, callKey, functionKey, kernelKey, stepCalls, stepCost } from '../plan/cost-table.js';
import { trainStep } from '../plan/facts.js';
import type { FastestChoice } from '../plan/fastest.js';
import { loadOptions } from '../runtime/load-options.js';

export interface TuneOptions extends CompileOptions {
  /** Timed steps of every plan; default: one and a half seconds of them. */
  readonly steps?: number | undefined;
}

const TUNE_KEYS: KeysOf<TuneOptions> = { ...COMPILE_KEYS, steps: true };

/** What one layer costs in either format, and which one was chosen. */
export interface LayerChoice {
  readonly layer: string;
  /** Milliseconds of a step; null where the format is not allowed. */
  readonly low_ms: number | null;
  readonly full_ms: number | null;
  /** By the minimum cut. */
  readonly chosen: PrecisionName;
}

export interface Candidate {
  readonly name: 'fp32' | 'autocast' | 'mixed' | 'min-cut';
  /** By the costs that decided, measured before. */
  readonly predicted_ms: number;
  /** The step with its kernels timed, in turns with the step as it is. */
  readonly kernels_ms: number;
  /** Of quick steps, compared within their turns. */
  readonly measured_ms: number;
  readonly measured_median_ms: number;
}

export interface Tuning {
  readonly model: string;
  readonly backend: string;
  readonly precision: PrecisionName;
  readonly batch: number;
  /** The table of costs: backend, device and threads. */
  readonly costs: string;
  readonly layers: readonly LayerChoice[];
  /** Milliseconds of a step that belong to no layer, in f32 and with low formats. */
  readonly rest: { readonly low_ms: number; readonly full_ms: number };
  /** 10^9 bytes a second, the price of a cast. */
  readonly bandwidth: number;
  readonly candidates: readonly Candidate[];
  /** The candidate that policy `fastest` takes by the costs that decided. */
  readonly taken: Candidate['name'];
  /** The candidate that measured best. */
  readonly best: Candidate['name'];
  /** Lines of the precision section that make the best plan. */
  readonly lines: readonly string[];
}

interface Chosen {
  readonly runnable: Runnable;
  readonly choice: FastestChoice;
  readonly costs: CostTable;
}

/** Compiles the file for a choice of formats, whatever policy it names; a file in fp32 is tried with fp16. */
async function choose(file: string, options: TuneOptions, fresh: boolean): Promise<Chosen> {
  const runnable = await compileToRun(file, { ...options, policy: 'mixed' });
  const { recipe } = runnable.program;
  const { precision } = recipe;
  const program =
    precision.compute === 'f32'
      ? { ...runnable.program, recipe: { ...recipe, precision: { ...precision, compute: 'f16' } } }
      : runnable.program;
  return {
    runnable,
    ...(await chooseByCosts(program as Runnable['program'], runnable, { ...options, fresh })),
  };
}

const milliseconds = (seconds: number): number | null => (Number.isFinite(seconds) ? seconds * 1000 : null);

function withPins({ compute, pins }: PrecisionSpec): readonly string[] {
  const keep = pins.filter(isFound).map(({ pattern, dtype }) => `keep ${pattern} in ${precisionName(dtype)}`);
  return [`compute ${precisionName(compute)}`, ...keep];
}

/** Lines of the precision section that ask for a candidate; `low` is the format that the file computes in. */
const LINES: Readonly<Record<Candidate['name'], (precision: PrecisionSpec, low: PrecisionName) => readonly string[]>> = {
  fp32: () => ['compute fp32'],
  autocast: (_, low) => [`compute ${low}`, 'policy autocast'],
  mixed: withPins,
  'min-cut': withPins,
};

/**
 * Finds the formats that make the training step fastest on this machine, as policy `fastest` does, and then times fp32, autocast, mixed and
 * the formats of the minimum cut as they are, in turns with all their kernels; the table of costs keeps what was found. Losses and softmax
 * stay in f32, and pins of the file hold. Throws UserError as `bench`, and AMP6012 for a backend that cannot time its kernels.
 */
export async function tune(file: string, options: TuneOptions = {}): Promise<Tuning> {
  refuseUnknown('tune', options, TUNE_KEYS);
  const { runnable, choice, costs: first } = await choose(file, options, true);
  const { backend, info, program } = runnable;
  const { train, classes } = program.recipe;
  const load = loadOptions(options);
  const setup = { backend, load, seed: train.seed, classes, accumulate: train.accumulate, steps: options.steps, whole: true };
  const plans = choice.candidates.map(({ plan }) => plan);
  const { rates, kernels, steps } = await measureCosts(plans, setup);
  const costs: CostTable = { ...first, rates, kernels };
  await keepCosts(machineOf(info, options.threads), rates, kernels, options.onNotice);
  const candidates = choice.candidates.map((candidate, index) => {
    return { ...candidate, kernels: stepCost(candidate.plan, train.accumulate, costs).seconds, measured: steps[index]! };
  });
  const { problem, layers, rest } = choice.costs;
  const best = candidates
    .filter(({ allowed }) => allowed)
    .reduce((before, next) => (next.measured.quick < before.measured.quick ? next : before));
  const low = precisionName(candidates[0]!.precision.compute);
  return {
    model: runnable.plan.model,
    backend: info.name,
    precision: low,
    batch: trainStep(runnable.plan).batch,
    costs: costsName(costs),
    layers: layers.map((layer, unit): LayerChoice => {
      const { low: fast, full } = problem.units[unit]!;
      return { layer, low_ms: milliseconds(fast), full_ms: milliseconds(full), chosen: choice.low[unit] ? low : 'fp32' };
    }),
    rest: { low_ms: rest.low * 1000, full_ms: rest.full * 1000 },
    bandwidth: rates.cast * 1e-9,
    candidates: candidates.map(({ name, seconds, kernels: sum, measured }): Candidate => {
      const whole = { measured_ms: measured.quick * 1000, measured_median_ms: measured.median * 1000 };
      return { name, predicted_ms: seconds * 1000, kernels_ms: sum * 1000, ...whole };
    }),
    taken: choice.best.name,
    best: best.name,
    lines: LINES[best.name](best.precision, low),
  };
}

/** One row of a table of costs, as it concerns a file. */
export interface KernelRow {
  readonly kernel: string;
  readonly ms: number;
  /** The plans that have the kernel, and how often in a step. */
  readonly uses: readonly { readonly plan: Candidate['name']; readonly times: number }[];
}

export interface FileCosts {
  /** Only the kernels of the file's plans. */
  readonly table: CostTable;
  readonly name: string;
  /** Dearest first. */
  readonly rows: readonly KernelRow[];
}

/** The costs by which policy `fastest` decides about a file; kernels that were not measured yet are measured. Throws as `tune`. */
export async function fileCosts(file: string, options: TuneOptions = {}): Promise<FileCosts> {
  refuseUnknown('fileCosts', options, TUNE_KEYS);
  const { runnable, choice, costs } = await choose(file, options, false);
  const uses = new Map<string, Map<Candidate['name'], number>>();
  for (const { name, plan } of choice.candidates) {
    for (const [fn, calls] of stepCalls(plan, runnable.program.recipe.train.accumulate)) {
      for (const key of [...fn.groups.map((group) => kernelKey(fn, group)), callKey(fn), functionKey(fn)]) {
        const counts = uses.get(key) ?? new Map<Candidate['name'], number>();
        uses.set(key, counts.set(name, (counts.get(name) ?? 0) + calls));
      }
    }
  }
  const known = [...uses].flatMap(([key, counts]) => (costs.kernels[key] === undefined ? [] : [{ key, cost: costs.kernels[key], counts }]));
  const rows = known.map(({ cost, counts }): KernelRow => {
    return { kernel: cost.kernel, ms: cost.seconds * 1000, uses: [...counts].map(([plan, times]) => ({ plan, times })) };
  });
  return {
    table: { ...costs, kernels: Object.fromEntries(known.map(({ key, cost }) => [key, cost])) },
    name: costsName(costs),
    rows: rows.sort((a, b) => b.ms - a.ms),
  };
}
