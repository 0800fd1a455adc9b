import { userError } from '../diagnostics/diagnostic.js';
import type { ComputeType } from '../ir/types.js';
import {
  type CostRates,
  type CostTable,
  callKey,
  describeCall,
  describeFunction,
  describeKernel,
  functionKey,
  type KernelCost,
  kernelKey,
  stepCalls,
} from '../plan/cost-table.js';
import type { Plan, PlanFunction } from '../plan/plan.js';
import { groupWork } from '../plan/work.js';
import type { Backend, Executable, Inputs, KernelTime, LoadOptions, MachineLimits } from '../runtime/backend.js';
import { makeInputs } from './inputs.js';
import { mean, pairedSeconds, quickest, repeatsFor, takeTurns, withLoaded } from './timing.js';

/** One function of one plan, to be timed. */
interface Contestant {
  readonly fn: PlanFunction;
  readonly inputs: Inputs;
  readonly executable: Executable;
}

interface Sample {
  readonly seconds: number;
  readonly kernels: readonly KernelTime[];
}

interface Timed {
  readonly fn: PlanFunction;
  readonly samples: readonly Sample[];
  /** Of the function as a whole, comparable with the others'. */
  readonly seconds: number;
}

async function profileOnce({ fn, inputs, executable }: Contestant): Promise<Sample> {
  const started = performance.now();
  const kernels = await executable.profile!(fn.name, inputs);
  await executable.drain();
  return { seconds: (performance.now() - started) / 1000, kernels };
}

/** Times of one function by key; kernels of the same content are several samples of one. */
function byKey({
  fn,
  samples,
  seconds: whole,
}: Timed): ReadonlyMap<string, { readonly kernel: string; readonly seconds: readonly number[] }> {
  const quick = quickest(samples);
  const found = new Map<string, { kernel: string; seconds: number[] }>();
  const add = (key: string, kernel: () => string, seconds: number) => {
    const known = found.get(key);
    if (known === undefined) found.set(key, { kernel: kernel(), seconds: [seconds] });
    else known.seconds.push(seconds);
  };
  for (const [index, group] of fn.groups.entries())
    add(kernelKey(fn, group), () => describeKernel(fn, group), mean(quick.map(({ kernels }) => kernels[index]!.seconds)));
  const outside = mean(quick.map(({ seconds, kernels }) => seconds - kernels.reduce((sum, kernel) => sum + kernel.seconds, 0)));
  add(callKey(fn), () => describeCall(fn), Math.max(0, outside));
  add(functionKey(fn), () => describeFunction(fn), whole);
  return found;
}

/** Speeds of the device: its limits where it can tell them, else the best that any kernel reached. */
function ratesOf(timed: readonly Timed[], limits: MachineLimits | undefined): CostRates {
  let launch = Infinity;
  let memory = 0;
  const flops: Record<ComputeType, number> = { f32: 0, f16: 0, bf16: 0 };
  for (const { fn, samples } of timed) {
    const quick = quickest(samples);
    for (const [index, group] of fn.groups.entries()) {
      const seconds = mean(quick.map(({ kernels }) => kernels[index]!.seconds));
      if (seconds <= 0) continue;
      const work = groupWork(fn, group);
      launch = Math.min(launch, seconds);
      memory = Math.max(memory, work.bytes / seconds);
      flops[work.format] = Math.max(flops[work.format], work.flops / seconds);
    }
  }
  const f32 = (limits?.f32.all ?? 0) * 1e9 || flops.f32 || Math.max(...Object.values(flops), 1e9);
  const bandwidth = (limits?.memory.all ?? 0) * 1e9 || memory || 1e9;
  return {
    launch: Number.isFinite(launch) ? launch : 1e-6,
    memory: bandwidth,
    cast: bandwidth,
    flops: { f32, f16: flops.f16 || f32, bf16: (limits?.bf16?.all ?? 0) * 1e9 || flops.bf16 || f32 },
  };
}

export interface Measured {
  readonly rates: CostRates;
  readonly kernels: Readonly<Record<string, KernelCost>>;
  /** Of one optimizer step of each plan, as a whole and without timing its kernels; where it was asked for. */
  readonly steps: readonly StepTime[];
}

/** Seconds of a step. */
export interface StepTime {
  /** Where the machine does nothing else, as `pairedSeconds`. */
  readonly quick: number;
  readonly median: number;
}

interface Setup {
  readonly backend: Backend;
  readonly load: LoadOptions;
  readonly seed: number;
  readonly classes: number;
  readonly accumulate: number;
  /** Timed calls of each function; by default as many as one and a half seconds hold. */
  readonly steps?: number | undefined;
  /** Times whole steps as well, in turns with the kernels. */
  readonly whole?: boolean;
}

/** One optimizer step, from the call until the device has finished. */
function wholeStep(plan: Plan, executable: Executable, { accumulate, classes }: Setup): () => Promise<Sample> {
  const calls = stepCalls(plan, accumulate).map(([{ name }, count]) => ({ name, count, inputs: makeInputs(plan, name, classes) }));
  return async () => {
    const started = performance.now();
    for (const { name, count, inputs } of calls) for (let i = 0; i < count; i += 1) await executable.call(name, inputs);
    await executable.drain();
    return { seconds: (performance.now() - started) / 1000, kernels: [] };
  };
}

function medianOf(samples: readonly Sample[]): number {
  return samples.map(({ seconds }) => seconds).sort((a, b) => a - b)[samples.length >> 1]!;
}

/** Times of all kernels by key: means over the plans and places that have them. */
function merge(timed: readonly Timed[]): ReadonlyMap<string, KernelCost> {
  const merged = new Map<string, { kernel: string; seconds: number[] }>();
  for (const one of timed) {
    for (const [key, { kernel, seconds }] of byKey(one))
      merged.set(key, { kernel, seconds: [...(merged.get(key)?.seconds ?? []), ...seconds] });
  }
  return new Map([...merged].map(([key, { kernel, seconds }]) => [key, { kernel, seconds: mean(seconds) }]));
}

/** What `before` lacks, brought to the speed that the machine had then: what both have tells how much faster or slower it is now. */
function addedTo(before: CostTable, found: ReadonlyMap<string, KernelCost>, timed: readonly Timed[]): ReadonlyMap<string, KernelCost> {
  const isKnown = (key: string) => before.kernels[key] !== undefined;
  const wholes = timed.map(({ fn }) => functionKey(fn)).filter(isKnown);
  const known = wholes.length > 0 ? wholes : [...found.keys()].filter(isKnown);
  const then = known.reduce((sum, key) => sum + before.kernels[key]!.seconds, 0);
  const now = known.reduce((sum, key) => sum + found.get(key)!.seconds, 0);
  const pace = then > 0 && now > 0 ? then / now : 1;
  const added = [...found].filter(([key]) => !isKnown(key));
  return new Map(added.map(([key, cost]) => [key, { ...cost, seconds: cost.seconds * pace }]));
}

/** What a call of the slowest takes; the first calls of a plan touch its memory for the first time. */
async function longestOf(contestants: readonly (() => Promise<Sample>)[]): Promise<number> {
  let longest = 0;
  for (const run of contestants) {
    let { seconds } = await run();
    for (let i = 0; i < 3 && seconds < 0.2; i += 1) ({ seconds } = await run());
    longest = Math.max(longest, seconds);
  }
  return longest;
}

/**
 * Times every kernel of the plans' training steps where it stands: inside the step, so that its operands are as far from the processor as
 * they will be. The plans take turns. With `before`, kernels that it has keep their times. Throws UserError AMP6012 for a backend that
 * cannot time its kernels, and as `load`.
 */
export async function measureCosts(plans: readonly Plan[], setup: Setup, before?: CostTable): Promise<Measured> {
  const { backend, load, seed, classes, accumulate } = setup;
  return withLoaded(backend, plans, { ...load, seed }, async (executables) => {
    if (executables.some(({ profile }) => profile === undefined)) {
      const fix = 'use --backend cpu, or give a table of costs with --costs FILE';
      throw userError('AMP6012', `the ${backend.name} backend cannot time its kernels`, undefined, fix);
    }
    const profiled = plans.flatMap((plan, index) =>
      stepCalls(plan, accumulate).map(([fn]): Contestant => {
        return { fn, inputs: makeInputs(plan, fn.name, classes), executable: executables[index]! };
      }),
    );
    const whole = setup.whole === true ? plans.map((plan, index) => wholeStep(plan, executables[index]!, setup)) : [];
    const contestants = [...profiled.map((contestant) => () => profileOnce(contestant)), ...whole];
    const repeats = repeatsFor(await longestOf(contestants));
    const samples = await takeTurns(contestants, { ...repeats, steps: setup.steps ?? repeats.steps });
    const paired = pairedSeconds(samples, repeats.row);
    const timed = profiled.map(({ fn }, index): Timed => ({ fn, samples: samples[index]!, seconds: paired[index]! }));
    const found = merge(timed);
    const limits = before === undefined ? await backend.limits?.({ ...load, seconds: 0.5 }) : undefined;
    return {
      rates: before?.rates ?? ratesOf(timed, limits),
      kernels: Object.fromEntries(before === undefined ? found : addedTo(before, found, timed)),
      steps: samples.slice(profiled.length).map((own, index) => ({ quick: paired[profiled.length + index]!, median: medianOf(own) })),
    };
  });
}
