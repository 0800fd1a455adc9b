import { refuseUnknown } from '../choose/option-keys.js';
import { compileToRun } from '../choose/plan-file.js';
import { makeInputs } from '../costs/inputs.js';
import { mean, middleThird } from '../costs/timing.js';
import { userError } from '../diagnostics/diagnostic.js';
import { type ComputeType, precisionName } from '../ir/types.js';
import type { GroupKind } from '../plan/plan.js';
import { type GroupWork, groupWork, type KernelMethod } from '../plan/work.js';
import type { KernelTime, MachineLimits, Rate } from '../runtime/backend.js';
import { loadOptions } from '../runtime/load-options.js';
import { findFunction, initialStates } from '../training/states.js';
import { BENCH_KEYS, type BenchOptions } from './bench.js';

/** One group of the training step. */
export interface GroupProfile {
  readonly group: string;
  readonly kind: GroupKind;
  /** How its contraction is computed, unless product by product: "Winograd 4x4". */
  readonly method: string | null;
  readonly ms: number;
  /** Of the step, 0 to 1. */
  readonly share: number;
  /** Of the convolutions and matrix products as they are defined, whatever the method; 0 for other groups. */
  readonly gflops: number;
  /** Bytes that the plan has the group read and write, each value once; caches may serve them. */
  readonly gigabytes_per_second: number;
  /**
   * Time at the device's limit (of the method's arithmetic, or memory, whichever takes longer) over the time taken; over 1 where caches
   * serve.
   */
  readonly limit_share: number | null;
}

/** One line of `ampc bench --profile --json`. */
export interface Profile {
  readonly backend: string;
  readonly precision: string;
  readonly batch: number;
  /** One call of train_step, as the caller sees it: the groups' times and `outside_ms` add up to it. */
  readonly step_ms: number;
  /** Copying inputs, the foreign call and returning to the event loop. */
  readonly outside_ms: number;
  readonly groups: readonly GroupProfile[];
  readonly limits: MachineLimits | null;
}

/** What multiplies operands of a format on the processor: f16 is widened, and bf16 too where there are no dot products of pairs. */
const PRODUCTS: Readonly<Record<ComputeType, (limits: MachineLimits) => Rate>> = {
  f32: ({ f32 }) => f32,
  f16: ({ f32 }) => f32,
  bf16: ({ bf16, f32 }) => bf16 ?? f32,
};

function limitSeconds({ flops, format, bytes }: GroupWork, method: KernelMethod | undefined, limits: MachineLimits): number {
  // A method's products are f32 in every format.
  const arithmetic = PRODUCTS[method === undefined ? format : 'f32'](limits);
  return Math.max((flops * (method?.multiplications ?? 1)) / arithmetic.all, bytes / limits.memory.all) * 1e-9;
}

interface Sample {
  readonly seconds: number;
  readonly kernels: readonly KernelTime[];
}

/**
 * Where the time of the training step goes, kernel by kernel. Every profiled call times its kernels; the calls around the median are
 * averaged. Throws UserError as `compile`, and AMP6012 for a backend that cannot tell.
 */
export async function profile(file: string, options: BenchOptions = {}): Promise<Profile> {
  refuseUnknown('profile', options, BENCH_KEYS);
  const { plan, program, backend, info } = await compileToRun(file, options);
  const fn = findFunction(plan, 'train_step');
  if (fn === undefined) throw new Error('the plan has no train_step');
  const load = loadOptions(options);
  const limits = await backend.limits?.(load);
  const executable = await backend.load(plan, load);
  try {
    if (executable.profile === undefined) {
      throw userError('AMP6012', `the ${info.name} backend cannot time its kernels`, undefined, 'use --backend cpu');
    }
    await executable.writeStates(initialStates(plan, program.recipe.train.seed));
    const inputs = makeInputs(plan, 'train_step', program.recipe.classes);
    const warmup = options.warmup ?? 10;
    const samples: Sample[] = [];
    for (let i = 0; i < warmup + (options.steps ?? 100); i += 1) {
      const started = performance.now();
      const kernels = await executable.profile('train_step', inputs);
      if (i >= warmup) samples.push({ seconds: (performance.now() - started) / 1000, kernels });
      await executable.drain();
    }
    const middle = middleThird(samples);
    const step = mean(middle.map(({ seconds }) => seconds));
    const groups = fn.groups.map((group, index): GroupProfile => {
      const seconds = mean(middle.map(({ kernels }) => kernels[index]!.seconds));
      const work = groupWork(fn, group);
      const { method } = middle[0]!.kernels[index]!;
      return {
        group: group.name,
        kind: group.kind,
        method: method?.name ?? null,
        ms: seconds * 1000,
        share: seconds / step,
        gflops: seconds === 0 ? 0 : (work.flops / seconds) * 1e-9,
        gigabytes_per_second: seconds === 0 ? 0 : (work.bytes / seconds) * 1e-9,
        limit_share: limits === undefined || seconds === 0 ? null : limitSeconds(work, method, limits) / seconds,
      };
    });
    return {
      backend: info.name,
      precision: precisionName(plan.precision),
      batch: fn.batch,
      step_ms: step * 1000,
      outside_ms: step * 1000 - groups.reduce((sum, { ms }) => sum + ms, 0),
      groups,
      limits: limits ?? null,
    };
  } finally {
    await executable.dispose();
  }
}
