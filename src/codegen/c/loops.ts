import type { ValueId } from '../../ir/types.js';
import { type ChannelSource, type Position, Prologue, Scope } from './expression.js';
import type { KernelContext } from './kernel.js';
import type { Place } from './place.js';
import { TABLES_ON_STACK } from './stack.js';
import { indent } from './text.js';
import { gather, pixelIndices, type Tiling } from './windows.js';

/** One thing that a loop computes at every position: a stored value, an update of a state, or a sum. */
export interface Root {
  readonly id: ValueId;
  /** Values that it reads at the position. */
  readonly reads: readonly ValueId[];
  /** Appends its statements for one vector. */
  body(scope: Scope): void;
  /** What a root that sums over the positions does beside. */
  readonly sum?: RootSum;
}

interface RootSum {
  /** Declares accumulators before the loop over positions. */
  declare(suffix: string): readonly string[];
  /** In loops over rows: declares what the rows of a block add to, */
  declareBlock?(suffix: string): readonly string[];
  /** and adds that to the accumulators. */
  endBlock?(suffix: string): readonly string[];
  /** Stores the accumulators after the loop. `task` and the position's channel are in scope. */
  finish(context: KernelContext, at: Position, suffix: string): readonly string[];
}

/** A loop over all elements of one shape, as a C function that does a part of it. */
export interface LoopFunction {
  /** What follows the function's name: parameters and body. */
  readonly code: string;
  /** Its table of buffers. */
  readonly table: readonly Place[];
  /** The range that `begin` and `end` cut into parts, and the length of one part. */
  readonly range: number;
  readonly part: number;
}

/** Elements that are worth a task of their own. */
export const TASK_ELEMENTS = 8192;
/** More tasks than that only cost; partial sums are kept one per task. */
export const MOST_TASKS = 64;
/** Rows that are summed in f32 before their sum is added to one in double: what bounds the rounding of a channel's sum. */
const BLOCK_ROWS = 16;

/** Length of the parts that a range of `count` units is cut into; a multiple of `multiple`. Depends on the shape alone. */
export function partLength(count: number, elementsPerUnit: number, multiple: number): number {
  const least = Math.max(Math.ceil(TASK_ELEMENTS / elementsPerUnit), Math.ceil(count / MOST_TASKS), 1);
  return Math.ceil(least / multiple) * multiple;
}

export function partCount(loop: { range: number; part: number }): number {
  return Math.max(1, Math.ceil(loop.range / loop.part));
}

/** The function of a loop, but for what stands before its parameters. `begin` and `end` of its part are in scope of `body`. */
export function loopFunction(body: readonly string[]): string {
  return ['(void *const *p, int64_t task, int64_t begin, int64_t end) {', '  (void)p;', '  (void)task;', ...indent(body), '}', ''].join(
    '\n',
  );
}

/** Channel values in tables that start over after the last channel, so that a vector may cross from one row to the next. */
class ChannelTables implements ChannelSource {
  readonly counters = new Set<number>();
  private onStack = 0;
  private inScratch = 0;

  constructor(
    private readonly context: KernelContext,
    private readonly prologue: Prologue,
  ) {}

  /** Declares a table of so many floats: on the stack while the loop's tables are small, else in the thread's scratch. */
  private declare(table: string, floats: number): string {
    const bytes = Math.ceil(floats / 16) * 64;
    if (this.onStack + bytes <= TABLES_ON_STACK) {
      this.onStack += bytes;
      return `float ${table}[${floats}];`;
    }
    const offset = this.inScratch;
    this.inScratch += bytes;
    this.context.scratch(this.inScratch);
    return `float *const ${table} = (float *)(thread_scratch + ${offset});`;
  }

  index(channels: number): string {
    this.counters.add(channels);
    return `c${channels}`;
  }

  derive(scope: Scope, channels: number, key: string, build: (inner: Scope) => string): string {
    const shared = scope.shared.get(key);
    if (shared !== undefined) return shared;
    const name = this.prologue.add(key, (table) => {
      const inner = new Scope(this.context, { index: 'c', channel: 'c', lanes: 'n' });
      const value = build(inner);
      return [
        this.declare(table, channels + this.context.target.lanes),
        `for (int64_t c = 0; c < ${channels}; c += LANES) {`,
        `  const int64_t n = min64(LANES, ${channels} - c);`,
        ...indent([...inner.statements, `store_f32_part(${table} + c, ${value}, n);`]),
        '}',
        `for (int64_t c = 0; c < LANES; c++) ${table}[${channels} + c] = ${table}[c];`,
      ];
    });
    const variable = scope.temporary(`load_f32(${name} + ${this.index(channels)})`);
    scope.shared.set(key, variable);
    return variable;
  }
}

/** Channel values in variables ahead of the loop over rows. */
class ChannelVariables implements ChannelSource {
  readonly statements: string[] = [];
  private readonly names = new Map<string, string>();

  constructor(
    private readonly context: KernelContext,
    private readonly at: Position,
    private readonly suffix: string,
  ) {}

  index(): string {
    return this.at.channel;
  }

  derive(_scope: Scope, _channels: number, key: string, build: (inner: Scope) => string): string {
    const known = this.names.get(key);
    if (known !== undefined) return known;
    const name = `h${this.names.size}${this.suffix}`;
    this.names.set(key, name);
    const inner = new Scope(this.context, { ...this.at, index: this.at.channel }, { suffix: name });
    const value = build(inner);
    this.statements.push(...inner.statements, `const vf ${name} = ${value};`);
    return name;
  }
}

export interface LoopOptions {
  readonly isMaterialized: (id: ValueId) => boolean;
}

/** Over all elements as one line: for elementwise work and sums of everything. */
export function flatLoop(context: KernelContext, count: number, roots: readonly Root[], options: LoopOptions): LoopFunction {
  const prologue = new Prologue();
  const channels = new ChannelTables(context, prologue);
  const body = (lanes?: string): string[] => {
    const at: Position = { index: 'i', channel: 'c', ...(lanes !== undefined && { lanes }) };
    const scope = new Scope(context, at, { ...options, prologue, channels });
    for (const root of roots) root.body(scope);
    return scope.statements;
  };
  const { lanes } = context.target;
  const whole = count >= lanes ? body() : undefined;
  const rest = body('n');
  const counters = [...channels.counters];
  const advance = counters.flatMap((c) => [`c${c} += ${lanes % c};`, `if (c${c} >= ${c}) c${c} -= ${c};`]);
  const lines = [
    ...prologue.statements,
    ...roots.flatMap((root) => root.sum?.declare('') ?? []),
    ...counters.map((c) => `int64_t c${c} = begin % ${c};`),
    'int64_t i = begin;',
    ...(whole === undefined ? [] : ['for (; i + LANES <= end; i += LANES) {', ...indent([...whole, ...advance]), '}']),
    'if (i < end) {',
    '  const int64_t n = end - i;',
    ...indent(rest),
    '}',
    ...roots.flatMap((root) => root.sum?.finish(context, { index: 'task', channel: '0' }, '') ?? []),
  ];
  return { code: loopFunction(lines), table: context.table, range: count, part: partLength(count, 1, 64) };
}

/** Vectors that are computed side by side, so that sums over rows have independent chains. */
const SIDE_BY_SIDE = 4;

/** Over rows of the last axis, some vectors of channels at a time: for windows and for sums that leave a number per channel. */
export function rowLoop(context: KernelContext, shape: readonly number[], roots: readonly Root[], options: LoopOptions): LoopFunction {
  const channels = shape.at(-1)!;
  const rows = shape.reduce((product, size) => product * size, 1) / channels;
  const { lanes } = context.target;
  const vectors = Math.floor(channels / lanes);
  const block = Math.min(SIDE_BY_SIDE, vectors);
  const blocked = block === 0 ? 0 : Math.floor(vectors / block) * block;
  const prologue = new Prologue();

  const columns = (count: number, tail: boolean): string[] => {
    const before: string[] = [];
    const blockStart: string[] = [];
    const inside: string[] = [];
    const blockEnd: string[] = [];
    const after: string[] = [];
    let indices = false;
    for (let vector = 0; vector < count; vector += 1) {
      const suffix = count === 1 ? '' : `_${vector}`;
      const offset = vector === 0 ? '' : ` + ${vector * lanes}`;
      const at: Position = { index: `(r${offset})`, channel: `(c${offset})`, ...(tail && { lanes: 'n' }) };
      const source = new ChannelVariables(context, at, suffix);
      const scope = new Scope(context, at, {
        ...options,
        prologue,
        channels: source,
        suffix,
        gather: (inner, id) => {
          indices ||= shape.length > 1;
          return gather(inner, id);
        },
      });
      for (const root of roots) root.body(scope);
      before.push(...source.statements, ...roots.flatMap((root) => root.sum?.declare(suffix) ?? []));
      blockStart.push(...roots.flatMap((root) => root.sum?.declareBlock?.(suffix) ?? []));
      inside.push(...scope.statements);
      blockEnd.push(...roots.flatMap((root) => root.sum?.endBlock?.(suffix) ?? []));
      after.push(...roots.flatMap((root) => root.sum?.finish(context, at, suffix) ?? []));
    }
    const overRows = (from: string, to: string) => [
      `for (int64_t row = ${from}; row < ${to}; row++) {`,
      `  const int64_t r = row * ${channels} + c;`,
      ...(indices ? indent(pixelIndices(shape)) : []),
      ...indent(inside),
      '}',
    ];
    if (blockStart.length === 0) return [...before, ...overRows('begin', 'end'), ...after];
    return [
      ...before,
      `for (int64_t block = begin; block < end; block += ${BLOCK_ROWS}) {`,
      ...indent([
        `const int64_t block_end = min64(block + ${BLOCK_ROWS}, end);`,
        ...blockStart,
        ...overRows('block', 'block_end'),
        ...blockEnd,
      ]),
      '}',
      ...after,
    ];
  };

  const lines: string[] = [];
  if (blocked > 0)
    lines.push(`for (int64_t c = 0; c < ${blocked * lanes}; c += ${block * lanes}) {`, ...indent(columns(block, false)), '}');
  if (vectors > blocked)
    lines.push(`for (int64_t c = ${blocked * lanes}; c < ${vectors * lanes}; c += ${lanes}) {`, ...indent(columns(1, false)), '}');
  if (channels % lanes > 0) {
    lines.push('{', ...indent([`const int64_t c = ${vectors * lanes}, n = ${channels % lanes};`, ...columns(1, true)]), '}');
  }
  return {
    code: loopFunction([...prologue.statements, ...lines]),
    table: context.table,
    range: rows,
    part: partLength(rows, channels, 1),
  };
}

/** Over pooled pixels, writing each one's whole window: the gradient of a pool with tiling windows, and elementwise work on it. */
export function tiledLoop(
  context: KernelContext,
  shape: readonly number[],
  tiling: Tiling,
  roots: readonly Root[],
  options: LoopOptions,
): LoopFunction {
  const channels = shape.at(-1)!;
  const { node, rows, columns, height, width } = tiling;
  const imageWidth = width * columns;
  const prologue = new Prologue();
  const body = eachVector(channels, context.target.lanes, ({ channel, lanes }) => {
    const at = { channel, ...(lanes !== undefined && { lanes }) };
    const pooled = new Scope(context, { ...at, index: '(r + c)' }, { ...options, prologue, suffix: 'p' });
    const dy = pooled.value(node.inputs[0]!);
    const place = pooled.value(node.inputs[1]!);
    const lines = [...pooled.statements];
    for (let tap = 0; tap < rows * columns; tap += 1) {
      const offset = (Math.floor(tap / columns) * imageWidth + (tap % columns)) * channels;
      const scope = new Scope(
        context,
        { ...at, index: `(corner + ${offset} + c)` },
        {
          ...options,
          prologue,
          suffix: `_${tap}`,
          gather: (_scope, id) => (id === node.id ? `vf_and(${place} == vf_set(${tap}.0f), ${dy})` : undefined),
        },
      );
      for (const root of roots) root.body(scope);
      lines.push(...scope.statements);
    }
    return lines;
  });
  const lines = [
    'for (int64_t row = begin; row < end; row++) {',
    `  const int64_t y = row / ${width}, x = row % ${width}, r = row * ${channels};`,
    `  const int64_t corner = (y * ${rows * imageWidth} + x * ${columns}) * ${channels};`,
    ...indent(body),
    '}',
  ];
  const range = shape[0]! * height * width;
  return {
    code: loopFunction([...prologue.statements, ...lines]),
    table: context.table,
    range,
    part: partLength(range, channels * rows * columns, 1),
  };
}

/** Statements for every vector along one row of `length` elements; `c` and, in the last one, `n` are in scope. */
export function eachVector(
  length: number,
  lanes: number,
  body: (at: { readonly channel: string; readonly lanes?: string }) => readonly string[],
): string[] {
  const whole = Math.floor(length / lanes) * lanes;
  return [
    ...(whole > 0 ? [`for (int64_t c = 0; c < ${whole}; c += LANES) {`, ...indent(body({ channel: 'c' })), '}'] : []),
    ...(whole < length
      ? ['{', `  const int64_t c = ${whole}, n = ${length - whole};`, ...indent(body({ channel: 'c', lanes: 'n' })), '}']
      : []),
  ];
}
