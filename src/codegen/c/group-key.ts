import { isConstant, isState } from '../../ir/structure.js';
import { formatType, type Node, type ValueId } from '../../ir/types.js';
import { writesOf } from '../../ir/validate.js';
import type { Group } from '../../plan/plan.js';
import { isNeverInfinite, rootOf } from './group-values.js';
import type { StepContext } from './kernel.js';
import { blockPlace, type Place } from './place.js';

/**
 * All that the C of a group depends on, with values and states by number; and their places, in the same order in groups that are alike. A
 * view from outside is a value as any other: only views of one value in one group are told from views of several.
 */
export function describeGroup(
  { fn, layout, states }: StepContext,
  group: Group,
): { readonly key: string; readonly places: readonly Place[] } {
  const { nodes } = fn.graph;
  const parts: string[] = [group.kind];
  const places: Place[] = [];
  const values = new Map<ValueId, number>();
  const roots = new Map<ValueId, number>();
  const names = new Map<string, number>();
  const stored = new Set(group.stores);
  const stateNumber = (name: string): number => {
    const known = names.get(name);
    if (known !== undefined) return known;
    names.set(name, names.size);
    places.push(blockPlace('states', states.slots.get(name)!.offset));
    return names.size - 1;
  };
  const addRoot = (root: ValueId): void => {
    roots.set(root, roots.size);
    const place = layout.places.get(root);
    if (place !== undefined) places.push(place);
  };
  /** What a view from outside views: what it is, once, then its number. */
  const viewed = (root: ValueId): string => {
    const known = roots.get(root);
    if (known !== undefined) return `v${known}`;
    const node = nodes[root]!;
    addRoot(root);
    const content = isConstant(node) ? `constant ${node.attrs.value}` : isState(node) ? `s${stateNumber(String(node.attrs.name))}` : '';
    return `${content}${layout.places.has(root)}`;
  };
  const operand = (id: ValueId): string => {
    const known = values.get(id);
    if (known !== undefined) return String(known);
    values.set(id, values.size);
    const node = nodes[id]!;
    return `(${formatType(node.type)}${isNeverInfinite(node) ? 'n' : ''} ${viewed(rootOf(fn, id))})`;
  };
  for (const id of group.nodes) {
    const node = nodes[id]!;
    const operands = node.inputs.map(operand).join();
    values.set(id, values.size);
    const root = rootOf(fn, id);
    if (!roots.has(root)) addRoot(root);
    const writes = writesOf(node).map(stateNumber).join();
    parts.push(`${node.op}${attrsText(node)}:${formatType(node.type)}(${operands})${writes}${stored.has(id)}${layout.places.has(id)}`);
  }
  return { key: parts.join('\n'), places };
}

function attrsText({ attrs }: Node): string {
  let text = '';
  for (const name in attrs) if (name !== 'writes') text += `,${name}=${attrs[name]}`;
  return text;
}
