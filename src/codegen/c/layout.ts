import { isInput, isState } from '../../ir/structure.js';
import { byteLength, type Node, stringAttr, type ValueId } from '../../ir/types.js';
import { isView } from '../../ops/index.js';
import type { Plan, PlanFunction } from '../../plan/plan.js';
import type { Slot, StateLayout } from '../slots.js';
import { type BlockPlace, blockPlace } from './place.js';

const ALIGNMENT = 64;

/** Where values are that outlive a kernel. */
type ValuePlace = BlockPlace<'arena' | 'states' | 'inputs'>;

/** Where a tensor is after a call; a reshape of an input or a state stays where that is. */
export interface OutputSlot extends Slot {
  readonly block: ValuePlace['block'];
}

/** How one function is called: its inputs in one block, its scalar outputs as doubles. */
export interface FunctionLayout {
  readonly name: string;
  readonly inputs: ReadonlyMap<string, Slot>;
  readonly inputBytes: number;
  /** Names of the outputs of shape [], in the order of the block of doubles. */
  readonly scalars: readonly string[];
  /** Outputs with a shape, which stay where they are until the next call. */
  readonly tensors: ReadonlyMap<string, OutputSlot>;
  /** Of every value in memory. */
  readonly places: ReadonlyMap<ValueId, ValuePlace>;
}

function align(offset: number): number {
  return Math.ceil(offset / ALIGNMENT) * ALIGNMENT;
}

/** What the host calls an input or a state. */
function nameOf({ attrs }: Node): string {
  return stringAttr(attrs, 'name');
}

/** Offsets of all states, in the order in which the functions declare them. */
export function layoutStates(plan: Plan): StateLayout {
  const slots = new Map<string, Slot>();
  let bytes = 0;
  for (const fn of plan.functions) {
    for (const node of fn.graph.nodes) {
      if (!isState(node)) continue;
      const name = nameOf(node);
      if (slots.has(name)) continue;
      slots.set(name, { type: node.type, offset: bytes });
      bytes = align(bytes + byteLength(node.type));
    }
  }
  return { slots, bytes };
}

export function layoutFunction(fn: PlanFunction, states: StateLayout): FunctionLayout {
  const { nodes, outputs } = fn.graph;
  const inputs = new Map<string, Slot>();
  const places = new Map<ValueId, ValuePlace>();
  let inputBytes = 0;
  for (const node of nodes) {
    if (isInput(node)) {
      inputs.set(nameOf(node), { type: node.type, offset: inputBytes });
      places.set(node.id, blockPlace('inputs', inputBytes));
      inputBytes = align(inputBytes + byteLength(node.type));
    } else if (isState(node)) {
      places.set(node.id, blockPlace('states', states.slots.get(nameOf(node))!.offset));
    }
  }
  for (const { value, offset } of fn.memory.allocations) {
    let root = value;
    while (isView(nodes[root]!)) root = nodes[root]!.inputs[0]!;
    places.set(root, blockPlace('arena', offset));
  }
  const scalars: string[] = [];
  const tensors = new Map<string, OutputSlot>();
  for (const [name, id] of Object.entries(outputs)) {
    let root = id;
    while (isView(nodes[root]!)) root = nodes[root]!.inputs[0]!;
    const { type } = nodes[id]!;
    if (type.shape.length === 0) {
      scalars.push(name);
      continue;
    }
    const place = places.get(root);
    if (place === undefined) throw new Error(`output ${name} is not in memory`);
    tensors.set(name, { type, block: place.block, offset: place.offset });
  }
  return { name: fn.name, inputs, inputBytes, scalars, tensors, places };
}
