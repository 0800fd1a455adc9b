import { GraphBuilder } from '../ir/builder.js';
import type { LossScaling, Recipe } from '../ir/program.js';
import { orderStep } from '../ir/rewrite.js';
import type { Attrs, Graph, Node, TensorType, ValueId } from '../ir/types.js';
import { note } from '../ir/why.js';
import { emit } from '../ops/emit.js';
import { differentiate } from './differentiate.js';
import { declareState } from './state.js';
import { commitStatistics, deferStatistics, takeUpdates, type Update } from './statistics.js';

const SCALAR: TensorType = { dtype: 'f32', shape: [] };
const COUNT: TensorType = { dtype: 'i32', shape: [] };

/** What a sigmoid reads, if the value is the result of one: the logarithms of its probabilities are taken of the logits, where they are finite. */
function beforeSigmoid(builder: GraphBuilder, value: ValueId): ValueId {
  const { op, inputs } = builder.nodes[value]!;
  return op === 'sigmoid' ? inputs[0]! : value;
}

/** Appends the recipe's loss to a forward graph: outputs `loss` and `correct`. */
function addLoss(builder: GraphBuilder, logits: ValueId, label: ValueId, recipe: Recipe): { loss: ValueId; correct: ValueId } {
  const { kind, labelSmoothing } = recipe.train.loss;
  const attrs: Attrs = kind === 'cross_entropy' ? { label_smoothing: labelSmoothing } : {};
  const read = kind === 'binary_cross_entropy' ? beforeSigmoid(builder, logits) : logits;
  const correct = emit(builder, 'correct_count', [read, label], {}, { why: 'training accuracy, reported' });
  return { loss: emit(builder, kind, [read, label], attrs, { layer: 'loss' }), correct };
}

interface Start {
  readonly builder: GraphBuilder;
  readonly logits: ValueId;
  readonly label: ValueId;
  /** Of running statistics: what the forward pass asks for, and the step has to make. */
  readonly updates: readonly Update[];
}

function startFrom(forward: Graph, recipe: Recipe, batch: number): Start {
  const { graph, updates } = takeUpdates(forward);
  const builder = new GraphBuilder(graph.nodes);
  const label = builder.add({ op: 'input', attrs: { name: 'label' }, type: { dtype: 'i32', shape: [batch] } });
  const logits = graph.outputs.logits;
  if (logits === undefined) throw new Error(`the forward graph of ${recipe.model} has no logits`);
  return { builder, logits, label, updates };
}

interface Scaler {
  readonly scale: ValueId | undefined;
  readonly scaling: LossScaling;
}

function declareScaler(builder: GraphBuilder, scaling: LossScaling): Scaler {
  if (scaling.kind === 'none') return { scale: undefined, scaling };
  const init = scaling.kind === 'dynamic' ? scaling.init : scaling.scale;
  return { scale: declareState(builder, 'scaler.scale', SCALAR, 'scaler', init, 'loss scaling: the factor of the next step'), scaling };
}

/** Scaled loss and the gradients of the parameters, in the order of their declaration. `factor`: the micro-batch's share of its step. */
function addBackward(builder: GraphBuilder, loss: ValueId, scaler: Scaler, factor: number): Map<string, ValueId> {
  const root =
    scaler.scale === undefined && factor === 1
      ? loss
      : emit(
          builder,
          'scale_loss',
          [loss, scaler.scale ?? constantOne(builder)],
          { factor },
          { why: 'keeps small gradients above the smallest f16' },
        );
  const why = 'the loss scale enters the backward pass here, to keep small gradients above the smallest f16';
  const seed = constantOne(builder);
  const parameters = differentiate(builder, { loss: root, seed, ...(root !== loss && { why }) });
  const order = builder.nodes.filter((node) => node.op === 'state' && parameters.has(String(node.attrs.name)));
  return new Map(order.map((node) => [String(node.attrs.name), parameters.get(String(node.attrs.name))!]));
}

function constantOne(builder: GraphBuilder): ValueId {
  return builder.add({ op: 'constant', attrs: { value: 1 }, type: SCALAR, why: note('seed of the backward pass') });
}

interface Parameter {
  readonly name: string;
  readonly node: Node;
  readonly gradient: ValueId;
}

function parameterList(builder: GraphBuilder, gradients: ReadonlyMap<string, ValueId>): Parameter[] {
  const nodes = new Map(builder.nodes.filter((node) => node.op === 'state').map((node) => [String(node.attrs.name), node]));
  return [...gradients].map(([name, gradient]) => ({ name, node: nodes.get(name)!, gradient }));
}

function placeOf(node: Node) {
  return { layer: node.layer, ...(node.loc && { loc: node.loc }) };
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

function addOptimizer(builder: GraphBuilder, parameters: readonly Parameter[], recipe: Recipe, lr: ValueId, ok: ValueId | undefined): void {
  const spec = recipe.train.optimizer;
  const guard = ok === undefined ? [] : [ok];
  const guarded = ok !== undefined;
  /** Scales, shifts and biases are vectors; every weight has two axes or four. */
  const decayOf = (p: Parameter) => (spec.decayNorms === false && p.node.type.shape.length < 2 ? 0 : spec.weightDecay);
  const why = guarded ? 'f32 masters; left alone when a gradient overflowed' : 'f32 masters';
  const slot = (p: Parameter, suffix: string) =>
    declareState(builder, `${p.name}.${suffix}`, p.node.type, 'optimizer', 0, 'optimizer state, f32');
  if (spec.kind === 'sgd') {
    for (const p of parameters) {
      const slots = spec.momentum === 0 ? [] : [slot(p, 'momentum')];
      const writes = spec.momentum === 0 ? [p.name] : [p.name, `${p.name}.momentum`];
      const attrs = { momentum: spec.momentum, nesterov: spec.nesterov, weight_decay: decayOf(p), guarded, writes };
      emit(builder, 'sgd', [p.node.id, p.gradient, lr, ...slots, ...guard], attrs, { ...placeOf(p.node), why });
    }
    return;
  }
  const t = declareState(builder, 'optimizer.step', COUNT, 'optimizer', 0, 'updates applied so far');
  for (const p of parameters) {
    const writes = [p.name, `${p.name}.m`, `${p.name}.v`];
    const attrs = { beta1: spec.beta1, beta2: spec.beta2, eps: spec.eps, weight_decay: decayOf(p), guarded, writes };
    emit(builder, spec.kind, [p.node.id, p.gradient, slot(p, 'm'), slot(p, 'v'), lr, t, ...guard], attrs, { ...placeOf(p.node), why });
  }
  emit(builder, 'advance', [t, ...guard], { writes: ['optimizer.step'] }, { why: 'counts applied updates only' });
}

function addScaleUpdate(builder: GraphBuilder, scaler: Scaler, ok: ValueId): void {
  if (scaler.scaling.kind !== 'dynamic' || scaler.scale === undefined) return;
  const { growth, backoff, interval, floor, cap } = scaler.scaling;
  const tracker = declareState(builder, 'scaler.tracker', COUNT, 'scaler', 0, 'steps since the last overflow or growth');
  const skips = declareState(builder, 'scaler.skips', COUNT, 'scaler', 0, 'skipped steps in a row');
  const writes = ['scaler.scale', 'scaler.tracker', 'scaler.skips'];
  emit(
    builder,
    'update_scale',
    [scaler.scale, tracker, skips, ok],
    { growth, backoff, interval, floor, cap, writes },
    { why: 'GradScaler: grow after a quiet interval, back off on overflow' },
  );
}

function finish(builder: GraphBuilder, name: string, outputs: Record<string, ValueId>): Graph {
  return orderStep(builder.finish(name, outputs));
}

/** What a micro-batch is in its optimizer step. */
export interface MicroBatch {
  /** Of the function that it becomes. */
  readonly name: string;
  /** Its images as a share of the step's; 1: there are no others. */
  readonly share: number;
}

function ofWholeStep(name: string, { train }: Recipe): MicroBatch {
  return { name, share: 1 / train.accumulate };
}

/**
 * The last micro-batch of an optimizer step, or its only one: forward, scaled loss, backward, unscale, finite check, clip, guarded update, scale
 * update. All floats are f32.
 */
export function buildTrainStep(
  forward: Graph,
  recipe: Recipe,
  scaling: LossScaling,
  batch: number,
  { name, share }: MicroBatch = ofWholeStep('train_step', recipe),
): Graph {
  const isAccumulated = share < 1;
  const { builder, logits, label, updates } = startFrom(forward, recipe, batch);
  const lr = builder.add({ op: 'input', attrs: { name: 'lr' }, type: SCALAR });
  const { loss, correct } = addLoss(builder, logits, label, recipe);
  const scaler = declareScaler(builder, scaling);
  const gradients = addBackward(builder, loss, scaler, share);
  let parameters = parameterList(builder, gradients);
  if (isAccumulated) parameters = addAccumulated(builder, parameters);
  const outputs: Record<string, ValueId> = { loss, correct };
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
  commitStatistics(builder, updates, ok, isAccumulated);
  const { conditioned, norm } = conditionGradients(builder, parameters, scaler, recipe.train.clip);
  // Reported: clipping by a norm that is not finite makes every update zero, or NaN.
  if (norm !== undefined) outputs.norm = norm;
  addOptimizer(builder, conditioned, recipe, lr, ok);
  if (ok !== undefined) addScaleUpdate(builder, scaler, ok);
  return finish(builder, name, outputs);
}

/** One micro-batch before the last: forward and backward, adding the scaled gradients to their accumulators. */
export function buildAccumulateStep(
  forward: Graph,
  recipe: Recipe,
  scaling: LossScaling,
  batch: number,
  { name, share }: MicroBatch = ofWholeStep('accumulate_step', recipe),
): Graph {
  const { builder, logits, label, updates } = startFrom(forward, recipe, batch);
  const { loss, correct } = addLoss(builder, logits, label, recipe);
  const gradients = addBackward(builder, loss, declareScaler(builder, scaling), share);
  for (const p of parameterList(builder, gradients)) {
    const state = `${p.name}.grad`;
    const sum = declareState(builder, state, p.node.type, 'gradient', 0, 'gradient accumulated over micro-batches');
    emit(builder, 'accumulate', [sum, p.gradient], { writes: [state] }, { ...placeOf(p.node), why: 'adds this micro-batch' });
  }
  deferStatistics(builder, updates);
  return finish(builder, name, { loss, correct });
}

/** Forward pass in evaluation mode with its loss and the number of correct rows. */
export function buildEvalStep(forward: Graph, recipe: Recipe, batch: number): Graph {
  const { builder, logits, label } = startFrom(forward, recipe, batch);
  const { loss, correct } = addLoss(builder, logits, label, recipe);
  return finish(builder, 'eval_step', { logits, loss, correct });
}
