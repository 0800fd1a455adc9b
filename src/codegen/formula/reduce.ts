import type { Node } from '../../ir/types.js';
import { numberAttr } from '../../ir/types.js';
import type { OpOfKind } from '../../ops/index.js';
import { add, channel, computed, div, letIn, mul, named, ofRow, operand, parameter, sqrt, sub } from './build.js';
import type { F32 } from './expression.js';

/**
 * A sum over rows that leaves one number per channel. It is kept to more than f32: in doubles, to which f32 adds up a block of rows at a
 * time, or with what each addition rounds off; the order of additions depends on the shape alone.
 */
export interface ChannelReduction {
  /** No blocks: for a sum that is large beside what is read off it, as a mean beside the deviations from it. */
  readonly exact?: true;
  /** What each element adds. */
  readonly term: F32;
  /** What is taken of the sum before it is rounded to f32: the mean over all rows, or the sum itself. */
  readonly of: 'sum' | 'mean';
  /** The result, from that number, `TOTAL`. */
  readonly result: F32;
}

/** What the rows come to, in a formula of the result. */
export const TOTAL = parameter('total', 'f32', 'channel');

const [x, dy] = [operand(0), operand(1)];
const deviation = named('deviation', sub(x, channel(1)));
/** Mean and 1 / deviation of the row that an element is in. */
const [mean, inverse] = [ofRow(2, 0, 2), ofRow(2, 1, 2)];

/** Ops that leave one number per channel. */
export const REDUCTIONS: Readonly<Record<OpOfKind<'reduce'>, (node: Node) => ChannelReduction>> = {
  sum_to_channel: () => ({ term: x, of: 'sum', result: TOTAL }),
  channel_mean: () => ({ exact: true, term: x, of: 'mean', result: TOTAL }),
  channel_variance: () => ({ term: mul(deviation, deviation), of: 'mean', result: TOTAL }),
  batch_norm_weight_grad: ({ attrs }) => ({
    term: letIn([x, dy], mul(dy, sub(x, channel(2)))),
    of: 'sum',
    result: div(TOTAL, sqrt(add(channel(3), computed(numberAttr(attrs, 'eps'))))),
  }),
  layer_norm_weight_grad: () => ({ term: letIn([x, dy], mul(dy, mul(sub(x, mean), inverse))), of: 'sum', result: TOTAL }),
};
