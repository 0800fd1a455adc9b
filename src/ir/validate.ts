import { valueNames } from './print.js';
import { isInput, isState } from './structure.js';
import { type Graph, type Node, type StateRole, stringsAttr } from './types.js';

/** What validation needs to know of an op; `ops/` supplies it. */
export interface OpRules {
  /** Throws when the node's operands, attributes or result type break a rule of its op. */
  check(node: Node, graph: Graph): void;
}

function fail(graph: Graph, node: Node, message: string): never {
  throw new Error(`invalid graph ${graph.name}: ${valueNames(graph)[node.id]} (${node.op}): ${message}`);
}

/**
 * Checks a graph's structure: SSA order, inputs first, unique names, no read of a state after it was written, no second write but by an op
 * that reads what the first one gave, and each op's own rules.
 * A failure is a bug in a pass, not a mistake of the user.
 */
export function validateGraph(graph: Graph, rules: OpRules): void {
  /** By state: the node that wrote it last. */
  const written = new Map<string, Node>();
  const names = new Set<string>();
  let inputsEnded = false;
  for (let index = 0; index < graph.nodes.length; index += 1) {
    const node = graph.nodes[index]!;
    if (node.id !== index) fail(graph, node, `has id ${node.id} at position ${index}`);
    const writes = writesOf(node);
    for (const input of node.inputs) {
      if (!(input >= 0 && input < index)) fail(graph, node, 'reads a value that is not defined above it');
      if (written.size === 0) continue;
      const source = graph.nodes[input]!;
      if (!isState(source)) continue;
      const name = String(source.attrs.name);
      if (!writes.includes(name) && written.has(name)) fail(graph, node, `reads state ${name} after it was written`);
    }
    if (node.gradOf !== undefined && !(node.gradOf >= 0 && node.gradOf < index)) {
      fail(graph, node, 'is the gradient of a value that is not defined above it');
    }
    if (node.updateOf !== undefined && !isStateOf(graph.nodes[node.updateOf], 'parameter'))
      fail(graph, node, 'prepares the update of what is no parameter');
    if (isInput(node) && inputsEnded) fail(graph, node, 'inputs come first');
    if (isInput(node) && hasNotes(node)) fail(graph, node, 'an input has a name and a type, nothing else');
    if (!isInput(node)) inputsEnded = true;
    if (isInput(node) || isState(node)) {
      const name = String(node.attrs.name);
      if (names.has(name)) fail(graph, node, `declares ${name} twice`);
      names.add(name);
    }
    for (const name of writes) {
      const before = written.get(name);
      const goesOn = before !== undefined && node.inputs.includes(before.id) && writesOf(before)[0] === name;
      if (before !== undefined && !goesOn) fail(graph, node, `writes state ${name} a second time`);
      if (!goesOn && !node.inputs.some((id) => isStateNamed(graph.nodes[id]!, name)))
        fail(graph, node, `writes state ${name}, which it does not read`);
      written.set(name, node);
    }
    rules.check(node, graph);
  }
  for (const [key, id] of Object.entries(graph.outputs)) {
    if (graph.nodes[id] === undefined) throw new Error(`invalid graph ${graph.name}: output ${key} is not defined`);
  }
}

/** Whether the node has anything that the text form of a signature does not show. */
function hasNotes({ layer, loc, why, gradOf, updateOf }: Node): boolean {
  return layer !== '' || [loc, why, gradOf, updateOf].some((note) => note !== undefined);
}

function isStateOf(node: Node | undefined, role: StateRole): boolean {
  return node !== undefined && isState(node) && node.attrs.role === role;
}

function isStateNamed(node: Node, name: string): boolean {
  return isState(node) && node.attrs.name === name;
}

const NOTHING: readonly string[] = [];

/** States that a node writes. */
export function writesOf(node: Node): readonly string[] {
  return node.attrs.writes === undefined ? NOTHING : stringsAttr(node.attrs, 'writes');
}
