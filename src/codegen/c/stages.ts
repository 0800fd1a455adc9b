import type { ValueId } from '../../ir/types.js';
import { elementCount, sameShape, stringsAttr } from '../../ir/types.js';
import { isRowTotal } from '../../ops/row-totals.js';
import { copyFunction, isCopy } from './copies.js';
import { isElementwise } from './expression.js';
import type { Kernel, KernelContext } from './kernel.js';
import { rootOf } from './kernel.js';
import { flatLoop, LOOP_NAME, type LoopFunction, type LoopOptions, partCount, type Root, rowLoop, tiledLoop } from './loops.js';
import { channelRoot, finishChannel, finishTotal, isChannelReduction, isTotal, totalRoot } from './reduce.js';
import { finishRows, isRowOp, rowFunction } from './rows.js';
import { indent } from './text.js';
import { isSerial, isUpdate, serialStatements, updateRoot } from './update.js';
import { isGather, type Tiling, tilingOf } from './windows.js';

/** Elements that are walked together. Loops over windows or rows keep their shape; others only count. */
interface Domain {
  readonly shape: readonly number[];
  byRows: boolean;
  readonly roots: ((context: KernelContext) => Root)[];
}

/** Work without a barrier inside: loops whose parts run in any order, then what joins their partial sums. */
interface Stage {
  readonly domains: Domain[];
  /** Loops that are one op of their own. */
  readonly solo: (() => LoopFunction)[];
  /** Joined after all loops; `parts` tells how many tasks the loop of a domain had. */
  readonly finish: ((context: KernelContext, parts: (domain: Domain) => number) => string[])[];
  /** Values that are complete only when the stage is. */
  readonly produced: Set<ValueId>;
  readonly readStates: Set<string>;
}

/**
 * Cuts a group into stages. Elementwise ops and windows are computed where they are needed, inside the loops of the ops that need them or
 * of their own stores; reductions and losses end a stage, since what follows needs them complete.
 */
class StageBuilder {
  private readonly stages: Stage[] = [];
  /** The stage after which each value is in memory. */
  private readonly doneBy = new Map<ValueId, number>();
  private readonly fn;

  constructor(private readonly context: KernelContext) {
    this.fn = context.step.fn;
  }

  build(): readonly Stage[] {
    for (const id of this.order()) this.add(id);
    return this.stages;
  }

  /** Execution order, with what overwrites a state for the next call behind everything else. */
  private order(): ValueId[] {
    const late = (id: ValueId) => ['reset', 'advance', 'update_scale'].includes(this.context.node(id).op);
    const { nodes } = this.context.group;
    return [...nodes.filter((id) => !late(id)), ...nodes.filter(late)];
  }

  private add(id: ValueId): void {
    const { context } = this;
    const { op, inputs, type } = context.node(id);
    if (op === 'reshape' || op === 'constant') return;
    if (isElementwise(op) || isGather(op)) {
      const fromMemory = this.isReadFromMemory(id);
      if (!fromMemory && !context.isStored(id)) return;
      context.spill(id);
      const root = (): Root => ({ id, reads: [id], body: (scope) => scope.store(id) });
      const { stage } = this.addRoot(type.shape, [id], root);
      this.doneBy.set(id, this.stages.length - 1);
      if (fromMemory) this.complete(stage, id);
    } else if (isUpdate(op)) {
      this.addRoot(type.shape, inputs, (inner) => updateRoot(inner, id), { writes: stringsAttr(context.node(id).attrs, 'writes') });
    } else if (isSerial(op)) {
      const stage = this.stageFor(inputs);
      stage.finish.push((inner) => serialStatements(inner, id));
    } else if (isChannelReduction(op)) this.addChannelReduction(id);
    else if (isTotal(op)) this.addTotal(id);
    else if (isRowOp(op)) this.addRowOp(id);
    else if (isCopy(op)) this.addSolo(id, (inner) => copyFunction(inner, id));
    else throw new Error(`the cpu backend has no kernel for ${op}`);
  }

  private addRoot(
    shape: readonly number[],
    reads: readonly ValueId[],
    make: (context: KernelContext) => Root,
    options: { readonly byRows?: boolean; readonly writes?: readonly string[] } = {},
  ): { stage: Stage; domain: Domain } {
    const stage = this.stageFor(reads, options.writes);
    this.noteReads(stage, reads);
    const gathered = this.gatheredShape(reads);
    const byRows = options.byRows === true || gathered !== undefined;
    const walked = gathered ?? shape;
    let domain = stage.domains.find(
      (other) => sameShape(other.shape, walked) || (!other.byRows && !byRows && elementCount(other.shape) === elementCount(walked)),
    );
    if (domain === undefined) {
      domain = { shape: walked, byRows, roots: [] };
      stage.domains.push(domain);
    }
    domain.byRows ||= byRows;
    domain.roots.push(make);
    return { stage, domain };
  }

  private addChannelReduction(id: ValueId): void {
    const { context } = this;
    if (!this.isNeeded(id)) return;
    context.spill(id);
    const { inputs, type } = context.node(id);
    const partial = context.reserve(64 * type.shape[0]! * 4);
    const { stage, domain } = this.addRoot(context.type(inputs[0]!).shape, inputs, (inner) => channelRoot(inner, id, partial), {
      byRows: true,
    });
    this.complete(stage, id);
    stage.finish.push((inner, parts) => finishChannel(inner, id, partial, parts(domain)));
  }

  private addTotal(id: ValueId): void {
    const { context } = this;
    if (!this.isNeeded(id)) return;
    context.spill(id);
    const { inputs } = context.node(id);
    const stage = this.stageFor(inputs);
    const partials = inputs.map((input, position) => {
      const place = context.reserve(64 * 8);
      const { domain } = this.addRoot(context.type(input).shape, [input], (inner) => totalRoot(inner, id, position, place));
      return { place, domain };
    });
    this.complete(stage, id);
    stage.finish.push((inner, parts) =>
      finishTotal(
        inner,
        id,
        partials.map(({ place, domain }) => ({ place, parts: parts(domain) })),
      ),
    );
  }

  private addRowOp(id: ValueId): void {
    const { context } = this;
    if (!this.isNeeded(id)) return;
    context.spill(id);
    const { op, inputs } = context.node(id);
    const { shape } = context.type(inputs[0]!);
    const partial = isRowTotal(op) ? context.reserve((elementCount(shape) / shape.at(-1)!) * 4) : undefined;
    const stage = this.stageFor(inputs);
    this.noteReads(stage, inputs);
    const options = this.loopOptions();
    stage.solo.push(() => rowFunction(context.child(), id, partial, options));
    this.complete(stage, id);
    if (partial !== undefined) stage.finish.push((inner) => finishRows(inner, id, partial));
  }

  private addSolo(id: ValueId, make: (context: KernelContext) => LoopFunction): void {
    const { context } = this;
    if (!this.isNeeded(id)) return;
    context.spill(id);
    const stage = this.stageFor(context.node(id).inputs);
    stage.solo.push(() => make(context.child()));
    this.complete(stage, id);
  }

  private complete(stage: Stage, id: ValueId): void {
    stage.produced.add(id);
    this.doneBy.set(id, this.stages.length - 1);
  }

  private isNeeded(id: ValueId): boolean {
    return this.context.isStored(id) || this.context.isConsumed(id);
  }

  /** Whether an op of this group reads the value other than at its own position: as a scalar, per channel, or wherever it likes. */
  private isReadFromMemory(id: ValueId): boolean {
    const { context } = this;
    const count = elementCount(context.type(id).shape);
    const gathered = this.gatheredShape([id]) !== undefined;
    return context.group.nodes.some((reader) => {
      const { op, inputs, type } = context.node(reader);
      if (op === 'reshape' || !inputs.some((input) => rootOf(this.fn, input) === id)) return false;
      if (isElementwise(op) || isUpdate(op)) return elementCount(type.shape) !== count;
      if (isCopy(op) || isSerial(op)) return true;
      if (isGather(op) || isTotal(op)) return isGather(op) && gathered;
      return (gathered && isRowOp(op)) || count !== elementCount(context.type(inputs[0]!).shape);
    });
  }

  /** The current stage, or a new one when something that it completes, or a state that it reads, stands in the way. */
  private stageFor(reads: readonly ValueId[], writes: readonly string[] = []): Stage {
    const last = this.stages.at(-1);
    if (last !== undefined) {
      const blocked = this.leaves(reads).some((id) => last.produced.has(id));
      if (!blocked && !writes.some((name) => last.readStates.has(name))) return last;
    }
    const stage: Stage = { domains: [], solo: [], finish: [], produced: new Set(), readStates: new Set() };
    this.stages.push(stage);
    return stage;
  }

  private noteReads(stage: Stage, reads: readonly ValueId[]): void {
    for (const id of this.leaves(reads)) {
      const node = this.context.node(id);
      if (node.op === 'state') stage.readStates.add(String(node.attrs.name));
    }
  }

  private isComputable(id: ValueId): boolean {
    const { op } = this.context.node(id);
    return isElementwise(op) || isGather(op);
  }

  /** Whether an earlier, finished stage has put the value in memory. */
  private isMaterialized(id: ValueId, before = this.stages.length - 1): boolean {
    return (this.doneBy.get(id) ?? Infinity) < before;
  }

  /** Every value that computing the given ones touches, when all that can be is computed on the way. */
  private leaves(values: readonly ValueId[], found = new Set<ValueId>()): ValueId[] {
    for (const value of values) {
      const id = rootOf(this.fn, value);
      if (found.has(id)) continue;
      found.add(id);
      if (this.context.isMember(id) && this.isComputable(id) && !this.isMaterialized(id)) this.leaves(this.context.node(id).inputs, found);
    }
    return [...found];
  }

  /** The shape that a loop must walk to compute the values on the way, if that takes windows. */
  private gatheredShape(values: readonly ValueId[]): readonly number[] | undefined {
    const windows = this.leaves(values).filter((id) => this.context.isMember(id) && !this.isMaterialized(id));
    const id = windows.find((leaf) => isGather(this.context.node(leaf).op));
    return id === undefined ? undefined : this.context.type(id).shape;
  }

  /** The tiling that a loop may walk: when one tiled pool's gradient is all that it gathers, and it sums nothing. */
  tiling(roots: readonly Root[]): Tiling | undefined {
    if (roots.some((root) => root.declare !== undefined)) return undefined;
    const gathers = this.leaves(roots.flatMap((root) => root.reads)).filter(
      (id) => this.context.isMember(id) && isGather(this.context.node(id).op),
    );
    return gathers.length === 1 ? tilingOf(this.context, gathers[0]!) : undefined;
  }

  /** For the functions of the current stage. */
  loopOptions(index = this.stages.length - 1): LoopOptions {
    return { isMaterialized: (id) => this.isMaterialized(id, index) };
  }
}

function emitLoop(
  context: KernelContext,
  domain: Domain,
  roots: readonly Root[],
  tiling: Tiling | undefined,
  options: LoopOptions,
): LoopFunction {
  if (tiling !== undefined) return tiledLoop(context, domain.shape, tiling, roots, options);
  return domain.byRows ? rowLoop(context, domain.shape, roots, options) : flatLoop(context, elementCount(domain.shape), roots, options);
}

/** Emits a group as stages of loops. Handles every op but contractions. */
export function emitStages(context: KernelContext): Kernel {
  const builder = new StageBuilder(context);
  const stages = builder.build();
  const functions = new Map<string, string>();
  const code: string[] = [];
  const launch: string[] = [];
  const define = (text: string): string => {
    const known = functions.get(text);
    if (known !== undefined) return known;
    const name = `${context.name}_part${functions.size}`;
    functions.set(text, name);
    code.push(text.replaceAll(LOOP_NAME, name));
    return name;
  };

  for (const [index, stage] of stages.entries()) {
    const suffix = stages.length === 1 ? '' : `_${index}`;
    const options = builder.loopOptions(index);
    const counts = new Map<Domain, number>();
    const loops: LoopFunction[] = [];
    for (const domain of stage.domains) {
      const child = context.child();
      const roots = domain.roots.map((make) => make(child));
      const loop = emitLoop(child, domain, roots, builder.tiling(roots), options);
      counts.set(domain, partCount(loop));
      loops.push(loop);
    }
    loops.push(...stage.solo.map((make) => make()));
    if (loops.length > 0) {
      const name = `${context.name}${suffix}`;
      const lines: string[] = [];
      for (const [i, loop] of loops.entries()) {
        const function_ = define(loop.code);
        const parts = partCount(loop);
        const call = `${function_}(p + ${context.adopt(loop.table)}, task, task * ${loop.part}, min64((task + 1) * ${loop.part}, ${loop.range}));`;
        if (i === loops.length - 1) lines.push(call);
        else lines.push(`if (task < ${parts}) {`, `  ${call}`, '  return;', '}', `task -= ${parts};`);
      }
      const tasks = loops.reduce((sum, loop) => sum + partCount(loop), 0);
      code.push([`static void ${name}(void *const *p, int64_t task) {`, ...indent(lines), '}', ''].join('\n'));
      launch.push(`parallel_for(ctx, ${name}, p, ${tasks});`);
    }
    if (stage.finish.length > 0) {
      const name = `${context.name}${suffix}_finish`;
      const pieces = stage.finish.map((make) => {
        const child = context.child();
        const lines = make(child, (domain) => counts.get(domain)!);
        return { lines, table: child.table };
      });
      const parallel = pieces.length > 1 && pieces.every((piece) => piece.lines.some((line) => line.startsWith('for')));
      const body = pieces.flatMap(({ lines, table: entries }, i) => [
        parallel ? `if (task == ${i}) {` : '{',
        `  void *const *const q = p + ${context.adopt(entries)};`,
        ...indent(lines.map((line) => line.replaceAll(/\bp\[/g, 'q['))),
        '}',
      ]);
      const unused = parallel ? [] : ['(void)task;'];
      code.push([`static void ${name}(void *const *p, int64_t task) {`, ...indent([...unused, ...body]), '}', ''].join('\n'));
      launch.push(parallel ? `parallel_for(ctx, ${name}, p, ${pieces.length});` : `${name}(p, 0);`);
    }
  }
  return { code: code.join('\n'), launch: launch.join('\n') };
}
