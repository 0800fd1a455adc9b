import type { DType, Graph, Loc, Node, PrecisionName, ValueId } from '../ir/types.js';
import { elementCount, isFloat, precisionName } from '../ir/types.js';
import { lowerProgram } from '../lower/lower.js';
import { type Phase, phaseOf, scalingFact, trainStep, valueLabel } from '../plan/facts.js';
import { storageRoot } from '../plan/fuse.js';
import { observe } from '../plan/observe.js';
import type { Plan, PlanFunction } from '../plan/plan.js';
import { widenPlan } from '../plan/widen.js';
import { Exponents } from '../precision/exponents.js';
import { adviseScale, lostShare, type ScaleAdvice } from '../precision/loss-scale.js';
import { between } from '../precision/range.js';
import { type Assumptions, analyzeRanges, F16_OVERFLOW, largestProvedScale, type ValueRange } from '../precision/ranges.js';
import type { Executable, Inputs } from '../runtime/backend.js';
import type { BackendName } from '../runtime/select.js';
import { Batcher } from '../training/data/batcher.js';
import { loadSplit } from '../training/data/load.js';
import { learningRate } from '../training/schedule.js';
import { initialStates, inputNames } from '../training/states.js';
import { loadWeights } from '../training/weights.js';
import { type CompileOptions, compile, compileToRun, type Runnable } from './compile.js';
import { pickSettings } from './settings.js';
import { readSource } from './source.js';

export interface CalibrateOptions extends CompileOptions {
  /** Default 10. */
  readonly steps?: number | undefined;
  readonly data?: string | undefined;
  /** Weights to start from. */
  readonly init?: string | undefined;
  readonly threads?: number | undefined;
  readonly onStep?: ((step: number) => void) | undefined;
}

/** One value of the training step, as measured in f32. Gradients are without loss scale, as at the file's batch. */
export interface ValueCalibration {
  /** `conv2d of conv1`, `gradient of conv1.weight`. */
  readonly value: string;
  readonly layer: string;
  readonly op: string;
  readonly phase: Exclude<Phase, 'update'>;
  readonly place: Loc | null;
  /** The format that the plan gives it. */
  readonly dtype: DType;
  /** All that were looked at, over all steps. */
  readonly elements: number;
  readonly max: number;
  /** Smallest magnitude that is not 0. */
  readonly min_nonzero: number | null;
  readonly zeros: number;
  readonly non_finite: number;
  /** Share of the non-zero elements that f16 makes 0, gradients at the file's first loss scale. */
  readonly f16_underflow: number;
  /** Whether f16 cannot hold the largest element, gradients at the file's first loss scale. */
  readonly f16_overflow: boolean;
  /** The most that it can reach with the weights after the last step, whatever the image and the labels; null where nothing is proved. Gradients at the first loss scale. */
  readonly proved: number | null;
  /** Pairs [e, elements with a magnitude in [2^e, 2^(e+1))]. */
  readonly exponents: readonly (readonly [number, number])[];
}

/** A layer that should be in fp32, with the line that does it. */
export interface PinAdvice {
  readonly layer: string;
  readonly value: string;
  readonly max: number;
  readonly line: string;
}

export interface Calibration {
  readonly model: string;
  readonly precision: PrecisionName;
  readonly policy: string;
  readonly backend: string;
  readonly steps: number;
  /** Images of one measured step, and of one step of the file. */
  readonly batch: number;
  readonly file_batch: number;
  /** The file's first loss scale. */
  readonly scale: number;
  /** Share of the non-zero elements of f16 gradients that become 0 at that scale. */
  readonly lost: number;
  readonly values: readonly ValueCalibration[];
  readonly pins: readonly PinAdvice[];
  /** Null where no gradient is in f16. */
  readonly advice: ScaleAdvice | null;
  /** The largest power of two that overflows no gradient whatever the image and the labels, with the weights after the last step; null where none is proved. */
  readonly proved_scale: number | null;
}

/** Images of a measured step, unless the caller says otherwise: every value of the step is kept. */
const SMALL_BATCH = 32;

/** Float tensors of the forward and the backward pass, each memory once. */
function measurable({ nodes, ...graph }: Graph): readonly Node[] {
  return nodes.filter((node) => {
    if (!isFloat(node.type.dtype) || node.op === 'input' || node.op === 'state' || node.op === 'constant') return false;
    return (
      phaseOf(node) !== 'update' &&
      node.layer !== '' &&
      elementCount(node.type.shape) > 1 &&
      storageRoot({ nodes, ...graph }, node.id) === node.id
    );
  });
}

const outputName = (id: ValueId) => `value_${id}`;

/** The steps' inputs, in the order of training. */
async function makeBatches({ plan, program }: Runnable, data: string | undefined): Promise<(step: number) => Inputs> {
  const { dataset, train } = program.recipe;
  const { graph, batch } = trainStep(plan);
  const set = await loadSplit(dataset.name, 'train', data);
  const batcher = new Batcher(set, {
    batch,
    seed: train.seed,
    shuffle: true,
    augment: { flip: dataset.flip, cropPadding: dataset.cropPadding },
  });
  const stepsPerEpoch = Math.max(1, batcher.batches);
  const wanted = inputNames(graph);
  const image = new Uint8Array(batch * elementCount(set.shape));
  const label = new Int32Array(batch);
  return (step) => {
    batcher.fill(Math.floor(step / stepsPerEpoch), step % stepsPerEpoch, image, label);
    const lr = learningRate(train, step, stepsPerEpoch, stepsPerEpoch * train.epochs);
    const all = { image, label, lr: Float32Array.of(lr), step: Int32Array.of(step) };
    return Object.fromEntries(Object.entries(all).filter(([name]) => wanted.has(name)));
  };
}

/** Trains in f32 without loss scale and looks at every value of every step. */
async function measure(executable: Executable, nodes: readonly Node[], batches: (step: number) => Inputs, options: CalibrateOptions) {
  const found = new Map(nodes.map(({ id }) => [id, new Exponents()]));
  const hasScale = (await executable.readStates()).has('scaler.scale');
  for (let step = 0; step < (options.steps ?? 10); step += 1) {
    if (hasScale) await executable.writeStates(new Map([['scaler.scale', Float32Array.of(1)]]));
    await executable.call('train_step', batches(step));
    await executable.drain();
    for (const [id, exponents] of found) exponents.add(await executable.readOutput(outputName(id)));
    options.onStep?.(step + 1);
  }
  return found;
}

/** What may be taken for granted once training has come this far: the weights. Optimizer and statistics may be anything. */
function assumptionsOf(states: ReadonlyMap<string, Float32Array | Int32Array>, graph: Graph): Assumptions {
  const known = graph.nodes.filter((node) => node.op === 'state' && node.attrs.role === 'parameter');
  return { states: new Map(known.map(({ attrs }) => [String(attrs.name), states.get(String(attrs.name))!])) };
}

/** Forward values that f16 cannot hold; of a layer the largest. Gradients are the loss scale's matter. */
function advisePins(values: readonly ValueCalibration[]): readonly PinAdvice[] {
  const worst = new Map<string, ValueCalibration>();
  for (const value of values) {
    if (value.phase !== 'forward' || value.dtype !== 'f16' || !value.f16_overflow) continue;
    if (value.max > (worst.get(value.layer)?.max ?? 0)) worst.set(value.layer, value);
  }
  return [...worst.values()].map(({ layer, value, max }) => ({ layer, value, max, line: `keep ${layer} in fp32` }));
}

/**
 * Trains a few steps in f32 and measures every value of the forward and the backward pass: whether f16 could hold it, and which loss scale the
 * gradients call for. The plan is that of the file; only the formats are widened, so that an overflow shows its number. Throws UserError as `train`.
 */
export async function calibrate(file: string, options: CalibrateOptions = {}): Promise<Calibration> {
  const source = await readSource(file);
  const fileBatch = lowerProgram(source, { overrides: pickSettings(options) }).recipe.train.batch;
  const batch = options.batch ?? Math.min(SMALL_BATCH, fileBatch);
  // Sums over micro-batches are f32 bookkeeping: one step is one micro-batch here.
  const set = [...(options.set ?? []), 'train.accumulate=1'];
  const runnable = await compileToRun(source, { ...options, batch, set });
  const { plan, program, backend, info } = runnable;
  const { graph } = trainStep(plan);
  const nodes = measurable(graph);
  const observed = observe(widenPlan(plan), new Map(nodes.map(({ id }) => [outputName(id), id])));
  const executable = await backend.load(observed, options.threads === undefined ? {} : { threads: options.threads });
  try {
    await executable.writeStates(initialStates(plan, program.recipe.train.seed));
    if (options.init !== undefined) await executable.writeStates(await loadWeights(options.init, plan));
    const found = await measure(executable, nodes, await makeBatches(runnable, options.data), options);
    const assumptions = assumptionsOf(await executable.readStates(), plan);
    return report({
      plan,
      nodes,
      found,
      assumptions,
      factor: batch / fileBatch,
      fileBatch,
      backend: info.name,
      steps: options.steps ?? 10,
    });
  } finally {
    await executable.dispose();
  }
}

interface Measured {
  readonly plan: Plan;
  readonly nodes: readonly Node[];
  readonly found: ReadonlyMap<ValueId, Exponents>;
  readonly assumptions: Assumptions;
  /** The training step at the file's batch. */
  readonly whole: PlanFunction;
  readonly backend: string;
  readonly steps: number;
}

/** Whether a node is a gradient of a parameter: a mean over the batch, as the loss. Other gradients belong to one image, and shrink with the batch. */
function isParameterGradient(graph: Graph, { gradOf }: Node): boolean {
  const value = gradOf === undefined ? undefined : graph.nodes[gradOf]!;
  const root = value?.op === 'cast' ? graph.nodes[value.inputs[0]!]! : value;
  return root?.op === 'state';
}

/** Ranges at the file's batch by the measured graph's numbers; the two graphs differ in nothing but sizes. */
function proveRanges(graph: Graph, whole: Graph, assumptions: Assumptions, scale: number): readonly ValueRange[] | undefined {
  if (graph.nodes.length !== whole.nodes.length || graph.nodes.some(({ op }, id) => op !== whole.nodes[id]!.op)) return undefined;
  const states = new Map([...(assumptions.states ?? []), ['scaler.scale', between(scale, scale)] as const]);
  return analyzeRanges(whole, { ...assumptions, states });
}

function report({ plan, whole, nodes, found, assumptions, backend, steps }: Measured): Calibration {
  const { graph, batch } = trainStep(plan);
  const { init: scale } = scalingFact(plan);
  const ranges = proveRanges(graph, whole.graph, assumptions, scale);
  /** What the value would be at the file's batch, over what was measured. */
  const factorOf = (node: Node) => (phaseOf(node) !== 'backward' || isParameterGradient(graph, node) ? 1 : batch / whole.batch);
  const values = nodes.map((node): ValueCalibration => {
    const exponents = found.get(node.id)!;
    const phase = phaseOf(node) === 'backward' ? 'backward' : 'forward';
    const own = factorOf(node);
    const scaled = phase === 'backward' ? own * scale : 1;
    const reach = ranges?.[node.id]?.reach ?? Infinity;
    return {
      value: valueLabel(graph, node.id),
      layer: node.layer,
      op: node.op,
      phase,
      place: node.loc ?? null,
      dtype: node.type.dtype,
      elements: exponents.count,
      max: exponents.max * own,
      min_nonzero: exponents.minNonZero === undefined ? null : exponents.minNonZero * own,
      zeros: exponents.zeros,
      non_finite: exponents.nonFinite,
      f16_underflow: lostShare([{ exponents, factor: scaled }], 1),
      f16_overflow: exponents.max * scaled >= F16_OVERFLOW || exponents.nonFinite > 0,
      proved: Number.isFinite(reach) ? reach : null,
      exponents: exponents.histogram().map(([exponent, elements]) => [exponent + Math.round(Math.log2(own)), elements]),
    };
  });
  const gradients = nodes
    .filter((node) => node.gradOf !== undefined && node.type.dtype === 'f16')
    .map((node) => ({ exponents: found.get(node.id)!, factor: factorOf(node) }));
  return {
    model: plan.model,
    precision: precisionName(plan.precision),
    policy: plan.policy,
    backend,
    steps,
    batch,
    file_batch: whole.batch,
    scale,
    lost: lostShare(gradients, scale),
    values,
    pins: advisePins(values),
    advice: adviseScale(gradients) ?? null,
    proved_scale: (gradients.length === 0 ? undefined : largestProvedScale(whole.graph, assumptions)) ?? null,
  };
}
