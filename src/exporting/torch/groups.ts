import { isConstant, isInput, isState } from '../../ir/structure.js';
import { type Graph, type Node, stringAttr } from '../../ir/types.js';
import { isRepeat, opDefinition } from '../../ops/index.js';

/** A part of the model with parameters of its own: a module, or a list of modules that are called one by one. */
export interface Group {
  readonly path: string;
  /** Nodes that its forward computes itself. */
  readonly nodes: number[];
  readonly children: Group[];
  /** States that are parameters of it directly. */
  readonly parameters: string[];
}

/** Nodes that are written where they are read: numbers, parameters, what only repeats, and the statistics of a norm. */
export function isInline(node: Node): boolean {
  return isInput(node) || isState(node) || isConstant(node) || isRepeat(node) || opDefinition(node.op).invertsVariance === 'positions';
}

function prefixes(path: string): readonly string[] {
  const parts = path.split('.');
  return parts.map((_, length) => parts.slice(0, length).join('.'));
}

/** Whether it only holds other groups: it computes nothing. */
export function isContainer({ path, nodes, parameters }: Group): boolean {
  return path !== '' && nodes.length === 0 && parameters.length === 0;
}

/** The groups of a model, from the paths of its layers and parameters; `claimed`: nodes that are modules, with their states. */
export function groupTree(graph: Graph, claimed: ReadonlySet<number>, claimedStates: ReadonlySet<string>): Group {
  const groups = new Map<string, Group>();
  const group = (path: string): Group => {
    const before = groups.get(path);
    if (before !== undefined) return before;
    const made: Group = { path, nodes: [], children: [], parameters: [] };
    groups.set(path, made);
    if (path !== '') group(prefixes(path).at(-1)!).children.push(made);
    return made;
  };
  const root = group('');
  for (const node of graph.nodes) if (claimed.has(node.id)) group(prefixes(node.layer).at(-1)!);
  for (const node of graph.nodes.filter(isState)) {
    const name = stringAttr(node.attrs, 'name');
    if (!claimedStates.has(name)) group(prefixes(name).at(-1)!).parameters.push(name);
  }
  for (const node of graph.nodes) {
    if (isInline(node)) continue;
    const known = [...prefixes(node.layer), ...(claimed.has(node.id) ? [] : [node.layer])].filter((path) => groups.has(path));
    groups.get(known.at(-1) ?? '')!.nodes.push(node.id);
  }
  return root;
}

/** The nodes of a group and of those in it. */
export function allNodes(group: Group): readonly number[] {
  return [...group.nodes, ...group.children.flatMap(allNodes)];
}

/** The modules that a group's forward calls; those in a list one by one. */
export function calledGroups(group: Group): readonly Group[] {
  return group.children.flatMap((child) => (isContainer(child) ? calledGroups(child) : [child]));
}
