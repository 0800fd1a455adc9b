import { elementCount } from '../../ir/types.js';
import { type Code, emit, fixed, joined, spelled } from '../code.js';
import { flatLoop } from './flat-loop.js';
import type { Kernel, KernelContext, Launch } from './kernel.js';
import { called, head, type OwnName } from './kernel-code.js';
import { LOOP_PARAMETERS, type LoopFunction, partCount, TASK_ELEMENTS } from './loops.js';
import type { RowParts } from './reduce.js';
import { rowLoop } from './row-loop.js';
import { type Domain, type Sweep, SweepBuilder } from './sweeps.js';
import { indent } from './text.js';
import { tiledLoop } from './tiled-loop.js';

/** So many loops and more are run from a table; fewer are calls that the compiler may inline. */
const TABLE_FROM = 5;

/** A loop that has its place among the group's functions, and its pointers in the group's table. */
interface PlacedLoop {
  readonly part: number;
  readonly pointers: number;
  readonly loop: LoopFunction;
}

/** A function of a group. */
type SweepPart =
  | { readonly kind: 'loop'; readonly code: Code }
  | { readonly kind: 'tasks'; readonly suffix: string; readonly loops: readonly PlacedLoop[] }
  | { readonly kind: 'finish'; readonly suffix: string; readonly tasks: number | undefined; readonly body: readonly Code[] };

/** The functions of a group. */
class SweepKernel {
  readonly #parts: SweepPart[] = [];
  /** By a loop's code: its number among the loops. */
  readonly #loops = new Map<string, number>();

  constructor(private readonly context: KernelContext) {}

  /** Loops whose code is equal share a function. */
  place(loop: LoopFunction): PlacedLoop {
    const text = spelled(loop.code);
    let part = this.#loops.get(text);
    if (part === undefined) {
      part = this.#loops.size;
      this.#loops.set(text, part);
      this.#parts.push({ kind: 'loop', code: loop.code });
    }
    return { part, pointers: this.context.adopt(loop.table), loop };
  }

  addLoops(suffix: string, loops: readonly PlacedLoop[]): void {
    if (loops.length > 0) this.#parts.push({ kind: 'tasks', suffix, loops });
  }

  addFinish(suffix: string, sweep: Sweep, parts: (domain: Domain) => RowParts): void {
    if (sweep.finish.length === 0) return;
    const parallel = sweep.finish.length > 1 && sweep.finish.every(({ kind }) => kind === 'loop');
    const body = sweep.finish.flatMap((finish, i) => {
      const child = this.context.child('q');
      const lines = finish.emit(child, parts);
      return [
        parallel ? emit`if (task == ${i}) {` : '{',
        emit`  void *const *const q = p + ${this.context.adopt(child.table)};`,
        ...indent(lines),
        '}',
      ];
    });
    this.#parts.push({ kind: 'finish', suffix, tasks: parallel ? sweep.finish.length : undefined, body });
  }

  emit(): Kernel {
    const { name } = this.context;
    const code: Code[] = [];
    const launches: Launch[] = [];
    let loops = 0;
    for (const part of this.#parts) {
      switch (part.kind) {
        case 'loop':
          code.push(emit`${head('static void', loopName(name, loops), LOOP_PARAMETERS)}\n${part.code}`);
          loops += 1;
          break;
        case 'tasks': {
          const own = name.and(part.suffix);
          const { tasks, before, body } = part.loops.length < TABLE_FROM ? calls(name, part.loops) : table(name, own, part.loops);
          code.push(joined([...before, ...taskFunction(own, body)], '\n'));
          launches.push({ name: own, tasks });
          break;
        }
        case 'finish': {
          const own = name.and(part.suffix);
          const { tasks, body } = part;
          code.push(joined(taskFunction(own, tasks === undefined ? ['(void)task;', ...body] : body), '\n'));
          launches.push(tasks === undefined ? { name: own } : { name: own, tasks });
          break;
        }
      }
    }
    return { code: joined(code, '\n'), launches };
  }
}

const loopName = (name: OwnName, part: number): OwnName => name.and(`_part${part}`);

function taskFunction(name: OwnName, body: readonly Code[]): Code[] {
  return [head('static void', name, 'void *const *p, int64_t task'), ...indent(body), '}', ''];
}

interface TaskCode {
  readonly tasks: number;
  /** Declarations before the function of the tasks. */
  readonly before: readonly Code[];
  readonly body: readonly Code[];
}

function calls(name: OwnName, loops: readonly PlacedLoop[]): TaskCode {
  const body: Code[] = [];
  for (const [i, { part, pointers, loop }] of loops.entries()) {
    const end = emit`min64((task + 1) * ${loop.part}, ${loop.range})`;
    const call = emit`${called(loopName(name, part), emit`p + ${pointers}, task, task * ${loop.part}, ${end}`)};`;
    if (i === loops.length - 1) body.push(call);
    else body.push(emit`if (task < ${partCount(loop)}) {`, emit`  ${call}`, '  return;', '}', emit`task -= ${partCount(loop)};`);
  }
  return { tasks: loops.reduce((sum, { loop }) => sum + partCount(loop), 0), before: [], body };
}

/**
 * Loops of many parts first, each with tasks of its own; then the small ones, as many to a task as are worth one. No result depends on the
 * order.
 */
function table(name: OwnName, own: OwnName, loops: readonly PlacedLoop[]): TaskCode {
  const isSmall = ({ loop }: PlacedLoop): boolean => partCount(loop) === 1;
  const ordered = [...loops.filter((loop) => !isSmall(loop)), ...loops.filter(isSmall)];
  const bunches: string[] = [];
  let tasks = 0;
  let room = 0;
  for (const [i, placed] of ordered.entries()) {
    const { range, part } = placed.loop;
    const share = isSmall(placed) ? (range / part) * TASK_ELEMENTS : Number.POSITIVE_INFINITY;
    if (share > room) {
      bunches.push(`{${tasks}, ${i}}`);
      tasks += partCount(placed.loop);
      room = TASK_ELEMENTS;
    }
    room -= share;
  }
  const rows = ordered.map(
    ({ part, pointers, loop }) => emit`  {${loopName(name, part)}, ${fixed(pointers)}, ${fixed(loop.range)}, ${fixed(loop.part)}},`,
  );
  return {
    tasks,
    before: [
      emit`static const kernel_loop ${own.and('_loops')}[] = {`,
      ...rows,
      '};',
      emit`static const loop_bunch ${own.and('_bunches')}[] = {${joined([...bunches, emit`{${tasks}, ${ordered.length}}`], ', ')}};`,
    ],
    body: [emit`run_loops(${own.and('_loops')}, ${own.and('_bunches')}, ${bunches.length}, p, task);`],
  };
}

function emitLoop(context: KernelContext, builder: SweepBuilder, domain: Domain, index: number): LoopFunction {
  const roots = domain.roots.map((make) => make(context));
  const options = builder.values.loopOptions(index);
  const tiling = builder.values.tiling(roots);
  if (tiling !== undefined) return tiledLoop(context, domain.shape, tiling, roots, options);
  return domain.byRows ? rowLoop(context, domain.shape, roots, options) : flatLoop(context, elementCount(domain.shape), roots, options);
}

/** Emits a group as sweeps of loops; without a launch where nothing is left to compute. Handles every op but contractions. */
export function emitSweeps(context: KernelContext): Kernel {
  const builder = new SweepBuilder(context);
  const sweeps = builder.build();
  const kernel = new SweepKernel(context);
  for (const [index, sweep] of sweeps.entries()) {
    const suffix = sweeps.length === 1 ? '' : `_${index}`;
    const parts = new Map<Domain, RowParts>();
    const loops: PlacedLoop[] = [];
    for (const domain of sweep.domains) {
      const loop = emitLoop(context.child(), builder, domain, index);
      parts.set(domain, { count: partCount(loop), length: loop.part });
      loops.push(kernel.place(loop));
    }
    for (const make of sweep.solo) loops.push(kernel.place(make()));
    kernel.addLoops(suffix, loops);
    kernel.addFinish(`${suffix}_finish`, sweep, (domain) => parts.get(domain)!);
  }
  return kernel.emit();
}
