import { isState } from '../../ir/structure.js';
import type { ValueId } from '../../ir/types.js';
import { assertNever, elementCount, sameShape, stringsAttr } from '../../ir/types.js';
import { opDefinition } from '../../ops/index.js';
import { isRowTotal } from '../../ops/row-totals.js';
import type { Code } from '../code.js';
import { runningOrder } from '../running-order.js';
import { axesFunction } from './axes.js';
import { copyFunction } from './copies.js';
import type { KernelContext } from './kernel.js';
import { type LoopFunction, MOST_TASKS, type Root } from './loops.js';
import { channelPass, channelRoot, finishChannel, finishTotal, type RowParts, reservePartials, totalRoot } from './reduce.js';
import { finishRows, rowFunction } from './rows.js';
import { SweepValues } from './sweep-values.js';
import { serialStatements, updateRoot } from './update.js';

/** Elements that are walked together. Loops over windows or rows keep their shape; others only count. */
export interface Domain {
  readonly shape: readonly number[];
  byRows: boolean;
  readonly roots: ((context: KernelContext) => Root)[];
}

/** What joins partial sums. */
export interface Finish {
  /** A loop is worth a task of its own beside others; a few statements are not. */
  readonly kind: 'loop' | 'statements';
  /** `parts` tells what parts the loop of a domain had. */
  emit(context: KernelContext, parts: (domain: Domain) => RowParts): readonly Code[];
}

/** Work without a barrier inside: loops whose parts run in any order, then what joins their partial sums. */
export interface Sweep {
  readonly domains: Domain[];
  /** By tensor that is read on the way: the domains that read it. */
  readonly readers: Map<ValueId, Domain[]>;
  /** Loops that are one op of their own. */
  readonly solo: (() => LoopFunction)[];
  /** After all loops. */
  readonly finish: Finish[];
  /** Values that are complete only when the sweep is. */
  readonly produced: Set<ValueId>;
  readonly readStates: Set<string>;
}

/**
 * Cuts a group into sweeps. Elementwise ops and windows are computed where they are needed, inside the loops of the ops that need them or
 * of their own stores; reductions and losses end a sweep, since what follows needs them complete.
 */
export class SweepBuilder {
  private readonly sweeps: Sweep[] = [];
  readonly values: SweepValues;

  constructor(private readonly context: KernelContext) {
    this.values = new SweepValues(context);
  }

  build(): readonly Sweep[] {
    for (const id of runningOrder(this.context.group, (member) => this.context.node(member))) this.add(id);
    return this.sweeps;
  }

  private add(id: ValueId): void {
    const { op, inputs } = this.context.node(id);
    const { kind } = opDefinition(op);
    switch (kind) {
      case 'view':
      case 'source':
        return;
      case 'elementwise':
      case 'scalar':
      case 'pool':
        this.addComputed(id);
        return;
      case 'update':
        this.addUpdate(id);
        return;
      case 'counter':
        this.sweepFor(inputs).finish.push({ kind: 'statements', emit: (inner) => serialStatements(inner, id) });
        return;
      case 'reduce':
        this.addChannelReduction(id);
        return;
      case 'total':
        this.addTotal(id);
        return;
      case 'rows':
        this.addRowOp(id);
        return;
      case 'axes':
        this.addSolo(id, (inner) => axesFunction(inner, id));
        return;
      case 'copy':
        if (this.values.isRepeated(id)) this.addComputed(id);
        else this.addSolo(id, (inner) => copyFunction(inner, id));
        return;
      case 'contraction':
      case 'exchange':
        throw new Error(`${op} has a kernel of its own`);
      default:
        assertNever(kind);
    }
  }

  /** What it leaves in a state is read from there, in a later sweep. */
  private addUpdate(id: ValueId): void {
    const { inputs, type, attrs } = this.context.node(id);
    const { sweep } = this.addRoot(type.shape, inputs, (inner) => updateRoot(inner, id), { writes: stringsAttr(attrs, 'writes') });
    if (this.context.isConsumed(id)) this.complete(sweep, id);
  }

  /** A value that is computed wherever it is needed; what reads memory gets it stored. */
  private addComputed(id: ValueId): void {
    const { context } = this;
    const fromMemory = this.values.isReadFromMemory(id);
    if (!fromMemory && !context.isStored(id)) return;
    context.spill(id);
    const root = (): Root => ({ id, reads: [id], body: (locals) => locals.store(id) });
    const { sweep } = this.addRoot(context.type(id).shape, [id], root);
    this.values.store(id);
    if (fromMemory) this.complete(sweep, id);
  }

  private addRoot(
    shape: readonly number[],
    reads: readonly ValueId[],
    make: (context: KernelContext) => Root,
    options: { readonly byRows?: boolean; readonly writes?: readonly string[] } = {},
  ): { sweep: Sweep; domain: Domain } {
    const sweep = this.sweepFor(reads, options.writes);
    this.noteReads(sweep, reads);
    const gathered = this.values.gatheredShape(reads);
    const byRows = options.byRows === true || gathered !== undefined;
    const walked = gathered ?? shape;
    const domain = this.domainFor(sweep, walked, byRows, reads);
    domain.byRows ||= byRows;
    domain.roots.push(make);
    return { sweep, domain };
  }

  /**
   * The loop that walks such elements and reads a tensor that is also read here, or a new one. Loops over tensors of their own stay apart,
   * so that those of equal work share their code: the updates of equal parameters.
   */
  private domainFor(sweep: Sweep, shape: readonly number[], byRows: boolean, reads: readonly ValueId[]): Domain {
    const count = elementCount(shape);
    const shared = this.values.leaves(reads).filter((id) => count === 1 || elementCount(this.context.type(id).shape) > 1);
    const fits = (other: Domain): boolean =>
      sameShape(other.shape, shape) || (!other.byRows && !byRows && elementCount(other.shape) === count);
    let domain = shared.flatMap((id) => sweep.readers.get(id) ?? []).find(fits);
    if (domain === undefined) {
      domain = { shape, byRows, roots: [] };
      sweep.domains.push(domain);
    }
    for (const id of shared) {
      const readers = sweep.readers.get(id);
      if (readers === undefined) sweep.readers.set(id, [domain]);
      else if (!readers.includes(domain)) readers.push(domain);
    }
    return domain;
  }

  private addChannelReduction(id: ValueId): void {
    const { context } = this;
    const pass = channelPass(context, id);
    const needed = pass?.ids.filter((one) => this.values.isNeeded(one)) ?? [];
    if (pass === undefined || needed.length === 0) return;
    const partials = reservePartials(context, pass);
    const { shape } = context.type(pass.reads[0]!);
    const { sweep, domain } = this.addRoot(shape, pass.reads, (inner) => channelRoot(inner, partials), { byRows: true });
    for (const one of needed) {
      context.spill(one);
      this.complete(sweep, one);
      sweep.finish.push({ kind: 'loop', emit: (inner, parts) => finishChannel(inner, one, partials, parts(domain)) });
    }
  }

  private addTotal(id: ValueId): void {
    const { context } = this;
    if (!this.values.isNeeded(id)) return;
    context.spill(id);
    const { inputs } = context.node(id);
    const sweep = this.sweepFor(inputs);
    const places = inputs.map(() => context.reserve(MOST_TASKS * 8));
    const domains = inputs.map((input, position) => {
      const make = (inner: KernelContext): Root => totalRoot(inner, id, input, places[position]!);
      return this.addRoot(context.type(input).shape, [input], make).domain;
    });
    this.complete(sweep, id);
    sweep.finish.push({
      kind: 'loop',
      emit: (inner, parts) =>
        finishTotal(
          inner,
          id,
          places[0]!,
          domains.map((domain) => parts(domain).count),
        ),
    });
  }

  private addRowOp(id: ValueId): void {
    const { context } = this;
    if (!this.values.isNeeded(id)) return;
    context.spill(id);
    const { op, inputs } = context.node(id);
    const { shape } = context.type(inputs[0]!);
    const partial = isRowTotal(op) ? context.reserve((elementCount(shape) / shape.at(-1)!) * 4) : undefined;
    const sweep = this.sweepFor(inputs);
    this.noteReads(sweep, inputs);
    const options = this.values.loopOptions();
    sweep.solo.push(() => rowFunction(context.child(), id, partial, options));
    this.complete(sweep, id);
    if (partial !== undefined) sweep.finish.push({ kind: 'loop', emit: (inner) => finishRows(inner, id, partial) });
  }

  private addSolo(id: ValueId, make: (context: KernelContext) => LoopFunction): void {
    const { context } = this;
    if (!this.values.isNeeded(id)) return;
    context.spill(id);
    const sweep = this.sweepFor(context.node(id).inputs);
    sweep.solo.push(() => make(context.child()));
    this.complete(sweep, id);
  }

  private complete(sweep: Sweep, id: ValueId): void {
    sweep.produced.add(id);
    this.values.store(id);
  }

  /** The current sweep, or a new one when something that it completes, or a state that it reads, stands in the way. */
  private sweepFor(reads: readonly ValueId[], writes: readonly string[] = []): Sweep {
    const last = this.sweeps.at(-1);
    if (last !== undefined) {
      const blocked = this.values.leaves(reads).some((id) => last.produced.has(id));
      if (!blocked && !writes.some((name) => last.readStates.has(name))) return last;
    }
    const sweep: Sweep = { domains: [], readers: new Map(), solo: [], finish: [], produced: new Set(), readStates: new Set() };
    this.sweeps.push(sweep);
    this.values.startSweep();
    return sweep;
  }

  private noteReads(sweep: Sweep, reads: readonly ValueId[]): void {
    for (const id of this.values.leaves(reads)) {
      const node = this.context.node(id);
      if (isState(node)) sweep.readStates.add(String(node.attrs.name));
    }
  }
}
