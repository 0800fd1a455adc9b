import type { Node } from '../../ir/types.js';
import { elementCount, numberAttr } from '../../ir/types.js';
import type { OpOfKind } from '../../ops/index.js';
import {
  add,
  byPrecision,
  channel,
  column,
  computed,
  computedDouble,
  div,
  double,
  equal,
  mul,
  named,
  neg,
  number,
  ofRow,
  operand,
  orZero,
  parameter,
  scalar,
  select,
  sqrt,
  sub,
  toF32,
} from './build.js';
import type { Expression, F32, Parameter } from './expression.js';
import { exp, log, sigmoid, softplus } from './functions.js';

/**
 * What is taken of a term over the columns of a row. Sums are kept to more than f32, in doubles or with what each addition rounds off, and
 * are rounded once.
 * - `mean_of_squares`: the term is squared to more than f32 where the target has doubles.
 * - `largest`: anything where a term is NaN.
 * - `at_label`: the term at the column that is the row's label.
 * - `first_largest`: the column of the first of the largest terms, as i32; where a term is NaN, no column.
 */
export type RowReduction = 'sum' | 'mean' | 'mean_of_squares' | 'largest' | 'at_label' | 'first_largest';

/** A number of the row by that name. A `wide` one is an f64 where the target has doubles. */
export interface RowNumber {
  readonly by: RowReduction;
  readonly name: string;
  readonly term: F32;
  readonly wide?: true;
}

/** Numbers that are found in one loop over the columns; or a number that follows from earlier ones. */
type RowStep = { readonly loop: readonly RowNumber[] } | { readonly name: string; readonly value: F32 };

/** What becomes of a row: a result at every column, so many results by themselves, or its share of a total. */
type RowResult = { readonly each: F32 } | { readonly numbers: readonly F32[] } | { readonly share: F32 };

/** An op along the last axis. Of a row without a label (-1) every result is zero, whatever else it holds. */
export interface RowFormula {
  readonly steps: readonly RowStep[];
  readonly result: RowResult;
}

type RowRule = (node: Node, shape: readonly number[]) => RowFormula;

const [first, second] = [operand(0), operand(1)];
const one = number(1);
const ofThis = (name: string): F32 => parameter(name, 'f32', 'row');
/** The label of the row, where the op has labels. */
export const LABEL: Parameter<'i32'> = parameter('label', 'i32', 'row');
const isLabel = equal(column, LABEL);

/** Declares numbers of one loop; what they are called in formulas is `ofThis` of their names. */
const loop = (...numbers: readonly RowNumber[]): RowStep => ({ loop: numbers });

const [largest, sum] = [ofThis('largest'), ofThis('sum')];
/** e^(x - largest), which over `sum` is a probability. */
const power = exp(sub(first, largest));
const exponentials: readonly RowStep[] = [
  loop({ by: 'largest', name: 'largest', term: first }),
  loop({ by: 'sum', name: 'sum', term: named('power', power) }),
];
const logSum: RowStep = { name: 'log_sum', value: log(sum) };

const softmax: RowRule = () => ({ steps: exponentials, result: { each: div(power, sum) } });

const logSoftmax: RowRule = () => ({
  steps: [...exponentials, logSum],
  result: { each: sub(sub(first, largest), ofThis('log_sum')) },
});

const softmaxGrad: RowRule = () => ({
  steps: [loop({ by: 'sum', name: 'dot', term: named('product', mul(first, second)) })],
  result: { each: mul(second, sub(first, ofThis('dot'))) },
});

const logSoftmaxGrad: RowRule = () => ({
  steps: [loop({ by: 'sum', name: 'sum', term: first })],
  result: { each: sub(first, mul(exp(second), sum)) },
});

const crossEntropy: RowRule = ({ attrs }) => {
  const smoothing = numberAttr(attrs, 'label_smoothing');
  const distance = named('distance', sub(largest, first));
  const chosen = ofThis('chosen');
  const all: readonly RowNumber[] = smoothing === 0 ? [] : [{ by: 'mean', name: 'rest', term: distance }];
  const smooth = mul(computed(smoothing), add(ofThis('log_sum'), ofThis('rest')));
  return {
    steps: [
      ...exponentials,
      loop({ by: 'at_label', name: 'below', term: distance }, ...all),
      logSum,
      { name: 'chosen', value: add(ofThis('log_sum'), ofThis('below')) },
    ],
    result: { share: smoothing === 0 ? chosen : add(mul(computed(1 - smoothing), chosen), smooth) },
  };
};

const crossEntropyGrad: RowRule = ({ attrs }, shape) => {
  const smoothing = numberAttr(attrs, 'label_smoothing');
  const length = shape.at(-1)!;
  const target = select(isLabel, computed(1 - smoothing + smoothing / length), computed(smoothing / length));
  const factor = div(scalar(2), computed(elementCount(shape) / length));
  return { steps: exponentials, result: { each: mul(sub(named('probability', div(power, sum)), target), factor) } };
};

/** How far a logit is from its target: 1 at the label, else 0. */
const difference = named('difference', sub(first, orZero(isLabel, one)));

const mse: RowRule = () => ({
  steps: [loop({ by: 'sum', name: 'sum', term: named('square', mul(difference, difference)) })],
  result: { share: sum },
});

const mseGrad: RowRule = (_, shape) => ({
  steps: [],
  result: { each: mul(difference, div(mul(number(2), scalar(2)), computed(elementCount(shape)))) },
});

/** Each logit as it counts against the row: its negative at the label. */
const wrong = named('wrong', select(isLabel, neg(first), first));

const binaryCrossEntropy: RowRule = () => ({
  steps: [loop({ by: 'sum', name: 'sum', term: named('loss', softplus(wrong)) })],
  result: { share: sum },
});

const binaryCrossEntropyGrad: RowRule = (_, shape) => {
  const factor = div(scalar(2), computed(elementCount(shape)));
  return { steps: [], result: { each: mul(sigmoid(wrong), select(isLabel, neg(factor), factor)) } };
};

const correctCount: RowRule = () => ({
  steps: [loop({ by: 'first_largest', name: 'place', term: first })],
  result: { share: select(equal(parameter('place', 'i32', 'row'), LABEL), one, number(0)) },
});

/** 1 / sqrt(variance + eps), of a wide number of that name. */
function inverseRoot(name: string, eps: number): F32 {
  return byPrecision({
    double: toF32(div(double(1), sqrt(add(parameter(name, 'f64', 'row'), computedDouble(eps))))),
    single: div(one, sqrt(add(ofThis(name), computed(eps)))),
  });
}

const layerNormStatistics: RowRule = ({ attrs }) => {
  const centered = attrs.center !== false;
  const deviation = centered ? sub(first, ofThis('mean')) : first;
  return {
    steps: [
      ...(centered ? [loop({ by: 'mean', name: 'mean', term: first })] : []),
      loop({ by: 'mean_of_squares', name: 'variance', term: named('deviation', deviation), wide: true }),
    ],
    result: { numbers: [centered ? ofThis('mean') : number(0), inverseRoot('variance', numberAttr(attrs, 'eps'))] },
  };
};

/** Steps that read the mean and 1 / deviation of the row from the operand that holds them. */
const statistics = (index: number): readonly RowStep[] => [
  { name: 'mean', value: ofRow(index, 0, 2) },
  { name: 'inverse', value: ofRow(index, 1, 2) },
];
const normalized = (x: F32): F32 => mul(sub(x, ofThis('mean')), ofThis('inverse'));

const layerNorm: RowRule = () => ({
  steps: statistics(1),
  result: { each: add(mul(normalized(first), channel(2)), channel(3)) },
});

const layerNormInputGrad: RowRule = ({ attrs }) => {
  const centered = attrs.center !== false;
  const g = named('g', mul(first, channel(3)));
  const z = named('z', normalized(second));
  return {
    steps: [
      ...statistics(2),
      loop(...(centered ? [{ by: 'mean', name: 'shift', term: g } as const] : []), {
        by: 'mean',
        name: 'slope',
        term: named('product', mul(g, z)),
      }),
    ],
    result: { each: mul(ofThis('inverse'), sub(centered ? sub(g, ofThis('shift')) : g, mul(z, ofThis('slope')))) },
  };
};

/** Ops along the last axis; `shape` is that of operand 0. */
export const ROWS: Readonly<Record<OpOfKind<'rows'>, RowRule>> = {
  softmax,
  log_softmax: logSoftmax,
  softmax_grad: softmaxGrad,
  log_softmax_grad: logSoftmaxGrad,
  layer_norm_statistics: layerNormStatistics,
  layer_norm: layerNorm,
  layer_norm_input_grad: layerNormInputGrad,
  cross_entropy: crossEntropy,
  cross_entropy_grad: crossEntropyGrad,
  mse,
  mse_grad: mseGrad,
  binary_cross_entropy: binaryCrossEntropy,
  binary_cross_entropy_grad: binaryCrossEntropyGrad,
  correct_count: correctCount,
};

/** What the loop over rows supplies to write their formulas. */
export interface RowWriter {
  /** Statements that find numbers of the row in one loop over its columns. */
  loop(numbers: readonly RowNumber[]): readonly string[];
  /** Statement that declares a number of the row. */
  declare(name: string, value: Expression): readonly string[];
  /** Statements that store a value at every column, number `index` of `of` of the row, or the row's share. */
  each(value: F32): readonly string[];
  number(value: F32, index: number, of: number): readonly string[];
  share(value: F32): readonly string[];
}

/** The statements for one row that has a label, or needs none. */
export function rowStatements({ steps, result }: RowFormula, writer: RowWriter): string[] {
  return [
    ...steps.flatMap((step) => ('loop' in step ? writer.loop(step.loop) : writer.declare(step.name, step.value))),
    ...rowResult(result, writer),
  ];
}

/** The statements for one row without a label. */
export function unlabelledRow({ result }: RowFormula, writer: RowWriter): string[] {
  const zero = number(0);
  if ('each' in result) return rowResult({ each: zero }, writer);
  return rowResult('share' in result ? { share: zero } : { numbers: result.numbers.map(() => zero) }, writer);
}

function rowResult(result: RowResult, writer: RowWriter): string[] {
  if ('each' in result) return [...writer.each(result.each)];
  if ('share' in result) return [...writer.share(result.share)];
  return result.numbers.flatMap((value, index) => writer.number(value, index, result.numbers.length));
}
