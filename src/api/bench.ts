import { precisionName } from '../ir/types.js';
import type { Executable } from '../runtime/backend.js';
import { findFunction, initialStates } from '../training/states.js';
import { type CompileOptions, compileToRun } from './compile.js';
import { makeInputs } from './inputs.js';
import { readSource } from './source.js';
import { summarizePlan } from './summary.js';

export interface BenchOptions extends CompileOptions {
  /** Timed steps; default 100. */
  readonly steps?: number | undefined;
  /** Steps before them; default 10. */
  readonly warmup?: number | undefined;
  readonly threads?: number | undefined;
}

/** One line of `ampc bench --json`. */
export interface BenchResult {
  readonly backend: string;
  readonly precision: string;
  /** Images per step. */
  readonly batch: number;
  readonly step_ms_median: number;
  readonly step_ms_min: number;
  readonly images_per_second: number;
  /** Billions of operations per second of the convolutions and matrix products, at the median. */
  readonly gflops: number;
  readonly compile_ms: number;
}

/** Milliseconds of each timed step, from the call until the device has finished. */
async function timeSteps(executable: Executable, step: () => Promise<void>, warmup: number, steps: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < warmup + steps; i += 1) {
    const started = performance.now();
    await step();
    await executable.drain();
    if (i >= warmup) times.push(performance.now() - started);
  }
  return times.sort((a, b) => a - b);
}

/** Times the training step alone: no data pipeline, no logging, inputs already in memory. Throws UserError as `compile`. */
export async function bench(file: string, options: BenchOptions = {}): Promise<BenchResult> {
  const { plan, program, backend, info } = await compileToRun(await readSource(file), options);
  const { accumulate, seed } = program.recipe.train;
  const executable = await backend.load(plan, options.threads === undefined ? {} : { threads: options.threads });
  try {
    await executable.writeStates(initialStates(plan, seed));
    const { classes } = program.recipe;
    const micro = accumulate > 1 ? makeInputs(plan, 'accumulate_step', classes) : {};
    const last = makeInputs(plan, 'train_step', classes);
    const step = async () => {
      for (let i = 1; i < accumulate; i += 1) await executable.call('accumulate_step', micro);
      await executable.call('train_step', last);
    };
    const times = await timeSteps(executable, step, options.warmup ?? 10, options.steps ?? 100);
    const median = times[times.length >> 1]!;
    const batch = findFunction(plan, 'train_step')!.batch * accumulate;
    const flops = summarizePlan(plan).functions.reduce((sum, fn) => {
      if (fn.name === 'train_step') return sum + fn.flops;
      return fn.name === 'accumulate_step' ? sum + fn.flops * (accumulate - 1) : sum;
    }, 0);
    return {
      backend: info.name,
      precision: precisionName(plan.precision),
      batch,
      step_ms_median: round(median),
      step_ms_min: round(times[0]!),
      images_per_second: round((1000 * batch) / median),
      gflops: round(flops / median / 1e6),
      compile_ms: round(executable.compileMs),
    };
  } finally {
    await executable.dispose();
  }
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
