import type { GraphBuilder } from '../ir/builder.js';
import { comparesImages, type LossSpec } from '../ir/program.js';
import { type Attr, type Attrs, elementCount, type Node, numbersAttr, type ValueId } from '../ir/types.js';
import { note } from '../ir/why.js';
import { emit } from '../ops/emit.js';
import { opDefinition } from '../ops/index.js';
import { totalDivisor } from '../ops/row-totals.js';

/** What a sigmoid reads, if it results in the value: the logarithms of its probabilities are taken of the logits, where they are finite. */
function beforeSigmoid(builder: GraphBuilder, value: ValueId): ValueId {
  const { op, inputs } = builder.nodes[value]!;
  return opDefinition(op).probabilities === 'independent' ? inputs[0]! : value;
}

/** Of attributes those that say what an image counts. */
function weighting({ weights, ignore }: { readonly weights?: Attr; readonly ignore?: Attr }): Attrs {
  return { ...(weights !== undefined && { weights }), ...(ignore !== undefined && { ignore }) };
}

function attrsOf(spec: LossSpec): Attrs {
  switch (spec.kind) {
    case 'cross_entropy':
      return { label_smoothing: spec.labelSmoothing, ...weighting(spec) };
    case 'huber':
      return { delta: spec.delta };
    case 'focal':
      return { gamma: spec.gamma, alpha: spec.alpha };
    case 'mse':
    case 'l1':
    case 'binary_cross_entropy':
      return {};
  }
}

/** The layer of a loss: that of the model's result, or of another value, by its name. */
export function lossLayer(of?: string): string {
  return of === undefined ? 'loss' : `loss_${of}`;
}

/** A loss as evaluation reports it. */
export interface AddedLoss {
  /** The mean over the batch, not by weights. */
  readonly loss: ValueId;
  /** Where images have weights: the mean of them, by which `loss` is to be divided. */
  readonly weight?: ValueId;
  /** How many rows have the right class; none has, where results are no classes. */
  readonly correct?: ValueId;
}

/** What a loss reads. */
export interface LossInputs {
  /** What the model results in. */
  readonly result: ValueId;
  readonly label: ValueId;
  /** Where the loss compares it with an image, of the shape of the result. */
  readonly target?: ValueId;
  /** What each class is to be where the loss is of labels, f32[batch, classes]; left out: 1 at the label. */
  readonly shares?: ValueId;
  /** What the result is called, where it is not the model's own. */
  readonly of?: string;
}

/** A row for each image. */
function rowsOf(builder: GraphBuilder, value: ValueId, layer: string): ValueId {
  const { shape } = builder.type(value);
  if (shape.length === 2) return value;
  const [batch, ...rest] = shape as [number, ...number[]];
  return emit(builder, 'reshape', [value], { shape: [batch, elementCount(rest)] }, { layer, why: 'the loss takes a row for each image' });
}

/** Appends a loss, which is the op of its name, to a forward graph. */
export function addLoss(builder: GraphBuilder, { result, label, target, shares, of }: LossInputs, spec: LossSpec): AddedLoss {
  const attrs = attrsOf(spec);
  const layer = lossLayer(of);
  if (comparesImages(spec)) {
    if (target === undefined) throw new Error(`the forward graph has no image for ${spec.kind}`);
    return { loss: emit(builder, spec.kind, [rowsOf(builder, result, layer), label, rowsOf(builder, target, layer)], attrs, { layer }) };
  }
  const reads = opDefinition(spec.kind).takesProbabilities === 'independent' ? beforeSigmoid(builder, result) : result;
  const inputs = [reads, label];
  const correct = of === undefined && { correct: emit(builder, 'correct_count', inputs, {}, { why: 'training accuracy, reported' }) };
  const loss = emit(builder, spec.kind, shares === undefined ? inputs : [...inputs, shares], attrs, { layer });
  const weights = weighting(attrs);
  if (Object.keys(weights).length === 0) return { loss, ...correct };
  const weight = emit(builder, 'label_weight', inputs, weights, { layer, why: 'a mean by weights is divided by theirs' });
  return { loss, weight, ...correct };
}

/** What a step reports, and what it minimises: `factor` times `objective`. */
export interface TrainedLoss {
  readonly loss: ValueId;
  /** Where it is of several losses, each of them by the name of its value, before its weight. */
  readonly parts?: Readonly<Record<string, ValueId>>;
  readonly correct?: ValueId;
  readonly objective: ValueId;
  /** The share of the micro-batch in its step, or, of a sum, how many terms it is the mean of. */
  readonly factor: number;
}

/** Appends the loss of a micro-batch that has `share` of its step's images. */
export function addTrainedLoss(builder: GraphBuilder, inputs: LossInputs, spec: LossSpec, share: number): TrainedLoss {
  const { loss: plain, weight, correct } = addLoss(builder, inputs, spec);
  const [rows, length] = builder.type(builder.nodes[plain]!.inputs[0]!).shape as [number, number];
  const least = weight === undefined ? 0 : leastWeight(builder.nodes[weight]!) / rows;
  const loss = weight === undefined ? plain : divided(builder, plain, weight, least, lossLayer(inputs.of));
  const reported = { loss, ...(correct !== undefined && { correct }) };
  if (spec.reduction === 'mean') return { ...reported, objective: loss, factor: share };
  return { ...reported, objective: plain, factor: totalDivisor(spec.kind, rows, length)! };
}

/** The smallest weight above 0. */
function leastWeight({ attrs }: Node): number {
  const weights = attrs.weights === undefined ? [] : numbersAttr(attrs, 'weights');
  const positive = weights.filter((weight) => weight > 0);
  return positive.length === 0 ? 1 : Math.min(...positive);
}

/** The mean by weights; 0 where all of them are, as the loss is. `least`: their mean is that at least, or 0. */
function divided(builder: GraphBuilder, loss: ValueId, weight: ValueId, least: number, layer: string): ValueId {
  const why = 'never 0: of a batch whose labels all count for nothing the loss is 0';
  const type = builder.type(weight);
  const floor = builder.add({ op: 'constant', attrs: { value: Math.fround(least / 2) }, type, layer, why: note(why) });
  const divisor = emit(builder, 'maximum', [weight, floor], {}, { layer, why });
  return emit(builder, 'div', [loss, divisor], {}, { layer, why: 'the mean by weights' });
}

/** A further loss with what it reads. */
export interface AuxTrained {
  readonly of: string;
  readonly weight: number;
  readonly trained: TrainedLoss;
}

/** What the loss of the model's result is called among the parts of a sum: no `let` can have that name. */
const MAIN_PART = 'model';

/** The sum of a loss and further ones times their weights: what is reported of it, and what is minimised. */
export function addAuxLosses(builder: GraphBuilder, main: TrainedLoss, aux: readonly AuxTrained[]): TrainedLoss {
  if (aux.length === 0) return main;
  const plus = (sum: ValueId, value: ValueId, factor: number, layer: string): ValueId => {
    const weighed =
      factor === 1 ? value : emit(builder, 'scale', [value], { factor }, { layer, why: 'its weight beside the loss of the result' });
    return emit(builder, 'add', [sum, weighed], {}, { layer, why: 'all losses together' });
  };
  let loss = main.loss;
  for (const { of, weight, trained } of aux) loss = plus(loss, trained.loss, weight, lossLayer(of));
  const parts = Object.fromEntries([[MAIN_PART, main.loss], ...aux.map(({ of, trained }) => [of, trained.loss] as const)]);
  // Of means the sum that is reported is the one that is minimised.
  const isReported = [main, ...aux.map(({ trained }) => trained)].every((one) => one.objective === one.loss && one.factor === main.factor);
  let objective = isReported ? loss : main.objective;
  if (!isReported)
    for (const { of, weight, trained } of aux)
      objective = plus(objective, trained.objective, (weight * trained.factor) / main.factor, lossLayer(of));
  return { ...main, loss, parts, objective };
}
