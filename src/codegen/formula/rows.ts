import { numberAttr } from '../../ir/types.js';
import type { OpOfKind } from '../../ops/index.js';
import type { Code } from '../code.js';
import {
  add,
  byPrecision,
  channel,
  computed,
  computedDouble,
  div,
  double,
  mul,
  named,
  number,
  ofRow,
  operand,
  parameter,
  sqrt,
  sub,
  toF32,
} from './build.js';
import type { Expression, F32 } from './expression.js';
import {
  causalExponentials,
  causalProbability,
  exponentials,
  logSum,
  loop,
  ofThis,
  probability,
  type RowFormula,
  type RowNumber,
  type RowResult,
  type RowRule,
  type RowStep,
} from './row-formula.js';
import { LOSS_ROWS } from './row-losses.js';
import { exp } from './special-functions.js';

const [first, second] = [operand(0), operand(1)];
const one = number(1);
const [largest, sum] = [ofThis('largest'), ofThis('sum')];

const softmax: RowRule = ({ attrs }, shape) =>
  attrs.causal === true
    ? { steps: causalExponentials, result: { each: causalProbability }, matrixRows: shape.at(-2)! }
    : { steps: exponentials, result: { each: probability } };

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
  ...LOSS_ROWS,
};

/** What the loop over rows supplies to write their formulas. */
export interface RowWriter<Line extends Code> {
  /** Statements that find numbers of the row in one loop over its columns. */
  loop(numbers: readonly RowNumber[]): readonly Line[];
  /** Statement that declares a number of the row. */
  declare(name: string, value: Expression): readonly Line[];
  /** Statements that store a value at every column, number `index` of `of` of the row, or the row's share. */
  each(value: F32): readonly Line[];
  number(value: F32, index: number, of: number): readonly Line[];
  share(value: F32): readonly Line[];
}

/** The statements for one row that has a label, or needs none. */
export function rowStatements<Line extends Code>({ steps, result }: RowFormula, writer: RowWriter<Line>): Line[] {
  return [
    ...steps.flatMap((step) => ('loop' in step ? writer.loop(step.loop) : writer.declare(step.name, step.value))),
    ...rowResult(result, writer),
  ];
}

/** Whether a row has no label, or one that is ignored: a condition on `label` in C and in WGSL. */
export function unlabelled({ ignored }: RowFormula): string {
  return ignored === undefined ? 'label < 0' : `label < 0 || label == ${ignored}`;
}

/** The statements for one row without a label. */
export function unlabelledRow<Line extends Code>({ result }: RowFormula, writer: RowWriter<Line>): Line[] {
  const zero = number(0);
  if ('each' in result) return rowResult({ each: zero }, writer);
  return rowResult('share' in result ? { share: zero } : { numbers: result.numbers.map(() => zero) }, writer);
}

function rowResult<Line extends Code>(result: RowResult, writer: RowWriter<Line>): Line[] {
  if ('each' in result) return [...writer.each(result.each)];
  if ('share' in result) return [...writer.share(result.share)];
  return result.numbers.flatMap((value, index) => writer.number(value, index, result.numbers.length));
}
