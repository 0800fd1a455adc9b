import type { Node } from '../../ir/types.js';
import { elementCount, numberAttr, numbersAttr } from '../../ir/types.js';
import type { OpOfKind } from '../../ops/index.js';
import {
  abs,
  add,
  clamp,
  computed,
  constants,
  div,
  equal,
  isNan,
  mul,
  named,
  neg,
  number,
  operand,
  orZero,
  parameter,
  scalar,
  select,
  sub,
  withSign,
} from './build.js';
import type { F32 } from './expression.js';
import {
  exponentials,
  isLabel,
  LABEL,
  logSum,
  loop,
  ofThis,
  probability,
  type RowFormula,
  type RowNumber,
  type RowRule,
} from './row-formula.js';
import { exp, sigmoid, softplus } from './special-functions.js';

const first = operand(0);
const one = number(1);
const [largest, sum] = [ofThis('largest'), ofThis('sum')];

/** The weights of the classes at the columns, where the node has any, and their mean. */
function weightsOf({ attrs }: Node): { readonly each: F32; readonly mean: number } | undefined {
  if (attrs.weights === undefined) return undefined;
  const weights = numbersAttr(attrs, 'weights').map(Math.fround);
  return { each: constants('weights', weights), mean: weights.reduce((total, weight) => total + weight, 0) / weights.length };
}

/** The formula, of which rows with the label that the node ignores are as those without a label. */
function unlessIgnored({ attrs }: Node, formula: RowFormula): RowFormula {
  return attrs.ignore === undefined ? formula : { ...formula, ignored: numberAttr(attrs, 'ignore') };
}

const weight = ofThis('weight');

const labelWeight: RowRule = (node) => {
  const weights = weightsOf(node);
  if (weights === undefined) return unlessIgnored(node, { steps: [], result: { share: one } });
  return unlessIgnored(node, { steps: [loop({ by: 'at_label', name: 'weight', term: weights.each })], result: { share: weight } });
};

/** What the row is to be at the column, where the node has targets: operand 2, or 3 behind dloss. */
function targetOf({ inputs }: Node, behind: 'label' | 'dloss'): F32 | undefined {
  const index = behind === 'label' ? 2 : 3;
  return index < inputs.length ? operand(index) : undefined;
}

/** What a column counts of such a target: a share of that is spread over all `length` classes, and each has its weight. */
function shareOf(target: F32, node: Node, length: number): F32 {
  const smoothing = numberAttr(node.attrs, 'label_smoothing');
  const weights = weightsOf(node);
  const smoothed = smoothing === 0 ? target : add(mul(computed(1 - smoothing), target), computed(smoothing / length));
  return named('target', weights === undefined ? smoothed : mul(weights.each, smoothed));
}

const targets = ofThis('targets');

/** Every class counts by its target: what those add up to, times the logarithm of the sum, and how far each is below the largest. */
const crossEntropyOf = (target: F32): RowFormula => ({
  steps: [
    ...exponentials,
    loop(
      { by: 'sum', name: 'below', term: named('share', mul(target, named('distance', sub(largest, first)))) },
      { by: 'sum', name: 'targets', term: target },
    ),
    logSum,
  ],
  result: { share: add(mul(targets, ofThis('log_sum')), ofThis('below')) },
});

const crossEntropy: RowRule = (node, shape) => {
  const target = targetOf(node, 'label');
  if (target !== undefined) return unlessIgnored(node, crossEntropyOf(shareOf(target, node, shape.at(-1)!)));
  const smoothing = numberAttr(node.attrs, 'label_smoothing');
  const weights = weightsOf(node);
  const distance = named('distance', sub(largest, first));
  const chosen = ofThis('chosen');
  const surprise = add(ofThis('log_sum'), ofThis('below'));
  const term = weights === undefined ? distance : mul(weights.each, distance);
  const all: readonly RowNumber[] = smoothing === 0 ? [] : [{ by: 'mean', name: 'rest', term }];
  const own: readonly RowNumber[] = weights === undefined ? [] : [{ by: 'at_label', name: 'weight', term: weights.each }];
  const logOfSum = weights === undefined ? ofThis('log_sum') : mul(computed(weights.mean), ofThis('log_sum'));
  const smooth = mul(computed(smoothing), add(logOfSum, ofThis('rest')));
  return unlessIgnored(node, {
    steps: [
      ...exponentials,
      loop({ by: 'at_label', name: 'below', term: distance }, ...own, ...all),
      logSum,
      { name: 'chosen', value: weights === undefined ? surprise : mul(weight, surprise) },
    ],
    result: { share: smoothing === 0 ? chosen : add(mul(computed(1 - smoothing), chosen), smooth) },
  });
};

const crossEntropyGrad: RowRule = (node, shape) => {
  const smoothing = numberAttr(node.attrs, 'label_smoothing');
  const weights = weightsOf(node);
  const length = shape.at(-1)!;
  const factor = div(scalar(2), computed(elementCount(shape) / length));
  const share = named('probability', probability);
  const given = targetOf(node, 'dloss');
  if (given !== undefined) {
    const each = shareOf(given, node, length);
    return unlessIgnored(node, {
      steps: [...exponentials, loop({ by: 'sum', name: 'targets', term: each })],
      result: { each: mul(sub(mul(targets, share), each), factor) },
    });
  }
  const target = select(isLabel, computed(1 - smoothing + smoothing / length), computed(smoothing / length));
  if (weights === undefined) return unlessIgnored(node, { steps: exponentials, result: { each: mul(sub(share, target), factor) } });
  // What the targets of the row add up to.
  const total = add(mul(computed(1 - smoothing), weight), computed(smoothing * weights.mean));
  const difference = sub(mul(targets, share), mul(weights.each, target));
  return unlessIgnored(node, {
    steps: [...exponentials, loop({ by: 'at_label', name: 'weight', term: weights.each }), { name: 'targets', value: total }],
    result: { each: mul(difference, factor) },
  });
};

/** How far an element is from its target: 1 at the label, else 0, where none is given. */
function differenceOf(node: Node, behind: 'label' | 'dloss'): F32 {
  return named('difference', sub(first, targetOf(node, behind) ?? orZero(isLabel, one)));
}

/** A loss that adds up what each class gives. */
const sumOf = (term: F32): RowFormula => ({ steps: [loop({ by: 'sum', name: 'sum', term })], result: { share: sum } });

/** Its gradient. */
const eachOf = (each: F32): RowFormula => ({ steps: [], result: { each } });

/** dloss / (rows * classes). */
const perElement = (shape: readonly number[]): F32 => div(scalar(2), computed(elementCount(shape)));

const mse: RowRule = (node) => {
  const difference = differenceOf(node, 'label');
  return sumOf(named('square', mul(difference, difference)));
};

const mseGrad: RowRule = (node, shape) =>
  eachOf(mul(differenceOf(node, 'dloss'), div(mul(number(2), scalar(2)), computed(elementCount(shape)))));

const l1: RowRule = (node) => sumOf(named('distance', abs(differenceOf(node, 'label'))));

const l1Grad: RowRule = (node, shape) => {
  const difference = differenceOf(node, 'dloss');
  const sign = select(equal(difference, number(0)), difference, withSign(one, difference));
  return eachOf(mul(select(isNan(difference), difference, sign), perElement(shape)));
};

const huber: RowRule = (node) => {
  const distance = named('distance', abs(differenceOf(node, 'label')));
  const square = named('square', clamp(distance, number(0), computed(numberAttr(node.attrs, 'delta'))));
  return sumOf(named('loss', mul(square, sub(distance, mul(number(0.5), square)))));
};

const huberGrad: RowRule = (node, shape) => {
  const difference = differenceOf(node, 'dloss');
  const delta = numberAttr(node.attrs, 'delta');
  const slope = select(isNan(difference), difference, clamp(difference, computed(-delta), computed(delta)));
  return eachOf(mul(slope, perElement(shape)));
};

/** Each logit as it counts against the row: its negative at the label. */
const wrong = named('wrong', select(isLabel, neg(first), first));

const binaryCrossEntropy: RowRule = (node) => {
  const target = targetOf(node, 'label');
  if (target === undefined) return sumOf(named('loss', softplus(wrong)));
  return sumOf(named('loss', add(mul(target, softplus(neg(first))), mul(sub(one, target), softplus(first)))));
};

const binaryCrossEntropyGrad: RowRule = (node, shape) => {
  const factor = perElement(shape);
  const target = targetOf(node, 'dloss');
  if (target !== undefined) return eachOf(mul(sub(sigmoid(first), target), factor));
  return eachOf(mul(sigmoid(wrong), select(isLabel, neg(factor), factor)));
};

/** sigmoid(wrong)^gamma, by the logarithm of the sigmoid. */
function mistaken(gamma: number): F32 {
  return named('mistaken', gamma === 0 ? one : exp(mul(computed(-gamma), softplus(neg(wrong)))));
}

const focal: RowRule = ({ attrs }) => {
  const alpha = numberAttr(attrs, 'alpha');
  const share = select(isLabel, computed(alpha), computed(1 - alpha));
  return sumOf(named('loss', mul(mul(share, mistaken(numberAttr(attrs, 'gamma'))), softplus(wrong))));
};

const focalGrad: RowRule = ({ attrs }, shape) => {
  const [gamma, alpha] = [numberAttr(attrs, 'gamma'), numberAttr(attrs, 'alpha')];
  const inner = add(mul(mul(computed(gamma), sigmoid(neg(wrong))), softplus(wrong)), sigmoid(wrong));
  const slope = mul(mistaken(gamma), inner);
  return eachOf(mul(slope, mul(select(isLabel, computed(-alpha), computed(1 - alpha)), perElement(shape))));
};

const correctCount: RowRule = () => ({
  steps: [loop({ by: 'first_largest', name: 'place', term: first })],
  result: { share: select(equal(parameter('place', 'i32', 'row'), LABEL), one, number(0)) },
});

/** Losses and what they report; `shape` is that of operand 0. */
export const LOSS_ROWS = {
  cross_entropy: crossEntropy,
  cross_entropy_grad: crossEntropyGrad,
  label_weight: labelWeight,
  mse,
  mse_grad: mseGrad,
  l1,
  l1_grad: l1Grad,
  huber,
  huber_grad: huberGrad,
  binary_cross_entropy: binaryCrossEntropy,
  binary_cross_entropy_grad: binaryCrossEntropyGrad,
  focal,
  focal_grad: focalGrad,
  correct_count: correctCount,
} satisfies Partial<Record<OpOfKind<'rows'>, RowRule>>;
