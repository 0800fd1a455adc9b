import { plainOutput } from '../ir/graph-names.js';
import { elementCount } from '../ir/types.js';
import type { Plan, PlanFunction } from '../plan/plan.js';
import { breathe } from '../platform/system.js';
import type { Collectives, Executable, Scalars, SeriesCall } from '../runtime/backend.js';
import { fillInOrder, selectInOrder } from './data/batcher.js';
import { holdInOrder, type ImageSet } from './data/dataset.js';
import { ownPart } from './data/parts.js';
import { type EvaluationHelp, explainEvaluation } from './overflow/lost-evaluation.js';
import { Pace } from './pace.js';
import { gatherLists } from './ranks.js';
import { findFunction, furtherBuffers, furtherInputs } from './states.js';

export interface Evaluation {
  /** 0 to 1; none where the model results in no classes. */
  readonly accuracy?: number;
  /** Mean over the images, by their weights where the loss has any. */
  readonly loss: number;
  readonly images: number;
  /** Of each image alone, where views of it are averaged. */
  readonly plain?: Pick<Evaluation, 'accuracy' | 'loss'>;
  /** Where the loss is not finite. */
  readonly help?: EvaluationHelp;
}

export interface EvaluateOptions {
  /** Aborting it makes `evaluate` resolve to undefined after the running batch. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Where several processes train together, each tests a part. */
  readonly ranks?: Collectives | undefined;
  /** Loads another plan on the device: with it the value is measured that made the loss not finite. */
  readonly load?: ((plan: Plan) => Promise<Executable>) | undefined;
  /** Told what the model results in for each image, by its place in the set; `values` are overwritten afterwards. */
  readonly onResult?: ((values: Float32Array, index: number) => void) | undefined;
}

interface Feed {
  /** Issues batch `index` and at most `left - 1` of those behind it; resolves to their number when the next one may be issued. */
  issue(index: number, left: number): Promise<number>;
  /** Waits for everything that was issued. */
  settle(): Promise<unknown>;
}

/** For a device that makes its batches itself. */
function inSeries(executable: Executable, batch: number, set: ImageSet): Feed {
  const pace = new Pace();
  const issue = async (index: number, left: number): Promise<number> => {
    const count = Math.min(pace.next(left), Math.max(1, Math.floor((set.supply?.room ?? Number.POSITIVE_INFINITY) / batch)));
    await holdInOrder(set, batch, index, count);
    const calls = Array.from({ length: count }, (): SeriesCall => ({ fn: 'eval_step', rates: {}, step: 0 }));
    const started = performance.now();
    await executable.series?.(selectInOrder(set, batch, index, count), calls);
    pace.took(count, performance.now() - started);
    return count;
  };
  return { issue, settle: () => Promise.resolve() };
}

/** One call ahead: a batch is copied while the one before it is being computed. */
function oneAhead(executable: Executable, { batch, graph }: PlanFunction, set: ImageSet): Feed {
  const slots = [0, 1].map(() => ({
    further: furtherBuffers(graph),
    image: new Uint8Array(batch * elementCount(set.shape)),
    label: new Int32Array(batch),
    busy: Promise.resolve(),
  }));
  const issue = async (index: number): Promise<number> => {
    const slot = slots[index % 2] as (typeof slots)[number];
    await slot.busy;
    await holdInOrder(set, batch, index);
    fillInOrder(set, batch, index, slot.image, slot.label, slot.further);
    slot.busy = executable.call('eval_step', { image: slot.image, label: slot.label, ...furtherInputs(slot.further) });
    // A failure surfaces where `busy` is awaited; until then it must not count as unhandled.
    slot.busy.catch(() => undefined);
    return 1;
  };
  return { issue, settle: () => Promise.all(slots.map(({ busy }) => busy)) };
}

/** One call at a time, whose results are read. */
function oneByOne(
  executable: Executable,
  { batch, graph }: PlanFunction,
  set: ImageSet,
  onResult: (values: Float32Array, index: number) => void,
): Feed {
  const further = furtherBuffers(graph);
  const image = new Uint8Array(batch * elementCount(set.shape));
  const label = new Int32Array(batch);
  const issue = async (index: number): Promise<number> => {
    await holdInOrder(set, batch, index);
    fillInOrder(set, batch, index, image, label, further);
    await executable.call('eval_step', { image, label, ...furtherInputs(further) });
    const values = await executable.readOutput('logits');
    const width = values.length / batch;
    const first = index * batch;
    for (let slot = 0; slot < Math.min(batch, set.count - first); slot++)
      onResult(values.subarray(slot * width, (slot + 1) * width), first + slot);
    return 1;
  };
  return { issue, settle: () => Promise.resolve() };
}

function feedOf(executable: Executable, fn: PlanFunction, set: ImageSet, { onResult }: EvaluateOptions): Feed {
  if (onResult !== undefined) return oneByOne(executable, fn, set, onResult);
  const makesBatches = executable.series !== undefined && set.further === undefined;
  return makesBatches ? inSeries(executable, fn.batch, set) : oneAhead(executable, fn, set);
}

/** Accuracy, of classes, and mean loss over all batches; `named`: what the outputs with them are called. */
function sumUp(
  { batch, graph: { outputs } }: PlanFunction,
  scalars: readonly Scalars[],
  images: number,
  named: (output: string) => string = (output) => output,
): Pick<Evaluation, 'accuracy' | 'loss'> {
  let sum = 0;
  let weights = 0;
  let correct = 0;
  for (const scalar of scalars) {
    // The device divides by the whole batch, padding included.
    sum += (scalar[named('loss')] ?? Number.NaN) * batch;
    weights += (scalar.weight ?? 0) * batch;
    correct += scalar[named('correct')] ?? 0;
  }
  const divisor = outputs.weight === undefined ? images : weights;
  // Where no label counts, nothing is lost.
  const loss = divisor === 0 && sum === 0 ? 0 : sum / divisor;
  return { ...(outputs.correct !== undefined && { accuracy: correct / images }), loss };
}

/** Accuracy, of classes, and mean loss of the model in `executable` on a test set, with its present states. */
export async function evaluate(
  executable: Executable,
  plan: Plan,
  set: ImageSet,
  options: EvaluateOptions = {},
): Promise<Evaluation | undefined> {
  const fn = findFunction(plan, 'eval_step');
  if (fn === undefined) throw new Error('the plan has no eval_step');
  const { batch } = fn;
  const { ranks } = options;
  const own = ownPart(Math.ceil(set.count / batch), ranks);
  const end = own.from + own.images;
  const feed = feedOf(executable, fn, set, options);
  let issued = own.from;
  // Ranks that test together do so to the end.
  while (issued < end && (ranks !== undefined || !options.signal?.aborted)) {
    options.onProgress?.(Math.min(set.count, issued * batch), set.count);
    issued += await feed.issue(issued, end - issued);
    await breathe();
  }
  await feed.settle();
  const measured = await executable.drain();
  if (issued < end) return undefined;
  const scalars = ranks === undefined ? measured : await gatherLists(ranks, measured);
  const { outputs } = fn.graph;
  const scores = sumUp(fn, scalars, set.count);
  const plain = outputs[plainOutput('loss')] === undefined ? {} : { plain: sumUp(fn, scalars, set.count, plainOutput) };
  const result = { ...scores, ...plain, images: set.count };
  if (Number.isFinite(scores.loss)) return result;
  const image = new Uint8Array(batch * elementCount(set.shape));
  const label = new Int32Array(batch);
  const further = furtherBuffers(fn.graph);
  const lost = scalars.findIndex((scalar) => !Number.isFinite(scalar.loss));
  await holdInOrder(set, batch, lost);
  fillInOrder(set, batch, lost, image, label, further);
  const inputs = { image, label, ...furtherInputs(further) };
  return { ...result, help: await explainEvaluation({ plan, executable, load: options.load }, inputs) };
}
