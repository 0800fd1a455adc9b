import { elementCount, numberAttr } from '../ir/types.js';
import {
  ANY,
  addRanges,
  between,
  F32_ROUNDING,
  isBounded,
  magnitude,
  mulRanges,
  type Range,
  roundRange,
  scaleRange,
  subRanges,
  sumRange,
  symmetric,
  union,
  widenFor,
  withZero,
  ZERO,
} from './range.js';
import type { RangeContext, RangeRule } from './range-rule.js';

/** A product of three factors, rounded twice. */
const scaledLoss: RangeRule = ({ operands, node }) => {
  const [loss, scale] = operands as [Range, Range];
  const product = scaleRange(mulRanges(loss, scale), numberAttr(node.attrs, 'factor'));
  return widenFor(product, 3, Math.max(magnitude(product), magnitude(mulRanges(loss, scale))));
};

const unscale: RangeRule = ({ operands }) => {
  const [g, scale] = operands as [Range, Range];
  if (!isBounded(scale) || scale.low <= 0) return ANY;
  const product = mulRanges(g, roundRange(between(1 / scale.high, 1 / scale.low), 'f32'));
  return widenFor(product, 3, magnitude(product));
};

function elementsOf({ node, shape }: Pick<RangeContext, 'node' | 'shape'>): number {
  return node.inputs.reduce((sum, _, index) => sum + elementCount(shape(index)), 0);
}

const globalNorm: RangeRule = (context) => {
  const squares = context.operands.reduce((sum, range, index) => sum + elementCount(context.shape(index)) * magnitude(range) ** 2, 0);
  if (context.operands.some(({ nan }) => nan)) return { low: 0, high: Infinity, nan: true };
  const sum = widenFor(between(0, squares), elementsOf(context) + 3, squares);
  return between(0, isBounded(sum) ? Math.sqrt(sum.high) * (1 + 4 * F32_ROUNDING) : Infinity);
};

/** The factor is at most 1; and what is part of the norm ends within the largest norm that passes. */
const clipByNorm: RangeRule = (context) => {
  const [g, norm] = context.operands as [Range, Range];
  if (!isBounded(g) || norm.nan || norm.low < 0) return ANY;
  const shrunk = withZero(g);
  const source = context.root(1);
  if (source.op !== 'global_norm' || !source.inputs.includes(context.node.inputs[0]!)) return shrunk;
  const count = source.inputs.reduce((sum, id) => sum + elementCount(context.graph.nodes[id]!.type.shape), 0);
  const most = numberAttr(context.node.attrs, 'max') * Math.exp((count + 8) * F32_ROUNDING);
  return between(Math.max(shrunk.low, -most), Math.min(shrunk.high, most));
};

const sgd: RangeRule = ({ operands, node }) => {
  const [w, g, lr, buf] = operands as [Range, Range, Range, Range?];
  const momentum = numberAttr(node.attrs, 'momentum');
  const decayed = addRanges(g, scaleRange(w, numberAttr(node.attrs, 'weight_decay')));
  const moved = momentum === 0 ? decayed : addRanges(decayed, scaleRange(buf ?? ANY, momentum));
  const direction = node.attrs.nesterov === true && momentum !== 0 ? addRanges(decayed, scaleRange(moved, momentum)) : moved;
  const next = subRanges(w, mulRanges(lr, direction));
  return union(w, widenFor(next, 10, magnitude(w) + magnitude(mulRanges(lr, symmetric(2 * magnitude(direction))))));
};

/** The root of the second moment can be 0 beside a first moment that is not, as far as ranges tell: eps alone bounds the quotient. */
function adam(decoupled: boolean): RangeRule {
  return ({ operands, node }) => {
    const [w, g, m, v, lr, t] = operands as [Range, Range, Range, Range, Range, Range];
    if (![w, g, m, v, lr, t].every(isBounded) || t.low < 0 || v.low < 0) return ANY;
    const decay = numberAttr(node.attrs, 'weight_decay');
    const beta1 = numberAttr(node.attrs, 'beta1');
    const gradient = decoupled ? g : addRanges(g, scaleRange(w, decay));
    const kept = decoupled ? union(w, mulRanges(w, subRanges(between(1, 1), scaleRange(lr, decay)))) : w;
    const mean = union(m, gradient);
    const rate = magnitude(lr) / (1 - beta1 ** (t.low + 1));
    const step = (rate * magnitude(mean)) / numberAttr(node.attrs, 'eps');
    const largest = magnitude(kept) + step;
    return union(w, widenFor(addRanges(kept, symmetric(step)), 24, 2 * largest));
  };
}

/** As of adam: eps alone bounds the quotient. */
const rmsprop: RangeRule = ({ operands, node }) => {
  const [w, g, v, lr, ...slots] = operands as [Range, Range, Range, Range, ...Range[]];
  const momentum = numberAttr(node.attrs, 'momentum');
  const buf = momentum === 0 ? ZERO : (slots[node.attrs.centered === true ? 1 : 0] ?? ANY);
  if (![w, g, v, lr, buf].every(isBounded) || v.low < 0) return ANY;
  const gradient = addRanges(g, scaleRange(w, numberAttr(node.attrs, 'weight_decay')));
  const step = magnitude(lr) * (magnitude(gradient) / numberAttr(node.attrs, 'eps') + momentum * magnitude(buf));
  return union(w, widenFor(addRanges(w, symmetric(step)), 16, 2 * (magnitude(w) + step)));
};

/** A step of the size of the rate, and the decay. */
const lion: RangeRule = ({ operands, node }) => {
  const [w, g, m, lr] = operands as [Range, Range, Range, Range];
  if (![w, g, m, lr].every(isBounded)) return ANY;
  const moved = mulRanges(lr, addRanges(between(-1, 1), scaleRange(w, numberAttr(node.attrs, 'weight_decay'))));
  const next = subRanges(w, moved);
  return union(w, widenFor(next, 10, magnitude(w) + 2 * magnitude(moved)));
};

/** Of a matrix by its own norm no element is above 1; of another one nothing is known but that eps is above 0. */
const overNorm: RangeRule = (context) => {
  const [g, norm] = context.operands as [Range, Range];
  if (norm.nan || norm.low < 0) return ANY;
  const source = context.root(1);
  if (source.op === 'global_norm' && source.inputs.includes(context.node.inputs[0]!)) return symmetric(1 + 2 ** -10);
  const least = norm.low + numberAttr(context.node.attrs, 'eps');
  if (!isBounded(g) || least <= 0) return ANY;
  const quotient = symmetric(magnitude(g) / least);
  return widenFor(quotient, 4, magnitude(quotient));
};

const muon: RangeRule = ({ operands, node }) => {
  const [w, , lr, o, ...rest] = operands as [Range, Range, Range, Range, ...Range[]];
  const [length, decay, factor] = ['length', 'weight_decay', 'factor'].map((name) => numberAttr(node.attrs, name)) as [
    number,
    number,
    number,
  ];
  if (![w, lr, o].every(isBounded)) return ANY;
  const norm = rest[numberAttr(node.attrs, 'momentum') === 0 ? 0 : 1];
  const begun = length === 0 ? w : scaleRange(w, length / Math.max(norm?.low ?? 0, 1e-12));
  const largest = magnitude(begun) * (1 + magnitude(lr) * decay) + magnitude(lr) * factor * magnitude(o);
  return union(w, widenFor(symmetric(largest), 16, 2 * largest));
};

/** Between the two. */
const averaged: RangeRule = ({ operands }) => {
  const [average, w] = operands as [Range, Range];
  const both = union(average, w);
  return union(average, widenFor(both, 4, 2 * magnitude(both)));
};

const updateScale: RangeRule = ({ operands, node }) => {
  const scale = operands[0]!;
  const attr = (name: string) => numberAttr(node.attrs, name);
  if (!isBounded(scale) || scale.low < 0) return ANY;
  return between(
    Math.min(scale.low, attr('cap'), Math.max(attr('floor'), scale.low * attr('backoff')), scale.low * attr('growth')) * (1 - 2 ** -22),
    Math.max(scale.high, attr('floor'), scale.high * attr('backoff'), Math.min(attr('cap'), scale.high * attr('growth'))) * (1 + 2 ** -22),
  );
};

/** Bookkeeping and the optimizer. */
export const UPDATE_RULES = {
  scale_loss: scaledLoss,
  scale_loss_grad: scaledLoss,
  all_finite: () => between(0, 1),
  unscale,
  global_norm: globalNorm,
  clip_by_norm: clipByNorm,
  over_norm: overNorm,
  update_scale: updateScale,
  all_reduce: ({ operands, node }) => sumRange(operands[0]!, numberAttr(node.attrs, 'ranks')),
  accumulate: ({ operands }) => addRanges(operands[0]!, operands[1]!),
  reset: () => ZERO,
  advance: ({ operands }) => between(operands[0]!.low, operands[0]!.high + 1),
  sgd,
  adam: adam(false),
  adamw: adam(true),
  lion,
  rmsprop,
  muon,
  update_average: averaged,
  look_ahead: averaged,
  count_average: ({ operands }) => between(operands[0]!.low, operands[0]!.high + 1),
} as const satisfies Readonly<Record<string, RangeRule>>;
