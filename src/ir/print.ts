import { isInput, isState } from './structure.js';
import type { Attr, Attrs, Graph, Node, ValueId } from './types.js';
import { formatType } from './types.js';
import { formatWhy } from './why.js';

/** Attributes that the text form carries elsewhere: the name of an input or state is the value's own name. */
function visibleAttrs(node: Node): [string, Attr][] {
  const named = isInput(node) || isState(node);
  return Object.entries(node.attrs).filter(([key]) => !(named && key === 'name'));
}

function formatNumber(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (value === Infinity) return 'inf';
  if (value === -Infinity) return '-inf';
  return Object.is(value, -0) ? '-0' : String(value);
}

function formatAttr(value: Attr): string {
  if (typeof value === 'number') return formatNumber(value);
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return JSON.stringify(value);
  return `[${value.map((item) => (typeof item === 'number' ? formatNumber(item) : JSON.stringify(item))).join(', ')}]`;
}

/** ` {stride=[1, 1], padding=[1, 1, 1, 1]}`, or nothing. */
export function formatAttrs(attrs: Attrs | [string, Attr][]): string {
  const entries = Array.isArray(attrs) ? attrs : Object.entries(attrs);
  if (entries.length === 0) return '';
  return ` {${entries.map(([key, value]) => `${key}=${formatAttr(value as Attr)}`).join(', ')}}`;
}

/** Attributes as JSON can have them: numbers that are not finite as they are printed. */
export function readableAttrs(attrs: Attrs): Attrs {
  const readable = (value: number): number | string => (Number.isFinite(value) ? value : formatNumber(value));
  return Object.fromEntries(
    Object.entries(attrs).map(([key, value]): [string, Attr] => {
      if (typeof value === 'number') return [key, readable(value)];
      return [
        key,
        Array.isArray(value) ? (value.map((item) => (typeof item === 'number' ? readable(item) : item)) as Attr & object) : value,
      ];
    }),
  );
}

/**
 * The printed name of every value: inputs and states carry their own, all others are numbered in order. The numbering depends on the
 * graph alone, so equal graphs print equal text.
 */
export function valueNames(graph: Graph): readonly string[] {
  let next = 0;
  return graph.nodes.map((node) => (isInput(node) || isState(node) ? `%${String(node.attrs.name)}` : `%${next++}`));
}

/** What stands behind the type: where the value came from and why it has its format. */
function formatNotes(node: Node, names: readonly string[]): string {
  const notes: string[] = [];
  if (node.gradOf !== undefined) notes.push(`grad_of=${names[node.gradOf]}`);
  if (node.updateOf !== undefined) notes.push(`update_of=${names[node.updateOf]}`);
  if (node.layer !== '') notes.push(`layer=${JSON.stringify(node.layer)}`);
  if (node.why !== undefined) notes.push(`why=${JSON.stringify(formatWhy(node.why))}`);
  if (node.loc !== undefined) notes.push(`loc(${node.loc.line}:${node.loc.column})`);
  return notes.length === 0 ? '' : `  ${notes.join(' ')}`;
}

/** What a line computes, without its notes: `%2 = conv2d %0, %1 {stride=[1, 1]} : f16[64,32,32,32] @4096`. */
export function printComputation(node: Node, names: readonly string[], offset?: number): string {
  const operands = node.inputs.map((id) => ` ${names[id]}`).join(',');
  const place = offset === undefined ? '' : ` @${offset}`;
  return `${names[node.id]} = ${node.op}${operands}${formatAttrs(visibleAttrs(node))} : ${formatType(node.type)}${place}`;
}

/** One line: `%2 = conv2d %0, %1 {stride=[1, 1]} : f16[64,32,32,32] @4096  layer="conv1" why="low" loc(7:6)`. */
export function printNodeWith(node: Node, names: readonly string[], offset?: number): string {
  return `${printComputation(node, names, offset)}${formatNotes(node, names)}`;
}

/** The plan line of one node. */
export function printNode(graph: Graph, node: Node): string {
  return printNodeWith(node, valueNames(graph));
}

/** `fn train_step(%image: u8[64,32,32,3]) -> (loss: %21)`. */
export function printSignature(graph: Graph, names: readonly string[]): string {
  const inputs = graph.nodes.filter(isInput).map((node) => `${names[node.id]}: ${formatType(node.type)}`);
  const outputs = Object.entries(graph.outputs).map(([key, id]: [string, ValueId]) => `${key}: ${names[id]}`);
  return `fn ${graph.name}(${inputs.join(', ')}) -> (${outputs.join(', ')})`;
}

/** The text form of a graph; `parseGraph` reads it back to an equal graph. */
export function printGraph(graph: Graph): string {
  const names = valueNames(graph);
  const lines = graph.nodes.filter((node) => !isInput(node)).map((node) => `  ${printNodeWith(node, names)}`);
  return `${printSignature(graph, names)} {\n${lines.join('\n')}\n}\n`;
}
