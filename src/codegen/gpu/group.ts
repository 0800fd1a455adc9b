import { assertNever, type ValueId } from '../../ir/types.js';
import { isOfKind, opDefinition } from '../../ops/index.js';
import { runningOrder } from '../running-order.js';
import { emitAxesReduction } from './axes.js';
import type { GroupContext } from './context.js';
import { emitContraction, type OwnForms } from './contraction.js';
import { emitCopiesApart } from './copies-apart.js';
import { type Dispatch, finishFlat, type Kernel } from './kernel.js';
import { isGather, Locals } from './locals.js';
import { emitChannelReduction } from './reduce.js';
import { emitRows } from './rows.js';
import type { GpuTarget } from './target.js';
import { emitTotal } from './totals.js';
import { emitUpdate } from './update.js';

/** Kernels that a language has of its own. */
export interface OwnKernels<Target extends GpuTarget = GpuTarget> extends OwnForms<Target> {
  readonly emitAttention?: (context: GroupContext<Target>) => readonly Dispatch[];
}

/**
 * Turns a group into dispatches. Pointwise ops are computed where they are needed, inside the kernels of the ops that need them or of their
 * own stores; everything else has a kernel of its own, since what follows needs it complete.
 */
class GroupEmitter<Target extends GpuTarget> {
  readonly dispatches: Dispatch[] = [];
  /** Stored pointwise values of one size that share the next kernel. */
  private pending: ValueId[] = [];

  constructor(
    private readonly context: GroupContext<Target>,
    private readonly own: OwnKernels<Target>,
  ) {}

  run(): readonly Dispatch[] {
    for (const id of runningOrder(this.context.group, (member) => this.context.node(member))) this.add(id);
    this.flush();
    return this.dispatches;
  }

  private add(id: ValueId): void {
    const { context } = this;
    const { kind } = opDefinition(context.node(id).op);
    if (kind === 'source' || kind === 'view') return;
    if (context.isMember(id) && context.isInMemory(id)) return;
    switch (kind) {
      case 'elementwise':
      case 'scalar':
      case 'exchange':
      case 'pool':
      case 'copy':
        if (context.isStored(id) || this.isReadElsewhere(id)) this.addStore(id);
        return;
      case 'contraction':
        this.flush();
        this.dispatches.push(...emitContraction(context, id, this.own));
        return;
      case 'reduce':
        this.addKernels(id, () => emitChannelReduction(context, id));
        return;
      case 'total':
        this.addKernels(id, () => emitTotal(context, id));
        return;
      case 'axes':
        this.addKernels(id, () => emitAxesReduction(context, id));
        return;
      case 'rows':
        this.addKernels(id, () => emitRows(context, id));
        return;
      case 'update':
      case 'counter':
        this.addKernels(id, () => [emitUpdate(context, id)]);
        return;
      default:
        // An op without a kernel does not compile.
        assertNever(kind);
    }
  }

  private addKernels(id: ValueId, emit: () => readonly Dispatch[]): void {
    this.flush();
    this.dispatches.push(...emit());
    this.context.markDone(id);
  }

  private addStore(id: ValueId): void {
    const { context } = this;
    const sameSize = this.pending.every((other) => context.count(other) === context.count(id));
    const ready = this.leaves(id).every((leaf) => !this.pending.includes(leaf) || !this.isReadElsewhere(leaf));
    const tooMany = this.pending.length > 0 && this.bindingsOf([...this.pending, id]) > context.target.limits.storageBuffers;
    if (!sameSize || !ready || tooMany) this.flush();
    this.pending.push(id);
  }

  private flush(): void {
    const { context, pending } = this;
    if (pending.length === 0) return;
    this.pending = [];
    const kernel = context.newKernel();
    const locals = this.localsOf(kernel, pending);
    if (kernel.bindingCount > context.target.limits.storageBuffers) {
      this.split(pending);
      return;
    }
    this.dispatches.push(finishFlat(kernel, context.label(pending), context.count(pending[0]!), context.target.limits, locals.lines));
    for (const id of pending) context.markDone(id);
  }

  /** One value reads more buffers than a kernel may have: what it reads of its own group goes to memory first. */
  private split(ids: readonly ValueId[]): void {
    const { context } = this;
    const parts = ids.flatMap((id) => context.node(id).inputs).map((id) => context.root(id));
    const own = [...new Set(parts)].filter((id) => context.isMember(id) && !context.isInMemory(id));
    const [first] = ids as [ValueId];
    if (own.length === 0 && ids.length === 1 && isOfKind(context.node(first).op, 'copy')) {
      this.dispatches.push(...emitCopiesApart(context, first));
      context.markDone(first);
      return;
    }
    if (own.length === 0) throw new Error(`${context.node(first).op} reads more than ${context.target.limits.storageBuffers} buffers`);
    for (const id of [...own, ...ids]) {
      this.pending.push(id);
      this.flush();
    }
  }

  private localsOf(kernel: Kernel, ids: readonly ValueId[]): Locals {
    const locals = new Locals(this.context, kernel, { index: 'i' });
    for (const id of ids) locals.store(id);
    return locals;
  }

  private bindingsOf(ids: readonly ValueId[]): number {
    const kernel = this.context.newKernel();
    this.localsOf(kernel, ids);
    return kernel.bindingCount;
  }

  /** Whether an op of this group reads the value other than at its own position: as a scalar, per channel, or wherever it likes. */
  private isReadElsewhere(id: ValueId): boolean {
    const { context } = this;
    const count = context.count(id);
    return context.readers(id).some((reader) => {
      const { op } = reader;
      if (isGather(op) || isOfKind(op, 'contraction', 'rows', 'axes')) return true;
      if (isOfKind(op, 'total')) return false;
      if (isOfKind(op, 'reduce')) return count !== context.count(reader.inputs[0]!);
      return context.count(reader.id) !== count;
    });
  }

  /** Values of the group that computing the given one touches. */
  private leaves(id: ValueId, found = new Set<ValueId>()): ValueId[] {
    for (const input of this.context.node(id).inputs) {
      const root = this.context.root(input);
      if (found.has(root) || !this.context.isMember(root) || this.context.isInMemory(root)) continue;
      found.add(root);
      this.leaves(root, found);
    }
    return [...found];
  }
}

/** The kernels of a group, in order. */
export function emitGroup<Target extends GpuTarget>(context: GroupContext<Target>, own: OwnKernels<Target>): readonly Dispatch[] {
  if (context.group.kind !== 'attention') return new GroupEmitter(context, own).run();
  if (own.emitAttention === undefined) throw new Error(`there is no kernel for attention, group ${context.group.name}`);
  return own.emitAttention(context);
}
