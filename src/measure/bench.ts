import { COMPILE_KEYS, type KeysOf, refuseUnknown } from '../choose/option-keys.js';
import { type CompileOptions, compileToRun } from '../choose/plan-file.js';
import { prepareRow, timeInRows } from '../costs/rows.js';
import { precisionName } from '../ir/types.js';
import { loadOptions } from '../runtime/load-options.js';
import { findFunction, initialStates } from '../training/states.js';
import { summarizePlan } from './summary.js';

export interface BenchOptions extends CompileOptions {
  /** Timed steps; default 100. */
  readonly steps?: number | undefined;
  /** Steps before them; default 10. */
  readonly warmup?: number | undefined;
  readonly threads?: number | undefined;
}

/** One line of `ampc bench --json`. */
export const BENCH_KEYS: KeysOf<BenchOptions> = { ...COMPILE_KEYS, steps: true, warmup: true };

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

/**
 * Times the training step alone, several in a row as a run takes them: no data pipeline, no logging, inputs already in memory. Throws
 * UserError as `compile`.
 */
export async function bench(file: string, options: BenchOptions = {}): Promise<BenchResult> {
  refuseUnknown('bench', options, BENCH_KEYS);
  const { plan, program, backend, info } = await compileToRun(file, options);
  const { accumulate, seed } = program.recipe.train;
  const executable = await backend.load(plan, loadOptions(options));
  try {
    await executable.writeStates(initialStates(plan, seed));
    const calls = [...Array.from({ length: accumulate - 1 }, () => 'accumulate_step' as const), 'train_step' as const];
    const row = prepareRow(executable, plan, calls, program.recipe.classes);
    const warmup = options.warmup ?? 10;
    if (warmup > 0) await row(warmup);
    const times = [...(await timeInRows(row, options.steps ?? 100))].sort((a, b) => a - b);
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
