import { formatType, type Node, type ValueId } from '../../ir/types.js';
import { writesOf } from '../../ir/verify.js';
import type { Group } from '../../plan/plan.js';
import { emitContraction } from './contraction.js';
import { type Kernel, KernelContext, rootOf, type StepContext } from './kernel.js';
import { blockPlace, type Place } from './place.js';
import { emitStages } from './stage-launch.js';

/** A group's C and what it needs. Groups that are alike have the same `kernel`. */
export interface EmittedKernel {
  readonly kernel: Kernel;
  /** The place of each of its buffers. */
  readonly table: readonly Place[];
  readonly workspaceBytes: number;
  readonly scratchBytes: number;
}

interface Pattern extends Omit<EmittedKernel, 'table'> {
  /** A position among the places of the group, or a place in the workspace or of a constant. */
  readonly table: readonly (number | Place)[];
}

/** Larger groups are made one by one: the optimizer's, of which there is one a function. */
const MOST_NODES = 32;

/** Makes kernels; once for all groups that differ only in which values and states they work on. */
export class KernelMaker {
  readonly #patterns = new Map<string, Pattern>();

  make(step: StepContext, group: Group): EmittedKernel {
    if (group.nodes.length > MOST_NODES) return emit(step, group);
    const { key, places } = describe(step, group);
    const known = this.#patterns.get(key);
    if (known !== undefined) return { ...known, table: known.table.map((entry) => (typeof entry === 'number' ? places[entry]! : entry)) };
    const made = emit(step, group);
    const positions = new Map(places.map((place, i) => [place.key, i]));
    const table = made.table.map((place): number | Place => positions.get(place.key) ?? place);
    if (table.some((entry) => typeof entry !== 'number' && entry.block !== 'work' && entry.block !== 'constant'))
      throw new Error(`${group.name} works on values that it does not name`);
    this.#patterns.set(key, { ...made, table });
    return made;
  }
}

function emit(step: StepContext, group: Group): EmittedKernel {
  const context = new KernelContext(step, group);
  const kernel = group.kind === 'contraction' ? emitContraction(context) : emitStages(context);
  return { kernel, table: context.table, workspaceBytes: context.workspaceBytes, scratchBytes: context.scratchBytes };
}

/** All that the C of a group depends on, with values and states by number; and their places, in the same order in groups that are alike. */
function describe({ fn, layout, states }: StepContext, group: Group): { readonly key: string; readonly places: readonly Place[] } {
  const { nodes } = fn.graph;
  const parts: string[] = [group.kind];
  const places: Place[] = [];
  const values = new Map<ValueId, number>();
  const names = new Map<string, number>();
  const stored = new Set(group.stores);
  const stateNumber = (name: string): number => {
    const known = names.get(name);
    if (known !== undefined) return known;
    names.set(name, names.size);
    places.push(blockPlace('states', states.slots.get(name)!.offset));
    return names.size - 1;
  };
  const addValue = (id: ValueId): void => {
    values.set(id, values.size);
    const place = layout.places.get(rootOf(fn, id));
    if (place !== undefined) places.push(place);
  };
  /** A value from outside: what it is, once, then its number. */
  const outside = (id: ValueId): string => {
    const known = values.get(id);
    if (known !== undefined) return String(known);
    const node = nodes[id]!;
    const source = node.op === 'reshape' ? outside(node.inputs[0]!) : node.op === 'constant' ? node.attrs.value : '';
    const state = node.op === 'state' ? `s${stateNumber(String(node.attrs.name))}` : '';
    addValue(id);
    return `(${node.op === 'reshape' || node.op === 'constant' ? node.op : ''}${formatType(node.type)}${source}${state}${layout.places.has(id)})`;
  };
  for (const id of group.nodes) {
    const node = nodes[id]!;
    const operands = node.inputs.map(outside).join();
    addValue(id);
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
