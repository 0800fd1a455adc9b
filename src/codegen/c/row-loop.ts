import { type Code, emit } from '../code.js';
import { askFor, isReadAt } from './ask-ahead.js';
import { ChannelVariables } from './channel-values.js';
import { Locals, type Position } from './expression.js';
import { gather } from './gathers.js';
import type { KernelContext } from './kernel.js';
import { type LoopFunction, type LoopOptions, loopFunction, partLength, type Root } from './loops.js';
import { Prologue } from './prologue.js';
import { indent } from './text.js';
import { pixelIndices } from './window-geometry.js';

/** Rows that are summed in f32 before their sum is added to one in double: what bounds the rounding of a channel's sum. */
const BLOCK_ROWS = 16;

/** Rows ahead whose numbers are asked for: memory takes as long as some ten of them. */
const ROWS_AHEAD = 32;

/** Vectors that are computed side by side, so that sums over rows have independent chains. */
const SIDE_BY_SIDE = 4;

export interface RowLoopOptions extends LoopOptions {
  /** The function does the channels between its parameters `from` and `to` alone, which are so many vectors. */
  readonly some?: number;
}

/** How a loop over rows goes through the channels. */
interface ChannelLoops {
  /** Vectors side by side, and the channels of all whole vectors. */
  readonly block: number;
  readonly whole: number;
  readonly channels: number;
  readonly lanes: number;
  readonly columns: (count: number, tail: boolean) => readonly Code[];
}

/** All channels. */
function allChannels({ block, whole, channels, lanes, columns }: ChannelLoops): Code[] {
  const blocked = block === 0 ? 0 : Math.floor(whole / (block * lanes)) * block * lanes;
  const lines: Code[] = [];
  if (blocked > 0) lines.push(emit`for (int64_t c = 0; c < ${blocked}; c += ${block * lanes}) {`, ...indent(columns(block, false)), '}');
  if (whole > blocked) lines.push(emit`for (int64_t c = ${blocked}; c < ${whole}; c += ${lanes}) {`, ...indent(columns(1, false)), '}');
  if (channels > whole) lines.push('{', ...indent([emit`const int64_t c = ${whole}, n = ${channels - whole};`, ...columns(1, true)]), '}');
  return lines;
}

/** Those between `from`, where a vector begins, and `to`. */
function someChannels({ block, whole, channels, lanes, columns }: ChannelLoops): Code[] {
  const lines: Code[] = ['int64_t c = from;', emit`const int64_t whole = min64(to, ${whole});`];
  if (block > 1) lines.push(emit`for (; c + ${block * lanes} <= whole; c += ${block * lanes}) {`, ...indent(columns(block, false)), '}');
  lines.push(emit`for (; c + ${lanes} <= whole; c += ${lanes}) {`, ...indent(columns(1, false)), '}');
  if (channels > whole) lines.push('if (c < to) {', ...indent([emit`const int64_t n = ${channels - whole};`, ...columns(1, true)]), '}');
  return lines;
}

/** Over rows of the last axis, some vectors of channels at a time: for windows and for sums that leave a number per channel. */
export function rowLoop(context: KernelContext, shape: readonly number[], roots: readonly Root[], options: RowLoopOptions): LoopFunction {
  const channels = shape.at(-1)!;
  const rows = shape.reduce((product, size) => product * size, 1) / channels;
  const { lanes } = context.target;
  const vectors = Math.floor(channels / lanes);
  const block = Math.min(SIDE_BY_SIDE, vectors, options.some ?? vectors);
  const prologue = new Prologue();
  const read = [...new Set(roots.flatMap(({ reads }) => reads))].filter((id) => isReadAt(context, id, shape));

  const columns = (count: number, tail: boolean): Code[] => {
    const before: Code[] = [];
    const blockStart: Code[] = [];
    const inside: Code[] = [];
    const blockEnd: Code[] = [];
    const after: Code[] = [];
    let indices = false;
    for (let vector = 0; vector < count; vector += 1) {
      const suffix = count === 1 ? '' : `_${vector}`;
      const offset = vector === 0 ? '' : ` + ${vector * lanes}`;
      const at: Position = { index: `(r${offset})`, channel: `(c${offset})`, ...(tail && { lanes: 'n' }) };
      const source = new ChannelVariables(context, at, suffix);
      const locals = new Locals(context, at, {
        ...options,
        prologue,
        channels: source,
        suffix,
        gather: (inner, id) => {
          indices ||= shape.length > 1;
          return gather(inner, id);
        },
      });
      locals.statements.push(...read.map((id) => askFor(emit`${context.pointer(id)} + r${offset} + ${ROWS_AHEAD * channels}`)));
      for (const root of roots) root.body(locals);
      before.push(...source.statements, ...roots.flatMap((root) => root.sum?.declare(suffix) ?? []));
      blockStart.push(...roots.flatMap((root) => root.sum?.declareBlock?.(suffix) ?? []));
      inside.push(...locals.statements);
      blockEnd.push(...roots.flatMap((root) => root.sum?.endBlock?.(suffix) ?? []));
      after.push(...roots.flatMap((root) => root.sum?.finish(context, at, suffix) ?? []));
    }
    const overRows = (from: string, to: string) => [
      `for (int64_t row = ${from}; row < ${to}; row++) {`,
      emit`  const int64_t r = row * ${channels} + c;`,
      ...(indices ? indent(pixelIndices(shape)) : []),
      ...indent(inside),
      '}',
    ];
    if (blockStart.length === 0) return [...before, ...overRows('begin', 'end'), ...after];
    return [
      ...before,
      emit`for (int64_t block = begin; block < end; block += ${BLOCK_ROWS}) {`,
      ...indent([
        emit`const int64_t block_end = min64(block + ${BLOCK_ROWS}, end);`,
        ...blockStart,
        ...overRows('block', 'block_end'),
        ...blockEnd,
      ]),
      '}',
      ...after,
    ];
  };

  const lines = (options.some === undefined ? allChannels : someChannels)({ block, whole: vectors * lanes, channels, lanes, columns });
  return {
    code: loopFunction([...prologue.statements, ...lines]),
    table: context.table,
    range: rows,
    part: partLength(rows, channels, 1),
  };
}
