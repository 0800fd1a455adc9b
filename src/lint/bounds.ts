import { type Attrs, elementCount, type Graph, isFloat, type Node, numbersAttr } from '../ir/types.js';
import { round } from '../numeric/encoding.js';
import type { OpName } from '../ops/index.js';

/** Every number of a value is no less than `low` and no more than `high`, whatever the weights are; NaN aside. */
export interface Bounds {
  readonly low: number;
  readonly high: number;
}

type BoundsOf = (operands: readonly Bounds[], node: Node, graph: Graph) => Bounds;

const ANY: Bounds = { low: -Infinity, high: Infinity };

const same: BoundsOf = ([x]) => x!;
const increasing =
  (f: (x: number, attrs: Attrs) => number): BoundsOf =>
  ([x], { attrs }) => ({ low: f(x!.low, attrs), high: f(x!.high, attrs) });
const withZero: BoundsOf = (operands) => ({
  low: Math.min(0, ...operands.map(({ low }) => low)),
  high: Math.max(0, ...operands.map(({ high }) => high)),
});
const number = (attrs: Attrs, name: string, otherwise = Number.NaN): number =>
  attrs[name] === undefined ? otherwise : Number(attrs[name]);

/** Of the products of the ends; 0 times anything is 0. */
function product(a: Bounds, b: Bounds): Bounds {
  const ends = [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high].map((end) => (Number.isNaN(end) ? 0 : end));
  return { low: Math.min(...ends), high: Math.max(...ends) };
}

const abs: BoundsOf = ([x]) => ({ low: Math.max(x!.low, -x!.high, 0), high: Math.max(-x!.low, x!.high) });

const pow: BoundsOf = (operands, node, graph) => {
  const exponent = number(node.attrs, 'exponent');
  const isEven = exponent % 2 === 0;
  const x = isEven ? abs(operands, node, graph) : operands[0]!;
  if (exponent === 0) return { low: 1, high: 1 };
  if (x.low < 0) return exponent > 0 && Number.isInteger(exponent) ? { low: x.low ** exponent, high: x.high ** exponent } : ANY;
  const ends = [x.low ** exponent, x.high ** exponent];
  return { low: Math.min(...ends), high: Math.max(...ends) };
};

const normalize: BoundsOf = (_operands, { attrs }) => {
  const [mean, std] = [numbersAttr(attrs, 'mean'), numbersAttr(attrs, 'std')];
  const at = (x: number) => mean.map((m, c) => (x - m) / std[c % std.length]!);
  return { low: Math.min(...at(0)), high: Math.max(...at(1)) };
};

const sum: BoundsOf = ([x], node, graph) => {
  const count = elementCount(graph.nodes[node.inputs[0]!]!.type.shape) / elementCount(node.type.shape);
  return { low: x!.low * count, high: x!.high * count };
};

const div: BoundsOf = ([a, b]) => (b!.low > 0 ? product(a!, { low: 1 / b!.high, high: 1 / b!.low }) : ANY);

/** Of the ops that bound their result by their form, or by their operands. */
const RULES: Readonly<Partial<Record<OpName, BoundsOf>>> = {
  constant: (_operands, { attrs }) => ({ low: number(attrs, 'value'), high: number(attrs, 'value') }),
  normalize,
  relu: increasing((x) => Math.max(x, 0)),
  relu6: increasing((x) => Math.min(Math.max(x, 0), 6)),
  clamp: increasing((x, attrs) => Math.min(Math.max(x, number(attrs, 'low', -Infinity)), number(attrs, 'high', Infinity))),
  sigmoid: increasing((x) => 1 / (1 + Math.exp(-x))),
  hardsigmoid: increasing((x) => Math.min(Math.max(x / 6 + 0.5, 0), 1)),
  tanh: increasing(Math.tanh),
  softplus: ([x]) => ({ low: 0, high: Math.max(x!.high, 0) + 1 }),
  exp: increasing(Math.exp),
  log: increasing((x) => Math.log(Math.max(x, 0))),
  sqrt: increasing((x) => Math.sqrt(Math.max(x, 0))),
  abs,
  pow,
  softmax: () => ({ low: 0, high: 1 }),
  log_softmax: () => ({ low: -Infinity, high: 0 }),
  add: ([a, b]) => ({ low: a!.low + b!.low, high: a!.high + b!.high }),
  sub: ([a, b]) => ({ low: a!.low - b!.high, high: a!.high - b!.low }),
  mul: ([a, b]) => product(a!, b!),
  div,
  maximum: ([a, b]) => ({ low: Math.max(a!.low, b!.low), high: Math.max(a!.high, b!.high) }),
  minimum: ([a, b]) => ({ low: Math.min(a!.low, b!.low), high: Math.min(a!.high, b!.high) }),
  scale: ([x], { attrs }) => product(x!, { low: number(attrs, 'factor'), high: number(attrs, 'factor') }),
  shift: increasing((x, attrs) => x + number(attrs, 'offset')),
  scale_by: ([x, factor]) => product(x!, factor!),
  dropout: ([x], { attrs }) => product(x!, { low: 0, high: 1 / (1 - number(attrs, 'rate')) }),
  sum,
  mean: same,
  max: same,
  max_pool2d: same,
  avg_pool2d: withZero,
  clipped_avg_pool2d: withZero,
  adaptive_avg_pool2d: same,
  global_avg_pool: same,
  upsample_nearest: same,
  upsample_bilinear: same,
  cast: same,
  reshape: same,
  transpose: same,
  slice: same,
  broadcast: same,
  roll: same,
  pad: withZero,
  concat: (operands) => ({ low: Math.min(...operands.map(({ low }) => low)), high: Math.max(...operands.map(({ high }) => high)) }),
};

/** By value: its bounds, rounded to its format. */
export function boundsOf(graph: Graph): readonly Bounds[] {
  const bounds: Bounds[] = [];
  for (const node of graph.nodes) {
    const found = RULES[node.op]?.(
      node.inputs.map((id) => bounds[id]!),
      node,
      graph,
    );
    const { low, high } = found ?? ANY;
    const { dtype } = node.type;
    bounds.push(isFloat(dtype) ? { low: round(dtype, low), high: round(dtype, high) } : { low, high });
  }
  return bounds;
}
