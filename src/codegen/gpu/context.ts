import type { DType, Node, TensorType, ValueId } from '../../ir/types.js';
import { byteLength, elementCount, stringAttr, stringsAttr } from '../../ir/types.js';
import { isOfKind, isView } from '../../ops/index.js';
import type { Group, PlanFunction } from '../../plan/plan.js';
import { storageRoot } from '../../plan/storage.js';
import type { StateLayout } from '../slots.js';
import { type ElementType, formatOf } from './formats.js';
import type { Kernel } from './kernel.js';
import type { Language } from './language.js';
import { alignTo, type FunctionLayout, type Place, startBehind } from './layout.js';
import type { GpuTarget } from './target.js';

/** What emitters see of one group: its values, where they are, and what earlier kernels of the group have put into memory. */
export class GroupContext<Target extends GpuTarget = GpuTarget> {
  readonly #stores: ReadonlySet<ValueId>;
  readonly #members: ReadonlySet<ValueId>;
  readonly #spills = new Map<ValueId, Place>();
  readonly #done = new Set<ValueId>();
  #workBytes: number;

  constructor(
    readonly fn: PlanFunction,
    readonly group: Group,
    readonly layout: FunctionLayout,
    readonly states: StateLayout,
    readonly target: Target,
    private readonly language: Language,
    /** Where the group's workspace starts. */
    workStart = layout.keptBytes,
  ) {
    this.#stores = new Set(group.stores.map((id) => this.root(id)));
    this.#members = new Set(group.nodes);
    this.#workBytes = workStart;
  }

  newKernel(): Kernel {
    return this.language.newKernel();
  }

  /** The type of a value's elements in memory. */
  storage(id: ValueId): ElementType {
    return this.storageOf(this.type(id).dtype);
  }

  storageOf(dtype: DType): ElementType {
    return formatOf(this.language.formats, dtype).storage;
  }

  node(id: ValueId): Node {
    return this.fn.graph.nodes[id]!;
  }

  type(id: ValueId): TensorType {
    return this.node(id).type;
  }

  count(id: ValueId): number {
    return elementCount(this.type(id).shape);
  }

  /** The value that a chain of reshapes stands for. */
  root(id: ValueId): ValueId {
    return storageRoot(this.fn.graph, id);
  }

  isMember(id: ValueId): boolean {
    return this.#members.has(id);
  }

  /** Whether the group leaves the value (or a reshape of it) in memory. */
  isStored(id: ValueId): boolean {
    return this.#stores.has(this.root(id));
  }

  /** Nodes of the group that read the value. */
  readers(id: ValueId): Node[] {
    return this.group.nodes
      .map((member) => this.node(member))
      .filter((node) => !isView(node) && node.inputs.some((input) => this.root(input) === id));
  }

  /** Whether the value can be loaded: it comes from outside the group, or an earlier kernel of it has stored it. */
  isInMemory(id: ValueId): boolean {
    const root = this.root(id);
    return !this.isMember(root) || this.#done.has(root);
  }

  /** Says that the kernels emitted so far store the value. */
  markDone(id: ValueId): void {
    this.#done.add(this.root(id));
  }

  /** Where the value is or will be: its allocation, or workspace where it has none. */
  place(id: ValueId): Place {
    const root = this.root(id);
    const known = this.layout.places.get(root) ?? this.#spills.get(root);
    if (known !== undefined) return known;
    if (!this.isMember(root)) throw new Error(`%${id} (${this.node(id).op}), read by group ${this.group.name}, is not in memory`);
    // What an update leaves in a state is there for the kernels behind it.
    if (isOfKind(this.node(root).op, 'update')) return this.state(stringsAttr(this.node(root).attrs, 'writes')[0]!);
    const place = this.reserve(this.count(root) * formatOf(this.language.formats, this.type(root).dtype).bytes);
    this.#spills.set(root, place);
    return place;
  }

  state(name: string): Place {
    const slot = this.states.slots.get(name)!;
    return { block: 'states', offset: slot.offset, bytes: alignTo(byteLength(slot.type), 4) };
  }

  /** Workspace for this group alone. */
  reserve(bytes: number): Place {
    const whole = alignTo(bytes, 4);
    const offset = startBehind(this.#workBytes, whole, this.target.limits);
    this.#workBytes = offset + whole;
    return { block: 'work', offset, bytes: whole };
  }

  get workBytes(): number {
    return this.#workBytes;
  }

  /** `train_step conv1: conv2d, relu`. */
  label(ids: readonly ValueId[]): string {
    return `${this.fn.name} ${this.group.name}: ${ids.map((id) => this.node(id).op).join(', ')}`;
  }

  stateName(id: ValueId): string {
    return stringAttr(this.node(id).attrs, 'name');
  }
}
