import { isCast, isCopy, isInput, isState } from '../ir/structure.js';
import type { DType, Graph, Node, ValueId } from '../ir/types.js';
import { isFloat, stringAttr } from '../ir/types.js';
import { writesOf } from '../ir/validate.js';
import { roundArray } from '../numeric/encoding.js';
import { FORMATS, hasShortRange, LIMITS } from '../numeric/formats.js';
import { type OpName, opDefinition } from '../ops/index.js';
import { ANY, between, magnitude, type Range, rangeOf, roundRange } from './range.js';
import { RANGE_RULES } from './range-rules.js';

/** What may be taken for granted about a function's inputs and states. Whatever is left out can be anything that its type holds. */
export interface Assumptions {
  /** By input name. `image` needs none: its type bounds it. */
  readonly inputs?: Readonly<Record<string, Range>>;
  /** By state name: the present elements, which bound sums over them more tightly, or a range. */
  readonly states?: ReadonlyMap<string, Range | ArrayLike<number>>;
}

export interface ValueRange {
  /** Of the result, rounded to its format: infinite where the format may overflow. */
  readonly range: Range;
  /** The largest magnitude before the last rounding; infinite where nothing is proved. */
  readonly reach: number;
}

/** All that a format holds: of integers their span, of floats infinities and NaN too. */
function rangeOfFormat(dtype: DType): Range {
  const format = FORMATS[dtype];
  return format.kind === 'integer' ? between(format.least, format.largest) : ANY;
}

const isRange = (value: Range | ArrayLike<number>): value is Range => 'low' in value;

/**
 * The loss scale of a dynamic scale never leaves the span of its first value, its floor and its cap; one that nothing updates keeps its
 * first value.
 */
function scalerRange(graph: Graph, node: Node): Range {
  const name = stringAttr(node.attrs, 'name');
  const first = Number(node.attrs.value);
  if (node.attrs.role !== 'scaler' || node.type.dtype !== 'f32') return ANY;
  const update = graph.nodes.find((n) => writesOf(n)[0] === name);
  if (update === undefined) return graph.name === 'train_step' ? between(first, first) : ANY;
  const { floor, cap } = update.attrs;
  return between(Math.min(first, Number(floor)), Math.max(first, Number(cap), Number(floor)));
}

/**
 * Bounds every value of a graph, forward and backward, for all inputs and states that the assumptions allow. Sound for the meaning of the
 * plan as `reference` computes it, and for backends that form sums in f32, in any order: roundings are part of the bounds. Labels are taken
 * to be classes, or -1, and targets to be shares of classes.
 */
export function analyzeRanges(graph: Graph, assumptions: Assumptions = {}): readonly ValueRange[] {
  const results: ValueRange[] = [];
  const elements = new Map<ValueId, ArrayLike<number>>();

  const given = (node: Node): Range => {
    const whole = rangeOfFormat(node.type.dtype);
    if (isInput(node)) {
      const name = stringAttr(node.attrs, 'name');
      return assumptions.inputs?.[name] ?? (name === 'target' ? between(0, 1) : whole);
    }
    const state = assumptions.states?.get(stringAttr(node.attrs, isCopy(node) ? 'of' : 'name'));
    if (state === undefined) return node.type.dtype === 'f32' ? scalerRange(graph, node) : whole;
    if (isRange(state)) return state;
    elements.set(node.id, isCopy(node) ? rounded(state, node.type.dtype) : state);
    return rangeOf(state) ?? whole;
  };

  const compute = (node: Node): Range => {
    if (isInput(node) || isState(node)) return given(node);
    return RANGE_RULES[node.op]({
      node,
      graph,
      operands: node.inputs.map((id) => results[id]!.range),
      known: (index) => elements.get(node.inputs[index]!),
      shape: (index) => graph.nodes[node.inputs[index]!]!.type.shape,
      root: (index) => exactRoot(graph, node.inputs[index]!),
    });
  };

  for (const node of graph.nodes) {
    const exact = compute(node);
    results.push({ range: roundRange(exact, node.type.dtype), reach: magnitude(exact) });
    const source = isCast(node) ? elements.get(node.inputs[0]!) : undefined;
    if (source !== undefined) elements.set(node.id, rounded(source, node.type.dtype));
  }
  return results;
}

function rounded(elements: ArrayLike<number>, dtype: DType): Float32Array {
  const result = Float32Array.from(elements);
  roundArray(dtype, result);
  return result;
}

/** Follows casts that lose nothing. */
function exactRoot(graph: Graph, id: ValueId): Node {
  let node = graph.nodes[id]!;
  while (isCast(node)) {
    const operand = graph.nodes[node.inputs[0]!]!;
    if (node.type.dtype !== 'f32' && node.type.dtype !== operand.type.dtype) break;
    node = operand;
  }
  return node;
}

/** Values in formats of a short range that cannot be proved to stay within it, with what they may reach. */
export function possibleOverflows(graph: Graph, ranges: readonly ValueRange[]): readonly { readonly node: Node; readonly reach: number }[] {
  return graph.nodes
    .filter(({ id, type: { dtype } }) => hasShortRange(dtype) && ranges[id]!.reach >= LIMITS[dtype].overflows)
    .map((node) => ({ node, reach: ranges[node.id]!.reach }));
}

/** Whether an op brings the loss scale into the backward pass. */
function entersGradients(op: OpName): boolean {
  const { lossScaling, gradientOf } = opDefinition(op);
  return lossScaling === true && gradientOf !== undefined;
}

/**
 * The largest power of two, up to 2^24, that as a loss scale provably overflows no gradient: every value of the backward pass stays
 * finite in its format. Undefined when none does, or when the graph has no loss scale.
 */
export function largestProvedScale(graph: Graph, assumptions: Assumptions): number | undefined {
  if (!graph.nodes.some(({ op }) => entersGradients(op))) return undefined;
  const holds = (scale: number) => {
    const states = new Map([...(assumptions.states ?? []), ['scaler.scale', between(scale, scale)] as const]);
    const ranges = analyzeRanges(graph, { ...assumptions, states });
    return graph.nodes.every(
      ({ id, gradOf, type }) => gradOf === undefined || !isFloat(type.dtype) || Number.isFinite(magnitude(ranges[id]!.range)),
    );
  };
  let [works, fails] = [-25, 25];
  while (fails - works > 1) {
    const middle = (works + fails) >> 1;
    if (holds(2 ** middle)) works = middle;
    else fails = middle;
  }
  return works === -25 ? undefined : 2 ** works;
}
