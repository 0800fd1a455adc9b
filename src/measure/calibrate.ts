import { type Calibration, reportCalibration } from '../choose/calibration.js';
import { COMPILE_KEYS, type KeysOf, refuseUnknown } from '../choose/option-keys.js';
import { type CompileOptions, compile, compileToRun, type Runnable } from '../choose/plan-file.js';
import { pickSettings } from '../choose/settings.js';
import type { Source } from '../diagnostics/diagnostic.js';
import { sourceOf } from '../files/source.js';
import { stepsOfRun } from '../ir/epoch.js';
import { isState } from '../ir/structure.js';
import type { Graph, Node, ValueId } from '../ir/types.js';
import { elementCount, isFloat } from '../ir/types.js';
import { lowerProgram } from '../lower/lower.js';
import { phaseOf, trainStep } from '../plan/facts.js';
import { observe } from '../plan/observe.js';
import { isDeclaration, storageRoot } from '../plan/storage.js';
import type { BackendName } from '../plan/target.js';
import { widenPlan } from '../plan/widen.js';
import { Exponents } from '../precision/exponents.js';
import type { Assumptions } from '../precision/ranges.js';
import type { Executable, Inputs } from '../runtime/backend.js';
import { loadOptions } from '../runtime/load-options.js';
import { Batcher } from '../training/data/batcher.js';
import { choosePlace, openSplit } from '../training/data/open.js';
import { wholeBatches } from '../training/data/whole-batches.js';
import { loadWeights } from '../training/init/load.js';
import { learningRates, wholeCourse } from '../training/schedule.js';
import { furtherBuffers, furtherInputs, initialStates, inputNames, targetBuffer } from '../training/states.js';
import { whitenedStates } from '../training/whitening.js';

export interface CalibrateOptions extends CompileOptions {
  /** Default 10. */
  readonly steps?: number | undefined;
  readonly data?: string | undefined;
  /** Weights to start from. */
  readonly init?: string | undefined;
  readonly threads?: number | undefined;
  readonly onStep?: ((step: number) => void) | undefined;
}

const CALIBRATE_KEYS: KeysOf<CalibrateOptions> = { ...COMPILE_KEYS, init: true, onStep: true, steps: true };

/** Images of a measured step, unless the caller says otherwise: every value of the step is kept. */
const SMALL_BATCH = 32;

/** Float tensors of the forward and the backward pass, each memory once. */
function measurable({ nodes, ...graph }: Graph): readonly Node[] {
  return nodes.filter((node) => {
    if (!isFloat(node.type.dtype) || isDeclaration(node)) return false;
    return (
      phaseOf(node) !== 'update' &&
      node.layer !== '' &&
      elementCount(node.type.shape) > 1 &&
      storageRoot({ nodes, ...graph }, node.id) === node.id
    );
  });
}

const outputName = (id: ValueId) => `value_${id}`;

/** The steps' inputs, in the order of training, and the states that start by the images. */
async function makeBatches({ plan, program, source }: Runnable, data: string | undefined) {
  const { dataset, train } = program.recipe;
  const { graph, batch } = trainStep(plan);
  const set = await openSplit(dataset, 'train', { place: await choosePlace(dataset, data, undefined, source) });
  const batches = wholeBatches(set, batch, dataset.name);
  const batcher = new Batcher(set, {
    seed: train.seed,
    shuffle: true,
    augment: dataset.augment,
    mean: dataset.mean,
  });
  const wanted = inputNames(graph);
  const image = new Uint8Array(batch * elementCount(set.shape));
  const label = new Int32Array(batch);
  const target = targetBuffer(graph);
  const further = furtherBuffers(graph);
  const next = async (step: number): Promise<Inputs> => {
    const [epoch, first] = [Math.floor(step / batches), (step % batches) * batch];
    await batcher.hold(epoch, first, batch);
    batcher.fill(epoch, first, image, label, target, further);
    const rates = Object.entries(learningRates(train, step, batches, wholeCourse(stepsOfRun(batches, train.epochs))));
    const lr = Object.fromEntries(rates.map(([name, rate]) => [name, Float32Array.of(rate)]));
    const all = { image, label, ...(target && { target }), ...furtherInputs(further), ...lr, step: Int32Array.of(step) };
    return Object.fromEntries(Object.entries(all).filter(([name]) => wanted.has(name)));
  };
  return { next, whitened: await whitenedStates(plan, set, dataset) };
}

/** Trains in f32 without loss scale and looks at every value of every step. */
async function measure(
  executable: Executable,
  nodes: readonly Node[],
  batches: (step: number) => Promise<Inputs>,
  options: CalibrateOptions,
) {
  const found = new Map(nodes.map(({ id }) => [id, new Exponents()]));
  const hasScale = (await executable.readStates()).has('scaler.scale');
  for (let step = 0; step < (options.steps ?? 10); step += 1) {
    if (hasScale) await executable.writeStates(new Map([['scaler.scale', Float32Array.of(1)]]));
    await executable.call('train_step', await batches(step));
    await executable.drain();
    for (const [id, exponents] of found) exponents.add(await executable.readOutput(outputName(id)));
    options.onStep?.(step + 1);
  }
  return found;
}

/** What may be taken for granted once training has come this far: the weights. Optimizer and statistics may be anything. */
function assumptionsOf(states: ReadonlyMap<string, Float32Array | Int32Array>, graph: Graph): Assumptions {
  const known = graph.nodes.filter((node) => isState(node) && node.attrs.role === 'parameter');
  return { states: new Map(known.map(({ attrs }) => [String(attrs.name), states.get(String(attrs.name))!])) };
}

/**
 * Trains a few steps in f32 and measures every value of the forward and the backward pass: whether f16 could hold it, and which loss scale
 * the gradients call for. The plan is that of the file; only the formats are widened, so that an overflow shows its number. Throws
 * UserError as `train`.
 */
export async function calibrate(input: string | Source, options: CalibrateOptions = {}): Promise<Calibration> {
  refuseUnknown('calibrate', options, CALIBRATE_KEYS);
  const source = await sourceOf(input);
  const fileBatch = lowerProgram(source, { overrides: pickSettings(options) }).recipe.train.batch;
  const batch = options.batch ?? Math.min(SMALL_BATCH, fileBatch);
  // Sums over micro-batches are f32 bookkeeping: one step is one micro-batch here.
  const set = [...(options.set ?? []), 'train.accumulate=1'];
  const runnable = await compileToRun(source, { ...options, batch, set });
  const { plan, program, backend, info } = runnable;
  const { graph } = trainStep(plan);
  const nodes = measurable(graph);
  const observed = widenPlan(observe(plan, new Map(nodes.map(({ id }) => [outputName(id), id]))));
  const executable = await backend.load(observed, loadOptions(options));
  try {
    const { next, whitened } = await makeBatches(runnable, options.data);
    await executable.writeStates(new Map([...initialStates(plan, program.recipe.train.seed), ...whitened]));
    if (options.init !== undefined) await executable.writeStates(await loadWeights(options.init, plan));
    const found = await measure(executable, nodes, next, options);
    const whole =
      batch === fileBatch ? plan : (await compile(source, { ...options, batch: fileBatch, set, backend: info.name as BackendName })).plan;
    const assumptions = assumptionsOf(await executable.readStates(), graph);
    return reportCalibration({ plan, whole: trainStep(whole), nodes, found, assumptions, backend: info.name, steps: options.steps ?? 10 });
  } finally {
    await executable.dispose();
  }
}
