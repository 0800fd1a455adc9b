import type { Attrs, Graph, Node } from '../../src/ir/types.js';
import { opDefinition } from '../../src/ops/index.js';
import type { Plan } from '../../src/plan/plan.js';

/** What is read of nodes of every op: `writesOf` asks each, and `JSON.stringify` asks every object. */
const OF_ALL: readonly (string | symbol)[] = ['writes', 'toJSON'];

function watchedAttrs({ op, attrs }: Node): Attrs {
  const declared = opDefinition(op).attrs;
  return new Proxy(attrs, {
    get(target, key) {
      if (typeof key === 'string' && !Object.hasOwn(declared, key) && !OF_ALL.includes(key))
        throw new Error(`${op} declares no attribute ${key}`);
      return Reflect.get(target, key) as unknown;
    },
  });
}

/**
 * The graph with attributes that throw when one is read that its op does not declare: whoever reads it would compute what no check knows
 * of.
 */
export function watchedGraph(graph: Graph): Graph {
  return { ...graph, nodes: graph.nodes.map((node) => ({ ...node, attrs: watchedAttrs(node) })) };
}

/** The same of a plan, with attributes that the printed plan has too. */
export function watched(plan: Plan): Plan {
  return { ...plan, functions: plan.functions.map((fn) => ({ ...fn, graph: watchedGraph(fn.graph) })) };
}
