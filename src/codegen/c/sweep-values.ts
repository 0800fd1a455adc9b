import type { ValueId } from '../../ir/types.js';
import { elementCount, sameShape } from '../../ir/types.js';
import { isOfKind, isReadInPlace } from '../../ops/index.js';
import { isElementwise } from './expression.js';
import { rootOf } from './group-values.js';
import type { KernelContext } from './kernel.js';
import type { LoopOptions, Root } from './loops.js';
import { repeatForm } from './repeats.js';
import { type Tiling, tilingOf } from './window-geometry.js';

/** Which values of a group are in memory at a sweep, and which are computed on the way. */
export class SweepValues {
  /** The current sweep. */
  private sweep = -1;
  /** The sweep after which each value is in memory. */
  private readonly storedBy = new Map<ValueId, number>();
  /** By value: the nodes of the group that read it, views of it included. */
  private readonly readers = new Map<ValueId, ValueId[]>();

  constructor(private readonly context: KernelContext) {
    for (const id of context.group.nodes) {
      for (const root of new Set(context.node(id).inputs.map((input) => rootOf(context.step.fn, input)))) {
        const readers = this.readers.get(root);
        if (readers === undefined) this.readers.set(root, [id]);
        else readers.push(id);
      }
    }
  }

  startSweep(): void {
    this.sweep += 1;
  }

  /** Says that the current sweep stores the value. */
  store(id: ValueId): void {
    this.storedBy.set(id, this.sweep);
  }

  isNeeded(id: ValueId): boolean {
    return this.context.isStored(id) || this.context.isConsumed(id);
  }

  /** Whether an op of this group reads the value other than at its own position: as a scalar, per channel, or wherever it likes. */
  isReadFromMemory(id: ValueId): boolean {
    const { context } = this;
    const count = elementCount(context.type(id).shape);
    const gathered = this.gatheredShape([id]) !== undefined;
    return (this.readers.get(id) ?? []).some((reader) => {
      const { op, inputs, type } = context.node(reader);
      if (isOfKind(op, 'view')) return false;
      if (isElementwise(op) || isOfKind(op, 'update')) return elementCount(type.shape) !== count;
      if (isOfKind(op, 'copy', 'counter', 'axes')) return true;
      if (isOfKind(op, 'pool')) return gathered;
      if (isOfKind(op, 'total')) return false;
      return (gathered && isOfKind(op, 'rows')) || count !== elementCount(context.type(inputs[0]!).shape);
    });
  }

  private isComputable(id: ValueId): boolean {
    const { op } = this.context.node(id);
    return isElementwise(op) || isOfKind(op, 'pool') || this.isRepeated(id);
  }

  /** Whether a value only repeats another, for ops of this group that find each element there. */
  isRepeated(id: ValueId): boolean {
    const { context } = this;
    if (!isReadInPlace(context.node(id)) || context.isStored(id)) return false;
    const shape = context.type(id).shape;
    return (this.readers.get(id) ?? []).every((reader) => {
      const { op, type } = context.node(reader);
      return isOfKind(op, 'elementwise') && sameShape(type.shape, shape);
    });
  }

  /** Whether a loop must walk the value's own rows to compute it on the way. */
  private walksRows(id: ValueId): boolean {
    const node = this.context.node(id);
    if (!this.isRepeated(id)) return isOfKind(node.op, 'pool');
    const { kind } = repeatForm(this.context, node);
    return kind === 'one' || kind === 'vector';
  }

  /** Whether an earlier, finished sweep has put the value in memory. */
  private isMaterialized(id: ValueId, before = this.sweep): boolean {
    return (this.storedBy.get(id) ?? Infinity) < before;
  }

  /** Every value that computing the given ones touches, when all that can be is computed on the way. */
  leaves(values: readonly ValueId[], found = new Set<ValueId>()): ValueId[] {
    for (const value of values) {
      const id = rootOf(this.context.step.fn, value);
      if (found.has(id)) continue;
      found.add(id);
      if (this.context.isMember(id) && this.isComputable(id) && !this.isMaterialized(id)) this.leaves(this.context.node(id).inputs, found);
    }
    return [...found];
  }

  /** The shape that a loop must walk to compute the values on the way, if that takes windows or other axes. */
  gatheredShape(values: readonly ValueId[]): readonly number[] | undefined {
    const windows = this.leaves(values).filter((id) => this.context.isMember(id) && !this.isMaterialized(id));
    const id = windows.find((leaf) => this.walksRows(leaf));
    return id === undefined ? undefined : this.context.type(id).shape;
  }

  /** The tiling that a loop may walk: when one tiled pool's gradient is all that it gathers, and it sums nothing. */
  tiling(roots: readonly Root[]): Tiling | undefined {
    if (roots.some((root) => root.sum !== undefined)) return undefined;
    const gathers = this.leaves(roots.flatMap((root) => root.reads)).filter(
      (id) => this.context.isMember(id) && isOfKind(this.context.node(id).op, 'pool'),
    );
    return gathers.length === 1 ? tilingOf(this.context, gathers[0]!) : undefined;
  }

  /** For the functions of a sweep; left out: the current one. */
  loopOptions(sweep = this.sweep): LoopOptions {
    return { isMaterialized: (id) => this.isMaterialized(id, sweep) };
  }
}
