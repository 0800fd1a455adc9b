import { planInFp32 } from '../choose/fp32.js';
import { COMPILE_KEYS, type KeysOf, refuseUnknown } from '../choose/option-keys.js';
import { type CompileOptions, compileToRun, type Runnable } from '../choose/plan-file.js';
import { type ComputeType, type DType, elementCount, type Graph, type ValueId } from '../ir/types.js';
import { opDefinition } from '../ops/index.js';
import { trainStep, valueLabel } from '../plan/facts.js';
import { type Observed, observable, observe } from '../plan/observe.js';
import type { Plan } from '../plan/plan.js';
import type { Executable, InputData, Inputs } from '../runtime/backend.js';
import { loadOptions } from '../runtime/load-options.js';
import { Batcher } from '../training/data/batcher.js';
import { choosePlace, openSplit } from '../training/data/open.js';
import { wholeBatches } from '../training/data/whole-batches.js';
import { groupRates } from '../training/schedule.js';
import { furtherBuffers, furtherInputs, initialStates, inputNames, targetBuffer } from '../training/states.js';
import { whitenedStates } from '../training/whitening.js';
import { type Distance, distance, worse } from './distance.js';

export interface VerifyOptions extends CompileOptions {
  /** Default 3. */
  readonly steps?: number | undefined;
  readonly data?: string | undefined;
  readonly threads?: number | undefined;
  /** Largest relative error that passes, by norm. Default 0.25 in fp16, 0.5 in bf16: a pool that takes another of two near-equal
   * pixels moves a whole gradient. */
  readonly maxError?: number | undefined;
  /** Smallest cosine that passes. Default 0.95 in fp16, 0.85 in bf16. */
  readonly minCosine?: number | undefined;
  /**
   * Largest share of a gradient's elements that may be 0 here and not in fp32. Default 0.05. Of activations the error says enough: 0 for
   * 1e-9 is near.
   */
  readonly maxVanished?: number | undefined;
  readonly onStep?: ((step: number) => void) | undefined;
}

/** How far a value is from the same value in fp32; each number is that of the worst step. */
const VERIFY_KEYS: KeysOf<VerifyOptions> = {
  ...COMPILE_KEYS,
  maxError: true,
  maxVanished: true,
  minCosine: true,
  onStep: true,
  steps: true,
};

export interface Deviation extends Distance {
  readonly layer: string;
  readonly op: string;
  readonly kind: 'activation' | 'gradient';
  /** Of what it is the gradient; empty for activations. */
  readonly of: string;
  readonly dtype: DType;
  readonly pass: boolean;
}

export interface Limits {
  readonly maxError: number;
  readonly minCosine: number;
  readonly maxVanished: number;
}

export interface Verification {
  readonly model: string;
  readonly precision: ComputeType;
  readonly backend: string;
  readonly batch: number;
  readonly steps: number;
  /** Steps whose gradients overflowed; they are compared up to there. */
  readonly skipped: number;
  readonly limits: Limits;
  /** Those that fail first, each kind worst first. */
  readonly deviations: readonly Deviation[];
  readonly pass: boolean;
}

interface Pair {
  readonly name: string;
  readonly here: Observed;
  /** The output of the fp32 plan that has the terms of a sum. */
  readonly terms: string | undefined;
}

/** What a gradient is the plain sum of, such as that of a bias. */
function termsOf({ nodes }: Graph, { value, kind }: Observed): ValueId | undefined {
  const node = nodes[value]!;
  if (kind !== 'gradient' || opDefinition(node.op).plainSum !== true) return undefined;
  return node.inputs[0];
}

interface Side {
  readonly plan: Plan;
  readonly executable: Executable;
}

const DEFAULT_LIMITS: Readonly<Record<ComputeType, Limits>> = {
  f32: { maxError: 0.25, minCosine: 0.95, maxVanished: 0.05 },
  f16: { maxError: 0.25, minCosine: 0.95, maxVanished: 0.05 },
  bf16: { maxError: 0.5, minCosine: 0.85, maxVanished: 0.05 },
};

async function makeBatches({ plan, program, source }: Runnable, data: string | undefined) {
  const { dataset, train } = program.recipe;
  const { batch, graph } = trainStep(plan);
  const set = await openSplit(dataset, 'train', { place: await choosePlace(dataset, data, undefined, source) });
  const batches = wholeBatches(set, batch, dataset.name);
  const batcher = new Batcher(set, { seed: train.seed, shuffle: true, augment: undefined });
  const wanted = inputNames(graph);
  const target = targetBuffer(graph);
  const further = furtherBuffers(graph);
  const image = new Uint8Array(batch * elementCount(set.shape));
  const own = [...groupRates(train)].map(([name, { optimizer }]) => [name, Float32Array.of(optimizer.lr)] as const);
  const rates = { lr: Float32Array.of(train.optimizer.lr), ...Object.fromEntries(own) };
  const buffers = { image, label: new Int32Array(batch), ...(target && { target }), ...furtherInputs(further) };
  const next = async (step: number): Promise<Inputs> => {
    await batcher.hold(0, (step % batches) * batch, batch);
    batcher.fill(0, (step % batches) * batch, image, buffers.label, target, further);
    const all: Record<string, InputData> = { ...buffers, ...rates, step: Int32Array.of(step) };
    return Object.fromEntries(Object.entries(all).filter(([name]) => wanted.has(name)));
  };
  return { next, whitened: await whitenedStates(plan, set, dataset) };
}

/** One step on both sides from the states of the first; the scale that it used, and whether it was skipped. */
async function stepBoth(low: Side, full: Side, inputs: Inputs): Promise<{ readonly scale: number; readonly skipped: boolean }> {
  const states = await low.executable.readStates();
  const known = new Set((await full.executable.readStates()).keys());
  await full.executable.writeStates(new Map([...states].filter(([name]) => known.has(name))));
  await low.executable.call('train_step', inputs);
  await full.executable.call('train_step', inputs);
  const [scalars] = await low.executable.drain();
  await full.executable.drain();
  return { scale: scalars?.scale ?? 1, skipped: scalars?.ok === 0 };
}

/**
 * Runs the plan of a `.amp` file and its fp32 plan side by side: before every step the fp32 side takes over the plan's states, so an error
 * is of one step, never of two trajectories that have parted. Values are matched by layer, op and role. Throws UserError as `train`.
 */
export async function verify(file: string, options: VerifyOptions = {}): Promise<Verification> {
  refuseUnknown('verify', options, VERIFY_KEYS);
  const { steps = 3 } = options;
  // One step is one micro-batch here: their sums are compared with themselves otherwise.
  const set = [...(options.set ?? []), 'train.accumulate=1'];
  const runnable = await compileToRun(file, { ...options, set });
  const { plan, program, backend } = runnable;
  const fp32 = planInFp32(program, plan);
  const [here, there] = [observable(plan, valueLabel), observable(fp32, valueLabel)];
  const keys = [...here.keys()].filter((key) => there.has(key));
  const fp32Graph = trainStep(fp32).graph;
  const terms = new Map<string, ValueId>();
  const pairs = keys.map((key, index): Pair => {
    const summed = termsOf(fp32Graph, there.get(key)!);
    if (summed !== undefined) terms.set(`terms_${index}`, summed);
    return { name: `observed_${index}`, here: here.get(key)!, terms: summed === undefined ? undefined : `terms_${index}` };
  });
  const names = (from: ReadonlyMap<string, Observed>) => new Map(keys.map((key, index) => [`observed_${index}`, from.get(key)!.value]));
  const load = loadOptions(options);
  const executables: Executable[] = [];
  const start = async (observed: Plan): Promise<Side> => {
    const executable = await backend.load(observed, load);
    executables.push(executable);
    return { plan: observed, executable };
  };
  try {
    const low = await start(observe(plan, names(here)));
    const full = await start(observe(fp32, new Map([...names(there), ...terms])));
    const { train } = program.recipe;
    const { next, whitened } = await makeBatches(runnable, options.data);
    await low.executable.writeStates(new Map([...initialStates(plan, train.seed), ...whitened]));
    const found = new Map<string, Distance>();
    let skipped = 0;
    for (let step = 0; step < steps; step += 1) {
      const result = await stepBoth(low, full, await next(step));
      if (result.skipped) skipped += 1;
      for (const { name, here: value, terms: summed } of pairs) {
        const [a, b] = [await low.executable.readOutput(name), await full.executable.readOutput(name)];
        const parts = summed === undefined ? undefined : await full.executable.readOutput(summed);
        found.set(name, worse(found.get(name), distance(a, b, value.kind === 'gradient' ? result.scale : 1, parts)));
      }
      options.onStep?.(step + 1);
    }
    const standard = DEFAULT_LIMITS[plan.precision];
    const { maxError = standard.maxError, minCosine = standard.minCosine, maxVanished = standard.maxVanished } = options;
    const limits: Limits = { maxError, minCosine, maxVanished };
    const passes = (far: Distance, kind: Deviation['kind']) =>
      far.error <= maxError && far.cosine >= minCosine && (kind === 'activation' || far.vanished <= maxVanished);
    const { graph, batch } = trainStep(plan);
    const deviations = pairs
      .map(({ name, here: { value, ...is } }): Deviation => {
        const far = found.get(name)!;
        return {
          ...is,
          dtype: graph.nodes[value]!.type.dtype,
          ...far,
          pass: passes(far, is.kind),
        };
      })
      .sort((a, b) => Number(a.pass) - Number(b.pass) || (b.error > a.error ? 1 : b.error < a.error ? -1 : a.cosine - b.cosine));
    const facts = { model: plan.model, precision: plan.precision, backend: plan.target.backend, batch, steps, skipped, limits };
    return { ...facts, deviations, pass: deviations.every(({ pass }) => pass) };
  } finally {
    for (const executable of executables) await executable.dispose();
  }
}
