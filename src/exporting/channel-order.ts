import type { OpName } from '../ir/op-names.js';
import type { Graph, Node } from '../ir/types.js';
import { opDefinition } from '../ops/index.js';
import type { OpKind } from '../ops/op.js';

/** Of a tensor of four axes: [batch, height, width, channels], which is ampc's own order, or [batch, channels, height, width]. */
export type ChannelOrder = 'last' | 'first';

/** `follow`: as the operands of four axes have it, channels first where they differ. */
type Rule = ChannelOrder | 'follow';

/** What a format that has images with their channels first gives by kind of op. */
const BY_KIND = {
  source: 'last',
  contraction: 'last',
  elementwise: 'follow',
  pool: 'first',
  reduce: 'last',
  total: 'last',
  rows: 'last',
  axes: 'follow',
  view: 'last',
  copy: 'follow',
  update: 'last',
  counter: 'last',
  scalar: 'last',
  exchange: 'last',
} as const satisfies Readonly<Record<OpKind, Rule>>;

const BY_OP: Readonly<Partial<Record<OpName, Rule>>> = {
  normalize: 'first',
  conv2d: 'first',
  conv_transpose2d: 'first',
  upsample_nearest: 'first',
  transpose: 'last',
};

/** By value: the order of its channels where images have them first, so that few tensors are brought from one order into the other. */
export function channelOrders({ nodes }: Graph): readonly ChannelOrder[] {
  const orders: ChannelOrder[] = [];
  const orderOf = ({ op, inputs, type }: Node): ChannelOrder => {
    if (type.shape.length !== 4) return 'last';
    const rule = BY_OP[op] ?? BY_KIND[opDefinition(op).kind];
    if (rule !== 'follow') return rule;
    return inputs.some((input) => nodes[input]!.type.shape.length === 4 && orders[input] === 'first') ? 'first' : 'last';
  };
  for (const node of nodes) orders.push(orderOf(node));
  return orders;
}

/** Axis of a tensor in that order, from its axis in ampc's. */
export function axisIn(order: ChannelOrder, axis: number): number {
  return order === 'last' ? axis : [0, 2, 3, 1][axis]!;
}

/** By axis of the tensor in that order: what `values` has by axis in ampc's. */
export function inOrder<T>(order: ChannelOrder, values: readonly T[]): readonly T[] {
  return order === 'last' ? values : [0, 3, 1, 2].map((axis) => values[axis]!);
}
