import { GraphBuilder } from '../ir/builder.js';
import { removeDeadNodes } from '../ir/rewrite.js';
import { isCast } from '../ir/structure.js';
import { type Graph, isFloat, type Node, type ValueId } from '../ir/types.js';
import { writesOf } from '../ir/validate.js';
import { isNarrow } from '../numeric/formats.js';
import { isView } from '../ops/index.js';
import type { FunctionName, Plan, PlanFunction } from './plan.js';
import { planGraph } from './plan-graph.js';
import { isDeclaration, storageRoot } from './storage.js';

/** A value of the plan, and the output of the probe that holds it before its last rounding. */
export interface ProbedValue {
  readonly output: string;
  readonly node: Node;
}

export interface Probe {
  /** One function, of the name that was asked for, with the same inputs; it writes no state. */
  readonly plan: Plan;
  /** In plan order. */
  readonly values: readonly ProbedValue[];
}

/** Values that reach memory, by function: what a traced call looks into, whatever the backend. */
export function storedValues({ groups }: PlanFunction): ReadonlySet<ValueId> {
  return new Set(groups.flatMap(({ stores }) => stores));
}

/** What the kernel of a value computes, up to the value itself. */
function kernelValues({ graph, groups }: PlanFunction, value: ValueId): readonly Node[] {
  const group = groups.find(({ nodes }) => nodes.includes(value));
  const nodes = (group?.nodes ?? []).map((id) => graph.nodes[id]!);
  return nodes.filter((node) => node.id <= value && isFloat(node.type.dtype) && storageRoot(graph, node.id) === node.id);
}

/**
 * The graph with every one of `probed` made in f32 and rounded by a cast behind it, which all readers read: the same bits everywhere, and
 * the number that the rounding met as a value of its own.
 */
function splitRoundings(graph: Graph, probed: ReadonlyMap<ValueId, string>): Graph {
  const builder = new GraphBuilder();
  const moved: ValueId[] = [];
  const outputs: Record<string, ValueId> = {};
  for (const node of graph.nodes) {
    if (writesOf(node).length > 0) break;
    const inputs = node.inputs.map((id) => moved[id]!);
    const { gradOf, updateOf, ...rest } = node;
    const [forward, updated] = [gradOf, updateOf].map((id) => (id === undefined ? undefined : moved[id]!));
    const init = { ...rest, inputs, gradOf: forward, updateOf: updated };
    const output = probed.get(node.id);
    if (output === undefined || !isNarrow(node.type.dtype)) {
      moved[node.id] = builder.add(init);
    } else {
      const attrs = isCast(node) ? { ...node.attrs, to: 'f32' } : node.attrs;
      const exact = builder.add({ ...init, attrs, type: { ...node.type, dtype: 'f32' } });
      moved[node.id] = builder.add({ ...init, op: 'cast', inputs: [exact], attrs: { to: node.type.dtype } });
      outputs[output] = exact;
      continue;
    }
    if (output !== undefined) outputs[output] = moved[node.id]!;
  }
  return removeDeadNodes(builder.finish(graph.name, outputs));
}

/**
 * A plan that computes what the kernel of `value` computes, with what lies before it, and leaves every value of that kernel up to `value`
 * readable as it was before it was rounded. Undefined for a value that no kernel computes: an input or a state.
 */
export function probePlan(plan: Plan, name: FunctionName, value: ValueId): Probe | undefined {
  const fn = plan.functions.find((candidate) => candidate.name === name);
  if (fn === undefined || fn.graph.nodes[value] === undefined || isDeclaration(fn.graph.nodes[value])) return undefined;
  const nodes = kernelValues(fn, value);
  if (nodes.length === 0) return undefined;
  const values = nodes.map((node, index): ProbedValue => ({ output: `probe_${index}`, node }));
  const graph = splitRoundings(fn.graph, new Map(values.map(({ output, node }) => [node.id, output])));
  return { plan: { ...plan, functions: [planGraph(graph, fn.batch, plan.target)] }, values };
}

/**
 * The layers to keep in f32 so that a value is f32, likeliest first: that of the value whose gradient it is, its own, those that read the
 * forward value.
 */
export function pinCandidates(graph: Graph, node: Node): readonly string[] {
  const root = (id: ValueId): Node => {
    const found = graph.nodes[id]!;
    return isCast(found) || isView(found) ? root(found.inputs[0]!) : found;
  };
  const forward = root(node.gradOf ?? node.id);
  const readers = graph.nodes.filter(({ gradOf, inputs }) => gradOf === undefined && inputs.some((id) => root(id) === forward));
  const layers = [...(node.gradOf === undefined ? [] : [forward.layer]), node.layer, forward.layer, ...readers.map(({ layer }) => layer)];
  return [...new Set(layers)].filter((layer) => layer !== '');
}
