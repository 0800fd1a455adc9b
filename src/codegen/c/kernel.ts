import { isConstant } from '../../ir/structure.js';
import type { DType, Node, TensorType, ValueId } from '../../ir/types.js';
import { BYTES, elementCount } from '../../ir/types.js';
import { writesOf } from '../../ir/validate.js';
import { isOfKind, opDefinition } from '../../ops/index.js';
import type { Group, PlanFunction } from '../../plan/plan.js';
import type { KernelMethod } from '../../plan/work.js';
import type { Code } from '../code.js';
import type { StateLayout } from '../slots.js';
import { cType } from './formats.js';
import { consumedBy, rootOf } from './group-values.js';
import { OwnName } from './kernel-code.js';
import type { FunctionLayout } from './layout.js';
import { blockPlace, constantPlace, type Place } from './place.js';
import type { Target } from './target.js';

/**
 * A function of a kernel, `static void <name>(void *const *p, int64_t task)`: run for so many tasks, on all threads, or once by itself; or
 * `(ampc_context *ctx, void *const *p)`, which starts what goes on by itself.
 */
export interface Launch {
  readonly name: OwnName;
  readonly tasks?: number;
  readonly takesContext?: true;
}

/**
 * One group's C. `code` holds its static functions, whose names start with the kernel's; they find the group's buffers in a table `p`.
 * `launches` are run one after the other.
 */
export interface Kernel {
  readonly code: Code;
  readonly launches: readonly Launch[];
  /** How a contraction is computed, unless product by product. */
  readonly method?: KernelMethod;
}

/** What C functions have in common that live in one step function: where values are, and the workspace that groups share in turn. */
export interface StepContext {
  readonly fn: PlanFunction;
  readonly layout: FunctionLayout;
  readonly states: StateLayout;
  readonly target: Target;
  /** Of the function's values, as the printed plan has them. */
  readonly names: readonly string[];
}

interface KernelOptions {
  /** C name of the array of buffers that addresses index. */
  readonly pointers?: string | undefined;
  readonly parent?: KernelContext;
}

/**
 * What a kernel emitter sees of its group. Buffers are reached through the table `p`: each `pointer(value)` adds an entry (once) and
 * returns the C expression to read it with inside the kernel, such as `((const uint16_t *)p[2])`. Offsets stay out of the code, so equal
 * layers get equal code.
 */
export class KernelContext {
  readonly step: StepContext;
  readonly group: Group;
  readonly target: Target;
  readonly #pointers: string;
  readonly #members: ReadonlySet<ValueId>;
  readonly #stores: ReadonlySet<ValueId>;
  readonly #consumed: ReadonlySet<ValueId>;
  readonly #spills: Map<ValueId, Place>;
  readonly #entries: Place[];
  /** By place: its position among the entries. */
  readonly #positions = new Map<string, number>();
  /** By value: its number in the names of variables. */
  readonly #numbers = new Map<ValueId, number>();
  readonly #anchor: Node;
  #workspace: { bytes: number };
  #scratch: { bytes: number };

  constructor(step: StepContext, group: Group, { pointers = 'p', parent }: KernelOptions = {}) {
    this.step = step;
    this.group = group;
    this.target = step.target;
    this.#pointers = pointers;
    this.#members = parent === undefined ? new Set(group.nodes) : parent.#members;
    this.#stores = parent === undefined ? new Set(group.stores.map((id) => rootOf(step.fn, id))) : parent.#stores;
    this.#consumed = parent === undefined ? consumedBy(step.fn, group) : parent.#consumed;
    this.#spills = parent === undefined ? new Map() : parent.#spills;
    this.#workspace = parent === undefined ? { bytes: 0 } : parent.#workspace;
    this.#scratch = parent === undefined ? { bytes: 0 } : parent.#scratch;
    this.#entries = [];
    this.#anchor = parent === undefined ? anchorOf(step.fn, group) : parent.#anchor;
  }

  /** A context with a buffer table of its own, for a function that is called with a part of the group's table. */
  child(pointers?: string): KernelContext {
    return new KernelContext(this.step, this.group, { pointers, parent: this });
  }

  /** The kernel's own name, with which those of its functions start. */
  readonly name = new OwnName();

  node(id: ValueId): Node {
    return this.step.fn.graph.nodes[id]!;
  }

  /** The node that the group's kernel is about: its contraction, or else its first. */
  get anchor(): Node {
    return this.#anchor;
  }

  type(id: ValueId): TensorType {
    return this.node(id).type;
  }

  /** Number of a value in the order in which this context first named one: names variables alike in alike loops and groups. */
  member(id: ValueId): number {
    const known = this.#numbers.get(id);
    if (known !== undefined) return known;
    this.#numbers.set(id, this.#numbers.size);
    return this.#numbers.size - 1;
  }

  /** Whether a value is computed by this group. */
  isMember(id: ValueId): boolean {
    return this.#members.has(id);
  }

  /** Whether a value (or a reshape of it) is in memory after this group. */
  isStored(id: ValueId): boolean {
    return this.#stores.has(rootOf(this.step.fn, id));
  }

  /** Whether another node of this group reads the value. */
  isConsumed(id: ValueId): boolean {
    return this.#consumed.has(rootOf(this.step.fn, id));
  }

  /** Address of a value in memory, to read: an input, a state, a stored value or one that was spilled. */
  pointer(id: ValueId): string {
    return this.address(this.place(id), `const ${cType(this.type(id).dtype)}`);
  }

  /** Address of a value of this group, to write: its allocation, or its spill. */
  output(id: ValueId): string {
    return this.address(this.place(id), cType(this.type(id).dtype));
  }

  /** Address of a state that the group writes, and the format in which it is there. */
  state(name: string): { readonly address: string; readonly dtype: DType } {
    const slot = this.step.states.slots.get(name);
    if (slot === undefined) throw new Error(`no state ${name}`);
    const { dtype } = slot.type;
    return { address: this.address(blockPlace('states', slot.offset), cType(dtype)), dtype };
  }

  /** Reserves bytes that only this group uses, 64-byte aligned. Returns their place. */
  reserve(bytes: number): Place {
    const offset = this.#workspace.bytes;
    this.#workspace.bytes = offset + Math.ceil(bytes / 64) * 64;
    return blockPlace('work', offset);
  }

  /** Address of a place, with the C element type to read or write it as. */
  address(place: Place, type: string): string {
    return `((${type} *)${this.#pointers}[${this.#entry(place)}])`;
  }

  /** Reserves workspace and gives its address. */
  workspace(bytes: number, type = 'char'): string {
    return this.address(this.reserve(bytes), type);
  }

  /**
   * Reserves bytes that each thread has for itself during one task, 64-byte aligned. Returns the expression of their
   * address, a `char *`.
   */
  scratch(bytes: number): string {
    this.#scratch.bytes = Math.max(this.#scratch.bytes, Math.ceil(bytes / 64) * 64);
    return 'thread_scratch';
  }

  /** Scratch that each thread needs for the group, in bytes. */
  get scratchBytes(): number {
    return this.#scratch.bytes;
  }

  /** Gives a value of this group that has no allocation a place in the workspace. */
  spill(id: ValueId): void {
    if (this.hasPlace(id)) return;
    const { dtype, shape } = this.type(id);
    this.#spills.set(rootOf(this.step.fn, id), this.reserve(elementCount(shape) * BYTES[dtype]));
  }

  /** Whether the value has an address: source, allocation or spill. */
  hasPlace(id: ValueId): boolean {
    const root = rootOf(this.step.fn, id);
    return this.#spills.has(root) || this.step.layout.places.has(root);
  }

  place(id: ValueId): Place {
    const root = rootOf(this.step.fn, id);
    const place = this.#spills.get(root) ?? this.step.layout.places.get(root) ?? this.#placeElsewhere(this.node(root));
    if (place === undefined) throw new Error(`%${id} (${this.node(id).op}) of group ${this.group.name} is not in memory`);
    return place;
  }

  /** Of a constant, and of what an update leaves in a state. */
  #placeElsewhere(node: Node): Place | undefined {
    const written = isOfKind(node.op, 'update') ? this.step.states.slots.get(writesOf(node)[0]!) : undefined;
    return written === undefined ? placeOfConstant(node) : blockPlace('states', written.offset);
  }

  /** The table of buffers: the place of each. */
  get table(): readonly Place[] {
    return this.#entries;
  }

  /** Adds the table of a child context behind this one's. Returns where it starts. */
  adopt(child: readonly Place[]): number {
    const start = this.#entries.length;
    for (const place of child) this.#entries.push(place);
    return start;
  }

  /** Workspace that the group uses, in bytes. */
  get workspaceBytes(): number {
    return this.#workspace.bytes;
  }

  #entry(place: Place): number {
    const known = this.#positions.get(place.key);
    if (known !== undefined) return known;
    this.#positions.set(place.key, this.#entries.length);
    return this.#entries.push(place) - 1;
  }
}

function anchorOf({ graph }: PlanFunction, group: Group): Node {
  const nodes = group.nodes.map((id) => graph.nodes[id]!);
  return nodes.find(({ op }) => opDefinition(op).kind === 'contraction') ?? nodes[0]!;
}

function placeOfConstant(node: Node): Place | undefined {
  const { attrs, type } = node;
  if (!isConstant(node)) return undefined;
  if (type.dtype !== 'f32') throw new Error(`a constant is f32, not ${type.dtype}`);
  return constantPlace(elementCount(type.shape), Number(attrs.value));
}
