import type { Graph, Node, ValueId } from '../../src/ir/types.js';
import { stringAttr } from '../../src/ir/types.js';
import type { FunctionName, Plan } from '../../src/plan/plan.js';
import { planGraph } from '../../src/plan/plan-graph.js';
import { defaultTarget, type PlanTarget } from '../../src/plan/target.js';
import type { Executable, InputData } from '../../src/runtime/backend.js';

/** A graph with what it is called with. */
export interface GraphCase {
  readonly graph: Graph;
  readonly inputs: Readonly<Record<string, InputData>>;
  readonly states: ReadonlyMap<string, Float32Array | Int32Array>;
}

function prefixed(name: string, index: number): string {
  return `case${index}.${name}`;
}

/** Gives the states of a graph names of their own, so that many graphs fit in one plan. */
function renameStates(graph: Graph, index: number): Graph {
  const nodes = graph.nodes.map((node): Node => {
    let { attrs } = node;
    if (node.op === 'state') attrs = { ...attrs, name: prefixed(stringAttr(attrs, 'name'), index) };
    if (Array.isArray(attrs.writes)) attrs = { ...attrs, writes: (attrs.writes as string[]).map((name) => prefixed(name, index)) };
    return { ...node, attrs };
  });
  return { ...graph, nodes };
}

/** Many graphs as the functions of one plan, to be compiled at once; function `case<i>` is the i-th. */
export function batchPlan(cases: readonly GraphCase[], backend: string, choices: Partial<PlanTarget> = {}): Plan {
  const target = { ...defaultTarget(backend), ...choices };
  const functions = cases.map(({ graph }, i) => ({
    ...planGraph(renameStates(graph, i), 1, target),
    name: `case${i}` as FunctionName,
  }));
  return { model: 'cases', policy: 'case', precision: 'f32', target, functions };
}

/** Result `output` of one case, of any shape. */
export async function runCase(
  executable: Executable,
  { graph, inputs, states }: GraphCase,
  index: number,
  output = 'result',
): Promise<Float32Array> {
  await executable.writeStates(new Map([...states].map(([name, elements]) => [prefixed(name, index), elements])));
  await executable.call(`case${index}` as FunctionName, inputs);
  const [scalars] = await executable.drain();
  const { shape } = graph.nodes[graph.outputs[output] as ValueId]!.type;
  return shape.length === 0 ? Float32Array.of(scalars![output]!) : executable.readOutput(output);
}

/** States of one case after a call, under the names of its graph. */
export async function readCaseStates(
  executable: Executable,
  names: readonly string[],
  index: number,
): Promise<ReadonlyMap<string, Float32Array | Int32Array>> {
  const values = await executable.readStates(names.map((name) => prefixed(name, index)));
  return new Map(names.map((name) => [name, values.get(prefixed(name, index))!]));
}
