import { mixesImages } from '../datasets/augmentation.js';
import { GraphBuilder } from '../ir/builder.js';
import { auxOutput, lossOutput, plainOutput } from '../ir/graph-names.js';
import { comparesImages, type LossScaling, type Recipe } from '../ir/program.js';
import { orderStep } from '../ir/rewrite.js';
import { isState } from '../ir/structure.js';
import type { Graph, TensorType, ValueId } from '../ir/types.js';
import { note } from '../ir/why.js';
import { emit } from '../ops/emit.js';
import { addAverages } from './averages.js';
import { differentiate } from './differentiate.js';
import { type Exchange, exchangeGradients, exchangeReports, ofPart } from './exchange.js';
import { addAuxLosses, addLoss, addTrainedLoss, type LossInputs, type TrainedLoss } from './loss.js';
import { addOptimizer } from './optimizer.js';
import { type Parameter, placeOf } from './parameter.js';
import { addScaleUpdate, declareScaler, type Scaler } from './scaler.js';
import { declareState } from './state.js';
import { commitStatistics, deferStatistics, takeUpdates, type Update } from './statistics.js';
import { averageViews } from './views.js';

const SUM = 'the sum is minimised: the mean times its terms';
const SCALAR: TensorType = { dtype: 'f32', shape: [] };

interface Start {
  readonly builder: GraphBuilder;
  readonly inputs: LossInputs;
  /** By their names, the values that have losses of their own. */
  readonly aux: ReadonlyMap<string, ValueId>;
  /** Of running statistics: what the forward pass asks for, and the step has to make. */
  readonly updates: readonly Update[];
}

/** `mixed`: the images are joined with others, so that each has a share of more than one class. */
function startFrom(forward: Graph, recipe: Recipe, batch: number, mixed: boolean): Start {
  const { graph, updates } = takeUpdates(forward);
  const builder = new GraphBuilder(graph.nodes);
  const label = builder.add({ op: 'input', attrs: { name: 'label' }, type: { dtype: 'i32', shape: [batch] } });
  const ofLabels = [recipe.train, ...(recipe.train.auxLosses ?? [])].some(({ loss }) => !comparesImages(loss));
  const type = { dtype: 'f32', shape: [batch, recipe.classes] } as const;
  const shares = mixed && ofLabels && { shares: builder.add({ op: 'input', attrs: { name: 'target' }, type }) };
  const { logits: result, target } = graph.outputs;
  if (result === undefined) throw new Error(`the forward graph of ${recipe.model} has no logits`);
  const aux = (recipe.train.auxLosses ?? []).flatMap(({ of }) => {
    const value = graph.outputs[auxOutput(of)];
    return value === undefined ? [] : [[of, value] as const];
  });
  return { builder, inputs: { result, label, ...(target !== undefined && { target }), ...shares }, aux: new Map(aux), updates };
}

/** Everything that a micro-batch with `share` of its step's images minimises. */
function addObjective({ builder, inputs, aux }: Start, { train }: Recipe, share: number): TrainedLoss {
  const main = addTrainedLoss(builder, inputs, train.loss, share);
  const others = (train.auxLosses ?? []).map(({ of, weight, loss }) => {
    const result = aux.get(of);
    if (result === undefined) throw new Error(`the forward graph has no value ${of}`);
    return { of, weight, trained: addTrainedLoss(builder, { ...inputs, result, of }, loss, share) };
  });
  return addAuxLosses(builder, main, others);
}

/** Scaled loss and the gradients of the parameters, in the order of their declaration. */
function addBackward(builder: GraphBuilder, { objective, factor }: TrainedLoss, scaler: Scaler): Map<string, ValueId> {
  const isScaled = scaler.scale !== undefined;
  const root =
    !isScaled && factor === 1
      ? objective
      : emit(
          builder,
          'scale_loss',
          [objective, scaler.scale ?? constantOne(builder)],
          { factor },
          { why: isScaled || factor < 1 ? 'keeps small gradients above the smallest f16' : SUM },
        );
  const why = isScaled || factor < 1 ? 'the loss scale enters the backward pass here, to keep small gradients above the smallest f16' : SUM;
  const seed = constantOne(builder);
  const parameters = differentiate(builder, { loss: root, seed, ...(root !== objective && { why }) });
  const order = builder.nodes.filter((node) => isState(node) && parameters.has(String(node.attrs.name)));
  return new Map(order.map((node) => [String(node.attrs.name), parameters.get(String(node.attrs.name))!]));
}

/** What a function reports of a loss. */
function reportOf({ loss, parts = {}, correct }: Pick<TrainedLoss, 'loss' | 'parts' | 'correct'>): Record<string, ValueId> {
  const named = Object.entries(parts).map(([name, part]) => [lossOutput(name), part] as const);
  return { loss, ...Object.fromEntries(named), ...(correct !== undefined && { correct }) };
}

function constantOne(builder: GraphBuilder): ValueId {
  return builder.add({ op: 'constant', attrs: { value: 1 }, type: SCALAR, why: note('seed of the backward pass') });
}

function parameterList(builder: GraphBuilder, gradients: ReadonlyMap<string, ValueId>): Parameter[] {
  const nodes = new Map(builder.nodes.filter(isState).map((node) => [String(node.attrs.name), node]));
  return [...gradients].map(([name, gradient]) => ({ name, node: nodes.get(name)!, gradient }));
}

/** Adds the sums over earlier micro-batches, and clears them for the next step. */
function addAccumulated(builder: GraphBuilder, parameters: readonly Parameter[]): Parameter[] {
  return parameters.map((p) => {
    const state = `${p.name}.grad`;
    const sum = declareState(builder, state, p.node.type, 'gradient', 0, 'gradient accumulated over micro-batches');
    // No layer: a pin of the layer must not lower the sum.
    const gradient = emit(builder, 'add', [sum, p.gradient], {}, { why: 'adds the earlier micro-batches' });
    emit(builder, 'reset', [sum], { writes: [state] }, { ...placeOf(p.node), why: 'the next step starts from zero' });
    return { ...p, gradient };
  });
}

/** Unscale, then clip: clipping a scaled gradient would clip by the wrong norm. Without clipping there is no norm. */
function conditionGradients(
  builder: GraphBuilder,
  parameters: readonly Parameter[],
  scaler: Scaler,
  clip: number,
): { readonly conditioned: readonly Parameter[]; readonly norm?: ValueId } {
  const scale = scaler.scale;
  const unscaled =
    scale === undefined
      ? parameters
      : parameters.map((p) => ({
          ...p,
          gradient: emit(builder, 'unscale', [p.gradient, scale], {}, { ...placeOf(p.node), why: 'undoes the loss scale, in f32' }),
        }));
  if (clip === 0) return { conditioned: unscaled };
  const norm = emit(
    builder,
    'global_norm',
    unscaled.map((p) => p.gradient),
    {},
    { why: 'global norm of the unscaled gradients' },
  );
  const conditioned = unscaled.map((p) => ({
    ...p,
    gradient: emit(builder, 'clip_by_norm', [p.gradient, norm], { max: clip }, { ...placeOf(p.node), why: 'clipped after unscaling' }),
  }));
  return { conditioned, norm };
}

function finish(builder: GraphBuilder, name: string, outputs: Record<string, ValueId>): Graph {
  return orderStep(builder.finish(name, outputs));
}

/** What a micro-batch is in its optimizer step. */
export interface MicroBatch {
  /** Of the function that it becomes. */
  readonly name: string;
  /** Its images as a share of the step's, those of all ranks together. */
  readonly share: number;
  /** Whether there are micro-batches before the last one of the step. */
  readonly isAccumulated: boolean;
  /** Of several ranks: what this one has of the micro-batch, and in which format gradients travel. */
  readonly part?: Exchange | undefined;
}

export function ofWholeStep(name: string, { train }: Recipe, part?: Exchange): MicroBatch {
  return { name, share: 1 / train.accumulate, isAccumulated: train.accumulate > 1, part };
}

/**
 * The last micro-batch of an optimizer step, or its only one: forward, scaled loss, backward, unscale, finite check, clip, guarded update,
 * averages, scale update. All floats are f32.
 */
export function buildTrainStep(
  forward: Graph,
  recipe: Recipe,
  scaling: LossScaling,
  batch: number,
  { name, share, isAccumulated, part }: MicroBatch = ofWholeStep('train_step', recipe),
): Graph {
  const start = startFrom(forward, recipe, batch, mixesImages(recipe.dataset.augment));
  const { builder, updates } = start;
  const trained = ofPart(addObjective(start, recipe, share * (part?.share ?? 1)), part);
  const scaler = declareScaler(builder, scaling);
  const gradients = addBackward(builder, trained, scaler);
  let parameters: readonly Parameter[] = parameterList(builder, gradients);
  if (isAccumulated) parameters = addAccumulated(builder, parameters);
  if (part !== undefined) parameters = exchangeGradients(builder, parameters, part);
  const outputs: Record<string, ValueId> = exchangeReports(builder, reportOf(trained), part);
  let ok: ValueId | undefined;
  if (scaler.scale !== undefined) {
    ok = emit(
      builder,
      'all_finite',
      parameters.map((p) => p.gradient),
      {},
      { why: 'an overflow anywhere skips the update' },
    );
    outputs.ok = ok;
    outputs.scale = emit(builder, 'scale', [scaler.scale], { factor: 1 }, { why: 'the loss scale of this step, reported' });
  }
  const statistics = commitStatistics(builder, updates, ok, isAccumulated, part);
  const { conditioned, norm } = conditionGradients(builder, parameters, scaler, recipe.train.clip);
  // Reported: clipping by a norm that is not finite makes every update zero, or NaN.
  if (norm !== undefined) outputs.norm = norm;
  const updated = addOptimizer(builder, conditioned, recipe, ok);
  const { average } = recipe.train;
  if (average !== undefined) addAverages(builder, [...updated, ...statistics], average, ok);
  if (ok !== undefined) addScaleUpdate(builder, scaler, ok);
  return finish(builder, name, outputs);
}

/** One micro-batch before the last: forward and backward, adding the scaled gradients to their accumulators. */
export function buildAccumulateStep(
  forward: Graph,
  recipe: Recipe,
  scaling: LossScaling,
  batch: number,
  { name, share, part }: MicroBatch = ofWholeStep('accumulate_step', recipe),
): Graph {
  const start = startFrom(forward, recipe, batch, mixesImages(recipe.dataset.augment));
  const { builder, updates } = start;
  const trained = ofPart(addObjective(start, recipe, share * (part?.share ?? 1)), part);
  const gradients = addBackward(builder, trained, declareScaler(builder, scaling));
  for (const p of parameterList(builder, gradients)) {
    const state = `${p.name}.grad`;
    const sum = declareState(builder, state, p.node.type, 'gradient', 0, 'gradient accumulated over micro-batches');
    emit(builder, 'accumulate', [sum, p.gradient], { writes: [state] }, { ...placeOf(p.node), why: 'adds this micro-batch' });
  }
  deferStatistics(builder, updates);
  return finish(builder, name, exchangeReports(builder, reportOf(trained), part));
}

/** Forward pass in evaluation mode with its loss, the weight of that where images have any, and, of classes, the number of correct rows. */
export function buildEvalStep(forward: Graph, recipe: Recipe, batch: number): Graph {
  const { builder, inputs } = startFrom(forward, recipe, batch, false);
  const { loss, views } = recipe.train;
  const plain = addLoss(builder, inputs, loss);
  const weight: Readonly<Record<string, ValueId>> = plain.weight === undefined ? {} : { weight: plain.weight };
  if (views === undefined) return finish(builder, 'eval_step', { logits: inputs.result, ...reportOf(plain), ...weight });
  const result = averageViews(builder, forward, views);
  const averaged = addLoss(builder, { ...inputs, result }, loss);
  const alone = Object.entries(reportOf(plain)).map(([name, id]) => [plainOutput(name), id]);
  return finish(builder, 'eval_step', {
    logits: result,
    ...reportOf(averaged),
    ...weight,
    [plainOutput('logits')]: inputs.result,
    ...Object.fromEntries(alone),
  });
}
