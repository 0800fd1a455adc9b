import { COMPILE_KEYS, type KeysOf, refuseUnknown } from '../choose/option-keys.js';
import { type CompileOptions, compileSelected } from '../choose/plan-file.js';
import { pickSettings } from '../choose/settings.js';
import { type Source, userError } from '../diagnostics/diagnostic.js';
import { sourceOf } from '../files/source.js';
import { given } from '../given.js';
import { divideEpoch } from '../ir/epoch.js';
import { RATE } from '../ir/parameter-groups.js';
import type { TrainSpec } from '../ir/program.js';
import { type PrecisionName, precisionName } from '../ir/types.js';
import { lowerProgram } from '../lower/lower.js';
import { loadOptions } from '../runtime/load-options.js';
import { selectBackend } from '../runtime/select.js';
import { checkData } from '../training/check-data.js';
import { Batcher } from '../training/data/batcher.js';
import { choosePlace, factsOf, openData } from '../training/data/open.js';
import { type InitChoices, initOf } from '../training/init/choices.js';
import { groupRates, type Rates } from '../training/schedule.js';
import { startStates } from '../training/start-states.js';
import { findFunction } from '../training/states.js';
import type { StepResult } from '../training/step-result.js';
import { Stepper } from '../training/stepper.js';
import { adviseRate, hasDiverged, type RateAdvice, type RatePoint, smooth } from './rate-curve.js';

export interface LearningRateOptions extends CompileOptions, InitChoices {
  /** The rates of the first and the last step; default 1e-6 and 10. Those between rise by the same factor from step to step. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** Default 100. */
  readonly steps?: number | undefined;
  readonly data?: string | undefined;
  readonly threads?: number | undefined;
  readonly workers?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: ((step: number, steps: number) => void) | undefined;
}

const LEARNING_RATE_KEYS: KeysOf<LearningRateOptions> = {
  ...COMPILE_KEYS,
  from: true,
  init: true,
  initLayout: true,
  initMap: true,
  initPartial: true,
  onStep: true,
  signal: true,
  steps: true,
  to: true,
  workers: true,
};

/** What a range test found. */
export interface LearningRateTest extends RateAdvice {
  readonly model: string;
  readonly backend: string;
  readonly precision: PrecisionName;
  /** Images of a step. */
  readonly images: number;
  /** The rate that the file has. */
  readonly present: number;
  readonly points: readonly RatePoint[];
  /** Where the suggestion goes: `train.optimizer.lr=0.0032`; null without one. */
  readonly set: string | null;
}

const [FROM, TO, STEPS] = [1e-6, 10, 100];

/** Fewer say nothing of a slope. */
const LEAST_STEPS = 20;

/** Steps between two looks at the losses. */
const TOGETHER = 4;

function checkRange(from: number, to: number, steps: number): void {
  const isRange = from > 0 && to > from && Number.isFinite(to);
  if (isRange && Number.isSafeInteger(steps) && steps >= LEAST_STEPS) return;
  throw userError(
    'AMP6214',
    isRange ? `a range test takes at least ${LEAST_STEPS} steps` : `${from} to ${to} is no range of learning rates`,
    isRange ? `it was asked for ${steps}` : 'rates are above 0, and the second is higher than the first',
    isRange ? 'ask for more steps' : 'give two rates, such as 1e-5:1',
  );
}

/** Rates of which that of the optimizer is `rate`: those of groups keep their proportion to it. */
function ratesOf(train: TrainSpec, rate: number): Rates {
  const groups = [...groupRates(train)].map(([name, { optimizer }]) => [name, (rate * optimizer.lr) / train.optimizer.lr] as const);
  return { [RATE]: rate, ...Object.fromEntries(groups) };
}

interface Measured {
  readonly results: readonly StepResult[];
  readonly interrupted: boolean;
}

/** Takes the steps until the losses are lost. */
async function measure(stepper: Stepper, steps: number, { signal, onStep }: LearningRateOptions): Promise<Measured> {
  const results: StepResult[] = [];
  for (let step = 0; step < steps; ) {
    if (signal?.aborted) return { results, interrupted: true };
    const end = Math.min(steps, step + TOGETHER);
    while (step < end) step += await stepper.enqueue(step, end - step);
    results.push(...(await stepper.drain()));
    onStep?.(step, steps);
    if (hasDiverged(results.map(({ loss }) => loss))) break;
  }
  return { results, interrupted: false };
}

/**
 * Looks for a learning rate by a range test: the first steps of a run, with a rate that rises from step to step, until the loss is lost.
 * Nothing is kept. The schedule, with its warmup, has no part in it. The same seed, backend and machine give the same numbers. Throws
 * UserError as `train`, AMP6214 for another range; undefined when `signal` was aborted.
 */
export async function findLearningRate(input: string | Source, options: LearningRateOptions = {}): Promise<LearningRateTest | undefined> {
  refuseUnknown('findLearningRate', options, LEARNING_RATE_KEYS);
  const { from = FROM, to = TO, steps = STEPS, data, workers, signal, onNotice } = options;
  checkRange(from, to, steps);
  const init = initOf(options);
  const source = await sourceOf(input);
  const selected = await selectBackend(options.backend ?? 'auto', { signal, onNotice });
  const spec = lowerProgram(source, { overrides: pickSettings(options), images: 0 }).recipe.dataset;
  const place = await choosePlace(spec, data, source.data?.path, source);
  const dataset = await openData(spec, { place, classes: source.data?.facts?.classes, onNotice, signal, workers });
  const facts = await factsOf(spec, dataset, { known: source.data?.facts, onNotice });
  const whole = { ...source, data: given({ path: place, facts }) };
  const { plan, program, backend, info } = await compileSelected(selected, whole, { ...options, images: dataset.train.count });
  const { recipe } = program;
  const { seed, accumulate, dropLast, optimizer } = recipe.train;
  const batch = findFunction(plan, 'train_step')?.batch ?? recipe.train.batch;
  const division = divideEpoch(dataset.train.count, batch, accumulate, dropLast);
  checkData({ recipe, dataset }, division);
  const { augment, mean } = recipe.dataset;
  const batcher = new Batcher(dataset.train, { seed, shuffle: true, augment, mean });
  const rates = Array.from({ length: steps }, (_, step) => from * (to / from) ** (step / (steps - 1)));
  const { states } = await startStates({ plan, recipe, dataset, ...given({ init }) });
  const executable = await backend.load(plan, loadOptions(options));
  try {
    await executable.writeStates(states);
    const stepper = new Stepper({ executable, plan, batcher, division, rates: (step) => ratesOf(recipe.train, rates[step]!) });
    const { results, interrupted } = await measure(stepper, steps, options);
    if (interrupted) return undefined;
    const losses = results.map(({ loss }) => loss);
    const smoothed = smooth(losses);
    const advice = adviseRate(rates, losses);
    return {
      model: plan.model,
      backend: info.name,
      precision: precisionName(plan.precision),
      images: batch * accumulate,
      present: optimizer.lr,
      points: results.map(({ loss, skipped }, step) => ({
        rate: rates[step]!,
        loss: Number.isFinite(loss) ? loss : null,
        smoothed: smoothed[step] ?? null,
        skipped,
      })),
      ...advice,
      set: advice.suggestion === null ? null : `train.optimizer.lr=${advice.suggestion}`,
    };
  } finally {
    await executable.dispose();
  }
}
