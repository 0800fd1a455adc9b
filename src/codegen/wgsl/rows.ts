import type { Node, ValueId } from '../../ir/types.js';
import { numberAttr } from '../../ir/types.js';
import type { OpOfKind } from '../../ops/index.js';
import { isRowTotal, readsLabels, totalDivisor } from '../../ops/row-totals.js';
import type { GroupContext } from './context.js';
import { storageType } from './formats.js';
import { type Dispatch, indent, KernelBuilder } from './kernel.js';
import type { Place } from './layout.js';
import { floatLiteral, loadExpression } from './literal.js';
import { storedValue } from './locals.js';
import { sumInOrder } from './totals.js';

/** What a rule sees of the row that it computes; one invocation has one row. */
interface RowContext {
  readonly node: Node;
  readonly length: number;
  readonly rows: number;
  /** Expression of an operand of the row's length at column `c`. */
  at(operand: number): string;
  /** A loop over the columns. */
  each(body: readonly string[]): string[];
  /** Expression of element `element` of an operand, WGSL (u32). */
  element(operand: number, element: string): string;
  /** Statement that stores the result at column `c`, or element `element` of it. */
  store(value: string, element?: string): string;
  /** Statement that leaves the row's share of a total. */
  leave(value: string): string;
  /** Operand of shape []. */
  scalar(operand: number): string;
}

type RowRule = (row: RowContext) => string[];

/** Statements that declare `terms`, the pair (`add_term`) of a sum over the columns. */
const sumOver = (each: RowContext['each'], lines: readonly string[], term: string): string[] => [
  'var terms = vec2f();',
  ...each([...lines, `terms = add_term(terms, ${term});`]),
];

/** `largest` and `sum`, so that e^(x - largest) / sum are the row's probabilities. */
const exponentials = ({ at, each }: RowContext): string[] => [
  'var largest = -inf();',
  ...each([`largest = max(largest, ${at(0)});`]),
  ...sumOver(each, [], `exp_(${at(0)} - largest)`),
  'let sum = sum_of(terms);',
];

const softmax: RowRule = (row) => [...exponentials(row), ...row.each([row.store(`exp_(${row.at(0)} - largest) / sum`)])];

const logSoftmax: RowRule = (row) => [
  ...exponentials(row),
  'let log_sum = log_(sum);',
  ...row.each([row.store(`${row.at(0)} - largest - log_sum`)]),
];

const softmaxGrad: RowRule = ({ at, each, store }) => [
  ...sumOver(each, [], `${at(0)} * ${at(1)}`),
  'let dot = sum_of(terms);',
  ...each([store(`${at(1)} * (${at(0)} - dot)`)]),
];

const logSoftmaxGrad: RowRule = ({ at, each, store }) => [
  ...sumOver(each, [], at(0)),
  'let sum = sum_of(terms);',
  ...each([store(`${at(0)} - exp_(${at(1)}) * sum`)]),
];

const crossEntropy: RowRule = (row) => {
  const { node, at, each, leave, length } = row;
  const smoothing = numberAttr(node.attrs, 'label_smoothing');
  const smooth = smoothing === 0 ? [] : ['var all = vec2f();', ...each([`all = add_term(all, largest - ${at(0)});`])];
  const loss =
    smoothing === 0
      ? 'chosen'
      : `${floatLiteral(1 - smoothing)} * chosen + ${floatLiteral(smoothing)} * (log_sum + sum_of(all) * ${floatLiteral(1 / length)})`;
  return [
    'if (label < 0) {',
    `  ${leave('0.0f')}`,
    '  return;',
    '}',
    ...exponentials(row),
    ...smooth,
    'let log_sum = log_(sum);',
    'let c = u32(label);',
    `let chosen = log_sum + (largest - ${at(0)});`,
    leave(loss),
  ];
};

const crossEntropyGrad: RowRule = (row) => {
  const { node, at, each, store, scalar, rows, length } = row;
  const smoothing = numberAttr(node.attrs, 'label_smoothing');
  const [hit, miss] = [1 - smoothing + smoothing / length, smoothing / length].map(floatLiteral);
  return [
    'if (label < 0) {',
    ...indent(each([store('0.0f')])),
    '  return;',
    '}',
    `let factor = ${scalar(2)} / ${rows}.0f;`,
    ...exponentials(row),
    ...each([store(`(exp_(${at(0)} - largest) / sum - select(${miss}, ${hit}, i32(c) == label)) * factor`)]),
  ];
};

const difference = (at: string) => `let d = ${at} - select(0.0f, 1.0f, i32(c) == label);`;

const mse: RowRule = ({ at, each, leave }) => [
  ...sumOver(each, [difference(at(0))], 'd * d'),
  leave('select(0.0f, sum_of(terms), label >= 0)'),
];

const mseGrad: RowRule = ({ at, each, store, scalar, rows, length }) => [
  `let factor = select(2.0f * ${scalar(2)} / ${rows * length}.0f, 0.0f, label < 0);`,
  ...each([difference(at(0)), store('d * factor')]),
];

/** Each logit as it counts against the row: its negative at the label. */
const wrong = (at: string) => `let x = select(${at}, -${at}, i32(c) == label);`;

const binaryCrossEntropy: RowRule = ({ at, each, leave }) => [
  ...sumOver(each, [wrong(at(0))], 'softplus(x)'),
  leave('select(0.0f, sum_of(terms), label >= 0)'),
];

const binaryCrossEntropyGrad: RowRule = ({ at, each, store, scalar, rows, length }) => [
  `let factor = select(${scalar(2)} / ${rows * length}.0f, 0.0f, label < 0);`,
  ...each([wrong(at(0)), store('sigmoid(x) * select(factor, -factor, i32(c) == label)')]),
];

/** The first maximum is at the label; a row that holds a NaN never counts. */
const correctCount: RowRule = ({ at, each, leave }) => [
  'var best = -inf();',
  'var place = 0;',
  'var ordered = true;',
  ...each([`let x = ${at(0)};`, 'if (c == 0u || x > best) {', '  best = x;', '  place = i32(c);', '}', 'ordered = ordered && !is_nan(x);']),
  leave('select(0.0f, 1.0f, ordered && place == label)'),
];

/** [mean, inverse] of the row, the result. */
const layerNormStatistics: RowRule = ({ node, at, each, store, length }) => [
  ...sumOver(each, [], at(0)),
  `let mean = mean_of(terms, ${length}.0f);`,
  'var squares = vec2f();',
  ...each([`let d = ${at(0)} - mean;`, 'squares = add_term(squares, d * d);']),
  store('mean', '2u * i'),
  store(`1.0f / sqrt(mean_of(squares, ${length}.0f) + ${floatLiteral(numberAttr(node.attrs, 'eps'))})`, '2u * i + 1u'),
];

/** `mean` and `inverse` of the row, from the operand that holds them. */
const statistics = ({ element }: RowContext, operand: number) => [
  `let mean = ${element(operand, '2u * i')};`,
  `let inverse = ${element(operand, '2u * i + 1u')};`,
];

const layerNorm: RowRule = (row) => [
  ...statistics(row, 1),
  ...row.each([row.store(`(${row.at(0)} - mean) * inverse * ${row.element(2, 'c')} + ${row.element(3, 'c')}`)]),
];

const layerNormInputGrad: RowRule = (row) => {
  const { at, each, element, store, length } = row;
  const factors = [`let g = ${at(0)} * ${element(3, 'c')};`, `let z = (${at(1)} - mean) * inverse;`];
  return [
    ...statistics(row, 2),
    'var products = vec2f();',
    ...sumOver(each, [...factors, 'products = add_term(products, g * z);'], 'g'),
    `let shift = mean_of(terms, ${length}.0f);`,
    `let slope = mean_of(products, ${length}.0f);`,
    ...each([...factors, store('inverse * (g - shift - z * slope)')]),
  ];
};

const ROWS: Readonly<Record<OpOfKind<'rows'>, RowRule>> = {
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

/** One op over the last axis, one invocation for each row; then, for a loss or a count, the sum over rows. */
export function emitRows(context: GroupContext, id: ValueId): Dispatch[] {
  const node = context.node(id);
  const kernel = new KernelBuilder();
  const type = storageType(node.type.dtype);
  const length = context.type(node.inputs[0]!).shape.at(-1)!;
  const rows = context.count(node.inputs[0]!) / length;
  const total = isRowTotal(node.op);
  const partial: Place | undefined = total ? context.reserve(rows * 4) : undefined;
  const load = (operand: number, index: string) => {
    const input = node.inputs[operand]!;
    const { op, attrs, type } = context.node(context.root(input));
    return op === 'constant' ? floatLiteral(Number(attrs.value)) : loadExpression(kernel, context.place(input), type.dtype, index);
  };
  const label = readsLabels(node.op) ? [`let label = ${kernel.read(context.place(node.inputs[1]!), 'i32', 'i')};`] : [];
  const body = ROWS[node.op as OpOfKind<'rows'>]({
    node,
    length,
    rows,
    at: (operand) => load(operand, `i * ${length}u + c`),
    each: (lines) => [`for (var c = 0u; c < ${length}u; c++) {`, ...indent(lines), '}'],
    element: load,
    store: (value, element = `i * ${length}u + c`) => `${kernel.write(context.place(id), type)}[${element}] = ${storedValue(type, value)};`,
    leave: (value) => `${kernel.write(partial!, 'f32')}[i] = ${value};`,
    scalar: (operand) => load(operand, '0'),
  });
  const dispatch = kernel.finishFlat(context.label([id]), rows, context.target.limits, [...label, ...body]);
  if (partial === undefined) return [dispatch];
  const divisor = totalDivisor(node.op, rows, length);
  const result = divisor === undefined ? 'i32(total0)' : `total0 / ${divisor}.0f`;
  return [dispatch, sumInOrder(context, id, { place: partial, count: rows }, result)];
}
