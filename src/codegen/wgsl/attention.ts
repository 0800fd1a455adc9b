import type { ValueId } from '../../ir/types.js';
import { type Attention, type AttentionGradient, attentionOf } from '../../plan/attention-pattern.js';
import { mul, operand, sub } from '../formula/build.js';
import type { Dispatch } from '../gpu/kernel.js';
import type { Place } from '../gpu/layout.js';
import { HeadKernel } from './attention-head.js';
import type { WgslContext } from './context.js';

function emitForward(context: WgslContext, attention: Extract<Attention, { kind: 'forward' }>): readonly Dispatch[] {
  const head = new HeadKernel(context, attention);
  const [q, k] = attention.scores.inputs as [ValueId, ValueId];
  const v = attention.sums.inputs[1]!;
  const columns = head.length(v);
  const body = [
    ...head.row(q, 'q', 'i'),
    ...head.statistics(k),
    ...head.sums('out', columns),
    ...head.over('j', head.keys, [
      ...head.row(k, 'k', 'j'),
      ...head.score(),
      ...head.weight(),
      ...head.row(v, 'v', 'j'),
      `let counted = ${head.made(attention.after, 'weight')};`,
      ...head.addRow('out', 'counted', 'v', columns),
    ]),
  ];
  return [head.finish('i', head.queries, 'forward', body, head.store(attention.sums.id, 'out', 'i'))];
}

/** Statements that declare the gradient of a weight, of rows `dy` and `v`; and of its score, where `dot` of its row is known. */
function weightGrad(head: HeadKernel, { weightsGrad, widened }: AttentionGradient): string[] {
  const value = head.made([weightsGrad, ...widened], 'given');
  return [...head.dot('given', 'dy', 'v', head.length(weightsGrad.inputs[0]!)), `let weight_grad = ${value};`];
}

function scoreGrad(head: HeadKernel, { softmaxGrad, rounded }: AttentionGradient): string {
  const value = head.write(mul(operand(0), sub(operand(1), operand(2))), { operand: (index) => ['weight', 'weight_grad', 'dot'][index]! });
  return `let score_grad = ${head.made([softmaxGrad, ...rounded], value)};`;
}

/** Numbers of a row of scores that the keys' kernel takes from the queries': largest, sum, and the weights times their gradients. */
const ROW_NUMBERS = ['largest', 'sum', 'dot'] as const;

/** The gradient of q a query at a time; then those of k and v a key at a time. */
function emitGradient(context: WgslContext, attention: AttentionGradient): readonly Dispatch[] {
  const [q, k] = attention.scores.inputs as [ValueId, ValueId];
  const [dy, v] = attention.weightsGrad.inputs as [ValueId, ValueId];
  const { gradients } = attention;
  const ofQueries = new HeadKernel(context, attention);
  const { heads, queries, keys } = ofQueries;
  const [features, columns] = [ofQueries.length(q), ofQueries.length(v)];
  const numbers: Place = context.reserve(heads * queries * ROW_NUMBERS.length * 4);
  const number = (index: number) => `(head * ${queries}u + i) * ${ROW_NUMBERS.length}u + ${index}u`;
  const { helper } = ofQueries.kernel;
  const pair = (head: HeadKernel, other: string[]) => [...other, ...head.score(), ...head.weight(), ...weightGrad(head, attention)];
  const keyRows = [...ofQueries.row(k, 'k', 'j'), ...ofQueries.row(v, 'v', 'j')];
  const rows = [
    ...ofQueries.row(q, 'q', 'i'),
    ...ofQueries.row(dy, 'dy', 'i'),
    ...ofQueries.statistics(k),
    'var dots = vec2f();',
    ...ofQueries.over('j', keys, [...pair(ofQueries, keyRows), `dots = ${helper('add_term')}(dots, weight * weight_grad);`]),
    `let dot = ${helper('sum_of')}(dots);`,
    ...ofQueries.sums('dq', features),
    ...ofQueries.over('j', keys, [
      ...pair(ofQueries, keyRows),
      scoreGrad(ofQueries, attention),
      ...ofQueries.addRow('dq', 'score_grad', 'k', features),
    ]),
  ];
  const kept = ofQueries.kernel.write(numbers, 'f32');
  const first = ofQueries.finish('i', queries, 'queries', rows, [
    ...ofQueries.store(gradients.q.id, 'dq', 'i'),
    ...ROW_NUMBERS.map((name, index) => `${kept}[${number(index)}] = ${name};`),
  ]);
  const ofKeys = new HeadKernel(context, attention);
  const queryRows = [
    ...ofKeys.row(q, 'q', 'i'),
    ...ofKeys.row(dy, 'dy', 'i'),
    ...ROW_NUMBERS.map((name, index) => `let ${name} = ${ofKeys.kernel.read(numbers, 'f32', number(index))};`),
  ];
  const keyLines = [
    ...ofKeys.row(k, 'k', 'j'),
    ...ofKeys.row(v, 'v', 'j'),
    ...ofKeys.sums('dk', features),
    ...ofKeys.sums('dv', columns),
    ...ofKeys.over('i', queries, [
      ...pair(ofKeys, queryRows),
      `let counted = ${ofKeys.made(attention.after, 'weight')};`,
      ...ofKeys.addRow('dv', 'counted', 'dy', columns),
      scoreGrad(ofKeys, attention),
      ...ofKeys.addRow('dk', 'score_grad', 'q', features),
    ]),
  ];
  const stores = [...ofKeys.store(gradients.k.id, 'dk', 'j'), ...ofKeys.store(gradients.v.id, 'dv', 'j')];
  return [first, ofKeys.finish('j', keys, 'keys', keyLines, stores)];
}

/** Kernels of one attention, in which scores are never in memory: each invocation computes those of its query, or of its key, again. */
export function emitAttention(context: WgslContext): readonly Dispatch[] {
  const attention = attentionOf(context.fn.graph, context.group.nodes);
  return attention.kind === 'forward' ? emitForward(context, attention) : emitGradient(context, attention);
}
