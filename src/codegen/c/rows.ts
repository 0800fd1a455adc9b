import type { Node, ValueId } from '../../ir/types.js';
import { elementCount, numberAttr } from '../../ir/types.js';
import type { OpOfKind } from '../../ops/index.js';
import { readsLabels, totalDivisor } from '../../ops/row-totals.js';
import { Locals, Prologue } from './expression.js';
import type { KernelContext } from './kernel.js';
import { eachVector, type LoopFunction, type LoopOptions, loopFunction, partLength } from './loops.js';
import type { Place } from './place.js';
import { floatLiteral, indent } from './text.js';

/** What a rule sees of the row that it computes. */
interface RowContext {
  readonly context: KernelContext;
  readonly node: Node;
  readonly length: number;
  readonly rows: number;
  readonly prologue: Prologue;
  /** Statements over all vectors of the row; `lanes` is set in the last, partial one. */
  each(body: (locals: Locals, lanes: string | undefined) => void): string[];
  /** C float of an operand of shape []. */
  scalar(index: number): string;
  /** C int of row's label, operand 1. */
  readonly label: string;
  /** Address of one number per row, for ops that sum over rows. */
  readonly partial: string;
}

type RowRule = (row: RowContext) => string[];

const masked = (variable: string, lanes: string | undefined, fill: string) =>
  lanes === undefined ? variable : `vf_first(${variable}, ${lanes}, ${fill})`;

const store = (locals: Locals, id: ValueId, expression: string) => {
  locals.define(id, expression);
  locals.store(id);
};

/** Adds a vector to a row's sum, which is kept in double: rows may be long. */
const add = (sum: string, vector: string) => `${sum} = vw_add(${sum}, ${vector});`;

/** `max` and `sum`, so that e^(x - max) / sum are the row's probabilities. */
function exponentials({ each, node }: RowContext): string[] {
  return [
    'vf max_lanes = vf_set(-INFINITY);',
    'vw sum_lanes = {{0}};',
    ...each((locals, lanes) => {
      locals.statements.push(`max_lanes = vf_max(max_lanes, ${masked(locals.value(node.inputs[0]!), lanes, '-INFINITY')});`);
    }),
    'const float max = vf_max_lane(max_lanes);',
    ...each((locals, lanes) => {
      const power = locals.temporary(`vf_exp(${locals.value(node.inputs[0]!)} - vf_set(max))`);
      locals.statements.push(add('sum_lanes', masked(power, lanes, '0.0f')));
    }),
    'const float sum = (float)vw_sum(sum_lanes);',
  ];
}

const softmax: RowRule = (row) => [
  ...exponentials(row),
  ...row.each((locals) => store(locals, row.node.id, `vf_exp(${locals.value(row.node.inputs[0]!)} - vf_set(max)) / vf_set(sum)`)),
];

const logSoftmax: RowRule = (row) => [
  ...exponentials(row),
  'const float log_sum = logf(sum);',
  ...row.each((locals) => store(locals, row.node.id, `${locals.value(row.node.inputs[0]!)} - vf_set(max) - vf_set(log_sum)`)),
];

const softmaxGrad: RowRule = ({ each, node }) => [
  'vw dot_lanes = {{0}};',
  ...each((locals, lanes) => {
    const product = locals.temporary(`${locals.value(node.inputs[0]!)} * ${locals.value(node.inputs[1]!)}`);
    locals.statements.push(add('dot_lanes', masked(product, lanes, '0.0f')));
  }),
  'const float dot = (float)vw_sum(dot_lanes);',
  ...each((locals) => store(locals, node.id, `${locals.value(node.inputs[1]!)} * (${locals.value(node.inputs[0]!)} - vf_set(dot))`)),
];

const logSoftmaxGrad: RowRule = ({ each, node }) => [
  'vw sum_lanes = {{0}};',
  ...each((locals, lanes) => {
    locals.statements.push(add('sum_lanes', masked(locals.value(node.inputs[0]!), lanes, '0.0f')));
  }),
  'const float sum = (float)vw_sum(sum_lanes);',
  ...each((locals) => store(locals, node.id, `${locals.value(node.inputs[0]!)} - vf_exp(${locals.value(node.inputs[1]!)}) * vf_set(sum)`)),
];

/** All ones in the lane of the label. */
const atLabel = (locals: Locals, label: string) => `(vi_lanes() + vi_set((int32_t)${locals.at.channel}) == vi_set(${label}))`;

const crossEntropy: RowRule = (row) => {
  const { node, each, label, partial, length } = row;
  const smoothing = numberAttr(node.attrs, 'label_smoothing');
  return [
    `if (${label} < 0) {`,
    `  ${partial}[row] = 0.0f;`,
    '  continue;',
    '}',
    ...exponentials(row),
    'vf chosen_lanes = vf_set(0.0f);',
    ...(smoothing === 0 ? [] : ['vw all_lanes = {{0}};']),
    ...each((locals, lanes) => {
      const distance = locals.temporary(`vf_set(max) - ${locals.value(node.inputs[0]!)}`);
      locals.statements.push(`chosen_lanes += vf_and(${atLabel(locals, label)}, ${distance});`);
      if (smoothing !== 0) locals.statements.push(add('all_lanes', masked(distance, lanes, '0.0f')));
    }),
    'const float log_sum = logf(sum), chosen = log_sum + vf_sum(chosen_lanes);',
    smoothing === 0
      ? `${partial}[row] = chosen;`
      : `${partial}[row] = ${floatLiteral(1 - smoothing)} * chosen + ${floatLiteral(smoothing)} * (log_sum + (float)(vw_sum(all_lanes) / ${length}));`,
  ];
};

const crossEntropyGrad: RowRule = (row) => {
  const { node, each, label, prologue, rows, length, scalar } = row;
  const smoothing = numberAttr(node.attrs, 'label_smoothing');
  const factor = prologue.declare('factor', 'float', `${scalar(2)} / ${rows}.0f`);
  const [hit, miss] = [1 - smoothing + smoothing / length, smoothing / length].map((x) => `vf_set(${floatLiteral(x)})`);
  return [
    `if (${label} < 0) {`,
    ...indent(each((locals) => store(locals, node.id, 'vf_set(0.0f)'))),
    '  continue;',
    '}',
    ...exponentials(row),
    ...each((locals) => {
      const probability = locals.temporary(`vf_exp(${locals.value(node.inputs[0]!)} - vf_set(max)) / vf_set(sum)`);
      store(locals, node.id, `(${probability} - vf_select(${atLabel(locals, label)}, ${hit}, ${miss})) * vf_set(${factor})`);
    }),
  ];
};

const difference = (locals: Locals, node: Node, label: string) =>
  locals.temporary(`${locals.value(node.inputs[0]!)} - vf_and(${atLabel(locals, label)}, vf_set(1.0f))`);

const mse: RowRule = ({ node, each, label, partial }) => [
  'vw sum_lanes = {{0}};',
  `if (${label} >= 0) {`,
  ...indent(
    each((locals, lanes) => {
      const d = difference(locals, node, label);
      locals.statements.push(add('sum_lanes', masked(locals.temporary(`${d} * ${d}`), lanes, '0.0f')));
    }),
  ),
  '}',
  `${partial}[row] = (float)vw_sum(sum_lanes);`,
];

const mseGrad: RowRule = ({ node, each, label, prologue, rows, length, scalar }) => {
  const factor = prologue.declare('factor', 'float', `2.0f * ${scalar(2)} / ${rows * length}.0f`);
  return [
    `const float weight = ${label} < 0 ? 0.0f : ${factor};`,
    ...each((locals) => store(locals, node.id, `${difference(locals, node, label)} * vf_set(weight)`)),
  ];
};

/** Each logit as it counts against the row: its negative at the label. */
const wrong = (locals: Locals, node: Node, label: string) =>
  locals.temporary(`(vf)((vi)${locals.value(node.inputs[0]!)} ^ (${atLabel(locals, label)} & vi_set((int32_t)0x80000000u)))`);

const binaryCrossEntropy: RowRule = ({ node, each, label, partial }) => [
  'vw sum_lanes = {{0}};',
  `if (${label} >= 0) {`,
  ...indent(
    each((locals, lanes) => {
      const loss = locals.temporary(`vf_softplus(${wrong(locals, node, label)})`);
      locals.statements.push(add('sum_lanes', masked(loss, lanes, '0.0f')));
    }),
  ),
  '}',
  `${partial}[row] = (float)vw_sum(sum_lanes);`,
];

const binaryCrossEntropyGrad: RowRule = ({ node, each, label, prologue, rows, length, scalar }) => {
  const factor = prologue.declare('factor', 'float', `${scalar(2)} / ${rows * length}.0f`);
  return [
    `const float weight = ${label} < 0 ? 0.0f : ${factor};`,
    ...each((locals) => {
      const factors = `vf_select(${atLabel(locals, label)}, vf_set(-weight), vf_set(weight))`;
      store(locals, node.id, `vf_sigmoid(${wrong(locals, node, label)}) * ${factors}`);
    }),
  ];
};

const correctCount: RowRule = ({ node, each, label, partial }) => [
  'vf max_lanes = vf_set(-INFINITY);',
  ...each((locals, lanes) => {
    locals.statements.push(`max_lanes = vf_max(max_lanes, ${masked(locals.value(node.inputs[0]!), lanes, '-INFINITY')});`);
  }),
  'const float max = vf_max_lane(max_lanes);',
  'vi first = vi_set(INT32_MAX);',
  ...each((locals, lanes) => {
    const inside = lanes === undefined ? '' : ` & (vi_lanes() < vi_set((int32_t)${lanes}))`;
    const place = locals.temporary(`vi_lanes() + vi_set((int32_t)${locals.at.channel})`, 'vi');
    const here = locals.temporary(`(${locals.value(node.inputs[0]!)} == vf_set(max))${inside} & (${place} < first)`, 'vi');
    locals.statements.push(`first = vi_select(${here}, ${place}, first);`);
  }),
  `${partial}[row] = ${label} >= 0 && vi_min_lane(first) == ${label} ? 1.0f : 0.0f;`,
];

/** [mean, inverse] of the row, the result. */
const layerNormStatistics: RowRule = ({ each, node, context, length }) => [
  'vw sum_lanes = {{0}}, square_lanes = {{0}};',
  ...each((locals, lanes) => {
    locals.statements.push(add('sum_lanes', masked(locals.value(node.inputs[0]!), lanes, '0.0f')));
  }),
  `const float mean = (float)(vw_sum(sum_lanes) / ${length});`,
  ...each((locals, lanes) => {
    const deviation = locals.temporary(`${locals.value(node.inputs[0]!)} - vf_set(mean)`);
    locals.statements.push(`square_lanes = vw_add_square(square_lanes, ${masked(deviation, lanes, '0.0f')});`);
  }),
  `${context.output(node.id)}[2 * row] = mean;`,
  `${context.output(node.id)}[2 * row + 1] = (float)(1.0 / sqrt(vw_sum(square_lanes) / ${length} + ${numberAttr(node.attrs, 'eps')}));`,
];

/** `mean` and `inverse` of the row, from the operand that holds them. */
const statistics = ({ context, node }: RowContext, operand: number) => {
  const pointer = context.pointer(node.inputs[operand]!);
  return [`const vf mean = vf_set(${pointer}[2 * row]), inverse = vf_set(${pointer}[2 * row + 1]);`];
};

const layerNorm: RowRule = (row) => {
  const [x, , weight, bias] = row.node.inputs as [ValueId, ValueId, ValueId, ValueId];
  return [
    ...statistics(row, 1),
    ...row.each((locals) =>
      store(locals, row.node.id, `(${locals.value(x)} - mean) * inverse * ${locals.channel(weight)} + ${locals.channel(bias)}`),
    ),
  ];
};

const layerNormInputGrad: RowRule = (row) => {
  const { node, each, length } = row;
  const [dy, x, , weight] = node.inputs as [ValueId, ValueId, ValueId, ValueId];
  const scaled = (locals: Locals) => locals.temporary(`${locals.value(dy)} * ${locals.channel(weight)}`);
  const normalized = (locals: Locals) => locals.temporary(`(${locals.value(x)} - mean) * inverse`);
  return [
    ...statistics(row, 2),
    'vw sum_lanes = {{0}}, dot_lanes = {{0}};',
    ...each((locals, lanes) => {
      const [g, z] = [scaled(locals), normalized(locals)];
      locals.statements.push(
        add('sum_lanes', masked(g, lanes, '0.0f')),
        add('dot_lanes', masked(locals.temporary(`${g} * ${z}`), lanes, '0.0f')),
      );
    }),
    `const vf shift = vf_set((float)(vw_sum(sum_lanes) / ${length})), slope = vf_set((float)(vw_sum(dot_lanes) / ${length}));`,
    ...each((locals) => store(locals, node.id, `inverse * (${scaled(locals)} - shift - ${normalized(locals)} * slope)`)),
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

/** One op over the last axis, row by row. `partial` is the place of one float per row, for ops that sum over rows. */
export function rowFunction(context: KernelContext, id: ValueId, partial: Place | undefined, options: LoopOptions): LoopFunction {
  const node = context.node(id);
  const { shape } = context.type(node.inputs[0]!);
  const length = shape.at(-1)!;
  const rows = elementCount(shape) / length;
  const prologue = new Prologue();
  const outer = new Locals(context, { index: '0', channel: '0' }, { ...options, prologue });
  const body = ROWS[node.op as OpOfKind<'rows'>]({
    context,
    node,
    length,
    rows,
    prologue,
    label: 'label',
    partial: partial === undefined ? '' : context.address(partial, 'float'),
    scalar: (index) => outer.scalar(node.inputs[index]!),
    each: (visit) =>
      eachVector(length, context.target.lanes, (at) => {
        const locals = new Locals(context, { index: `(row * ${length} + c)`, ...at }, { ...options, prologue });
        visit(locals, at.lanes);
        return locals.statements;
      }),
  });
  const label = readsLabels(node.op) ? [`const int32_t label = ${context.pointer(node.inputs[1]!)}[row];`] : [];
  const lines = [...prologue.statements, 'for (int64_t row = begin; row < end; row++) {', ...indent([...label, ...body]), '}'];
  return { code: loopFunction(lines), table: context.table, range: rows, part: partLength(rows, length * 8, 1) };
}

/** Adds the rows' numbers in order. */
export function finishRows(context: KernelContext, id: ValueId, partial: Place): string[] {
  const node = context.node(id);
  const { shape } = context.type(node.inputs[0]!);
  const length = shape.at(-1)!;
  const rows = elementCount(shape) / length;
  const divisor = totalDivisor(node.op, rows, length);
  const total = divisor === undefined ? '(int32_t)total' : `(float)(total / ${divisor})`;
  return [
    'double total = 0.0;',
    `for (int64_t row = 0; row < ${rows}; row++) total += (double)${context.address(partial, 'float')}[row];`,
    `*${context.output(id)} = ${total};`,
  ];
}
