import { elementCount } from '../../ir/types.js';
import type { Kernel, KernelContext } from './kernel.js';
import { flatLoop, type LoopFunction, partCount, rowLoop, TASK_ELEMENTS, tiledLoop } from './loops.js';
import { type Domain, type Stage, StageBuilder } from './stages.js';
import { indent } from './text.js';

/** So many loops and more are run from a table; fewer are calls that the compiler may inline. */
const TABLE_FROM = 5;

/** A loop that has its name and its pointers in the group's table. */
interface PlacedLoop {
  readonly name: string;
  readonly pointers: number;
  readonly loop: LoopFunction;
}

/** The code of a group as it grows: loops whose code is equal share it. */
class StageCode {
  readonly code: string[] = [];
  readonly launch: string[] = [];
  readonly #functions = new Map<string, string>();

  constructor(private readonly context: KernelContext) {}

  place(loop: LoopFunction): PlacedLoop {
    return { name: this.#define(loop.code), pointers: this.context.adopt(loop.table), loop };
  }

  addLoops(name: string, loops: readonly PlacedLoop[]): void {
    if (loops.length === 0) return;
    const { tasks, before, body } = loops.length < TABLE_FROM ? calls(loops) : table(name, loops);
    this.code.push([...before, `static void ${name}(void *const *p, int64_t task) {`, ...indent(body), '}', ''].join('\n'));
    this.launch.push(`parallel_for(ctx, ${name}, p, ${tasks});`);
  }

  addFinish(name: string, stage: Stage, parts: (domain: Domain) => number): void {
    if (stage.finish.length === 0) return;
    const parallel = stage.finish.length > 1 && stage.finish.every(({ kind }) => kind === 'loop');
    const body = stage.finish.flatMap((finish, i) => {
      const child = this.context.child('q');
      const lines = finish.emit(child, parts);
      return [
        parallel ? `if (task == ${i}) {` : '{',
        `  void *const *const q = p + ${this.context.adopt(child.table)};`,
        ...indent(lines),
        '}',
      ];
    });
    const unused = parallel ? [] : ['(void)task;'];
    this.code.push([`static void ${name}(void *const *p, int64_t task) {`, ...indent([...unused, ...body]), '}', ''].join('\n'));
    this.launch.push(parallel ? `parallel_for(ctx, ${name}, p, ${stage.finish.length});` : `${name}(p, 0);`);
  }

  #define(text: string): string {
    const known = this.#functions.get(text);
    if (known !== undefined) return known;
    const name = `${this.context.name}_part${this.#functions.size}`;
    this.#functions.set(text, name);
    this.code.push(`static void ${name}${text}`);
    return name;
  }
}

interface TaskCode {
  readonly tasks: number;
  /** Declarations before the function of the tasks. */
  readonly before: readonly string[];
  readonly body: readonly string[];
}

function calls(loops: readonly PlacedLoop[]): TaskCode {
  const body: string[] = [];
  for (const [i, { name, pointers, loop }] of loops.entries()) {
    const call = `${name}(p + ${pointers}, task, task * ${loop.part}, min64((task + 1) * ${loop.part}, ${loop.range}));`;
    if (i === loops.length - 1) body.push(call);
    else body.push(`if (task < ${partCount(loop)}) {`, `  ${call}`, '  return;', '}', `task -= ${partCount(loop)};`);
  }
  return { tasks: loops.reduce((sum, { loop }) => sum + partCount(loop), 0), before: [], body };
}

/** Loops of many parts first, each with tasks of its own; then the small ones, as many to a task as are worth one. No result depends on the order. */
function table(name: string, loops: readonly PlacedLoop[]): TaskCode {
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
  const rows = ordered.map((placed) => `  {${[placed.name, placed.pointers, placed.loop.range, placed.loop.part].join(', ')}},`);
  return {
    tasks,
    before: [
      `static const kernel_loop ${name}_loops[] = {`,
      ...rows,
      '};',
      `static const loop_bunch ${name}_bunches[] = {${[...bunches, `{${tasks}, ${ordered.length}}`].join(', ')}};`,
    ],
    body: [`run_loops(${name}_loops, ${name}_bunches, ${bunches.length}, p, task);`],
  };
}

function emitLoop(context: KernelContext, builder: StageBuilder, domain: Domain, index: number): LoopFunction {
  const roots = domain.roots.map((make) => make(context));
  const options = builder.loopOptions(index);
  const tiling = builder.tiling(roots);
  if (tiling !== undefined) return tiledLoop(context, domain.shape, tiling, roots, options);
  return domain.byRows ? rowLoop(context, domain.shape, roots, options) : flatLoop(context, elementCount(domain.shape), roots, options);
}

/** Emits a group as stages of loops. Handles every op but contractions. */
export function emitStages(context: KernelContext): Kernel {
  const builder = new StageBuilder(context);
  const stages = builder.build();
  const out = new StageCode(context);
  for (const [index, stage] of stages.entries()) {
    const name = `${context.name}${stages.length === 1 ? '' : `_${index}`}`;
    const counts = new Map<Domain, number>();
    const loops: PlacedLoop[] = [];
    for (const domain of stage.domains) {
      const loop = emitLoop(context.child(), builder, domain, index);
      counts.set(domain, partCount(loop));
      loops.push(out.place(loop));
    }
    for (const make of stage.solo) loops.push(out.place(make()));
    out.addLoops(name, loops);
    out.addFinish(`${name}_finish`, stage, (domain) => counts.get(domain)!);
  }
  return { code: out.code.join('\n'), launch: out.launch.join('\n') };
}
