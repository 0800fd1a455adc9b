import type { ValueId } from '../../ir/types.js';
import { isComputeType } from '../../numeric/formats.js';
import { isOfKind, opDefinition } from '../../ops/index.js';
import { type Code, emit, fixed, joined } from '../code.js';
import { askFor, metWithResult } from './ask-ahead.js';
import type { Convolution } from './contraction-geometry.js';
import { Locals, type Position } from './expression.js';
import type { KernelContext } from './kernel.js';
import { type Head, head, type OwnName } from './kernel-code.js';
import { POOL_ROUNDING } from './pool-rounding.js';
import type { Tile } from './tile-choice.js';

/** Vectors of pooled results of a tile up to which its loops are unrolled. */
const UNROLLED = 8;

function indent(lines: readonly Code[], depth: number): Code {
  return joined(lines.map((line) => emit`${' '.repeat(depth)}${line}\n`));
}

/** The vector of sums at a position, with the bias added, as the value of the contraction's node. */
function defineSum(locals: Locals, c: Convolution, sums: Code): void {
  const bias = c.bias === undefined ? '' : ` + ${locals.channel(c.bias)}`;
  locals.define(c.node, emit`${sums}${bias}`);
}

/** Stores what of these nodes has a place in memory, computing what that needs; sums over rows are found elsewhere. */
export function storeAll(locals: Locals, context: KernelContext, nodes: readonly ValueId[]): void {
  for (const id of nodes) {
    if (!isOfKind(context.node(id).op, 'view', 'reduce') && context.hasPlace(id)) locals.store(id);
  }
}

/** The parameters of a function that finishes a tile: of which positions, and of which channels of which group. */
function finishHead(name: OwnName, { groups }: Convolution): Head {
  const group = groups === 1 ? '' : ', int64_t group';
  return head('static void', name, `void *const *p, const vf *sums, int64_t image, int64_t row, int64_t column, int64_t n${group}`);
}

/** C expressions: the channel of the vector `v` among those of all groups, and where the channels of its group end. */
function channelOf({ groups, n }: Convolution) {
  return groups === 1
    ? { channel: 'n + v * LANES', end: emit`${n}`, all: n }
    : { channel: emit`group * ${n} + n + v * LANES`, end: emit`(group + 1) * ${n}`, all: groups * n };
}

/** Lanes that count, when the channels do not fill the last vector. */
function lanesOf(context: KernelContext, n: number): { readonly lanes?: string } {
  return n % context.target.lanes === 0 ? {} : { lanes: 'lanes' };
}

function laneLine(context: KernelContext, c: Convolution): Code {
  return c.n % context.target.lanes === 0 ? '' : emit`      const int64_t lanes = min64(LANES, ${channelOf(c).end} - channel);\n`;
}

/** Positions one by one: rounding, epilogue, stores. Each asks for what the one `ahead` of it will meet. */
function finishPlain(context: KernelContext, name: OwnName, c: Convolution, tile: Tile, ahead: number | undefined): Code {
  const at: Position = { index: 'index', channel: 'channel', ...lanesOf(context, c.n) };
  const locals = new Locals(context, at);
  defineSum(locals, c, 'sums[0]');
  storeAll(locals, context, context.group.nodes);
  const { channel, all } = channelOf(c);
  const met = ahead === undefined ? [] : metWithResult(context).map((id) => ({ id, by: ahead * all }));
  const asked = met.map(({ id, by }) => askFor(emit`${context.pointer(id)} + index + ${by}`));
  const [down, across] = [`position / ${tile.columns}`, `position % ${tile.columns}`];
  return emit`${finishHead(name, c)}
  for (int64_t position = 0; position < ${tile.rows * tile.columns}; position++) {
    const int64_t r = row + ${down} * ${c.outStep[0]}, q = column + ${across} * ${c.outStep[1]};
    for (int64_t v = 0; v < ${tile.vectors}; v++, sums++) {
      const int64_t channel = ${channel}, index = ((image * ${c.outHeight} + r) * ${c.outWidth} + q) * ${all} + channel;
${laneLine(context, c)}${indent([...asked, ...locals.statements], 6)}    }
  }
}
`;
}

/** The corners' own epilogues up to the pool, each rounded, then compared in order. */
function poolInOrder(locals: PooledLocals, before: readonly ValueId[], input: ValueId): Code[] {
  const { context, c, tile, at } = locals;
  const statements: Code[] = [];
  const corners = [0, 1, 2, 3].map((corner) => {
    const offset = ((corner >> 1) * c.outWidth + (corner & 1)) * channelOf(c).all;
    const inner = new Locals(context, { ...at, index: emit`(index + ${offset})` }, { suffix: `_${corner}` });
    defineSum(inner, c, emit`corner[${cornerAt(tile, corner)}]`);
    storeAll(inner, context, before);
    const variable = inner.value(input);
    statements.push(...inner.statements);
    return variable;
  });
  return [
    ...statements,
    `best = ${corners[0]};`,
    'which = vf_set(0.0f);',
    ...[1, 2, 3].map((corner) => `pool_step(&best, &which, ${corners[corner]!}, ${corner}.0f);`),
  ];
}

/**
 * The same for a pool that alone reads the contraction's value: adding the bias and rounding keep the order, so they are needed for the
 * largest sum only. The first corner that rounds to it is the first that is not below the lowest number that does. NaN, and zeros of both
 * signs, go the long way.
 */
function poolBeforeRounding(locals: PooledLocals, long: readonly Code[], lowest: ((value: string) => string) | undefined): Code[] {
  const { context, c, tile, at } = locals;
  const { dtype } = context.type(c.node);
  const corners = [0, 1, 2, 3].map((corner) => emit`corner[${cornerAt(tile, corner)}]`);
  const inner = new Locals(context, at, { suffix: '_top' });
  const bias = c.bias === undefined ? '' : ` + ${inner.channel(c.bias)}`;
  const sums = joined(
    corners.map((corner) => emit`${corner}${bias}`),
    ', ',
  );
  return [
    ...inner.statements,
    emit`const vf top = vf_top4(${joined(corners, ', ')})${bias};`,
    emit`if (pool_is_plain(${joined(corners, ', ')}, top)) {`,
    `  best = round_number_${dtype}(top);`,
    ...(lowest !== undefined ? [emit`  which = pool_place(${sums}, ${lowest('best')});`] : []),
    '} else {',
    ...long.map((line) => emit`  ${line}`),
    '}',
  ];
}

/** Where the sums of a corner of the window are, from those of its first. */
function cornerAt(tile: Tile, corner: number): number {
  return ((corner >> 1) * tile.columns + (corner & 1)) * tile.vectors;
}

interface PooledLocals {
  readonly context: KernelContext;
  readonly c: Convolution;
  readonly tile: Tile;
  readonly at: Position;
}

/** Windows of 2x2 positions: each position's own epilogue up to the pool, then the pool, its index, and what follows. */
function finishPooled(context: KernelContext, name: OwnName, c: Convolution, tile: Tile, pool: ValueId): Code {
  const nodes = context.group.nodes;
  const input = context.node(pool).inputs[0]!;
  const index = nodes.find((id) => opDefinition(context.node(id).op).computedWith !== undefined);
  const before = nodes.filter((id) => id < pool);
  const lanes = lanesOf(context, c.n);
  const at: Position = { index: 'index', channel: 'channel', ...lanes };
  const inOrder = poolInOrder({ context, c, tile, at }, before, input);
  const alone = before.length === 1 && input === c.node && !context.group.stores.includes(c.node);
  const { dtype } = context.type(input);
  const rounding = isComputeType(dtype) ? POOL_ROUNDING[dtype] : undefined;
  const plain = alone && rounding !== undefined && (index === undefined || rounding.lowest !== undefined);
  const statements = [
    'vf best, which;',
    ...(plain ? poolBeforeRounding({ context, c, tile, at }, inOrder, index === undefined ? undefined : rounding.lowest) : inOrder),
    ...(index === undefined ? ['(void)which;'] : []),
  ];
  const pooled = new Locals(context, { index: 'pooled', channel: 'channel', ...lanes });
  pooled.set(pool, 'best');
  if (index !== undefined) pooled.set(index, 'which');
  storeAll(
    pooled,
    context,
    nodes.filter((id) => id >= pool),
  );
  const windows = (tile.rows * tile.columns) / 4;
  // With every index known, the sums need not pass through memory.
  const unrolled = windows * tile.vectors <= UNROLLED ? `#pragma GCC unroll ${UNROLLED}\n` : '';
  const [, height, width] = context.type(pool).shape as [number, number, number];
  const { channel, all } = channelOf(c);
  return emit`${finishHead(name, c)}
${unrolled}  for (int64_t window = 0; window < ${windows}; window++) {
    const int64_t i = window / ${fixed(tile.columns / 2)} * 2, j = window % ${fixed(tile.columns / 2)} * 2, r = row + i, q = column + j;
${unrolled}    for (int64_t v = 0; v < ${tile.vectors}; v++) {
      const vf *corner = sums + (i * ${tile.columns} + j) * ${tile.vectors} + v;
      const int64_t channel = ${channel}, index = ((image * ${c.outHeight} + r) * ${c.outWidth} + q) * ${all} + channel;
      const int64_t pooled = ((image * ${height} + r / 2) * ${width} + q / 2) * ${all} + channel;
      (void)index;
${laneLine(context, c)}${indent([...statements, ...pooled.statements], 6)}    }
  }
}
`;
}

/** C function that turns a tile's sums into the group's stored values. Without a pool, it asks for what positions `ahead` will meet. */
export function emitFinish(
  context: KernelContext,
  name: OwnName,
  c: Convolution,
  tile: Tile,
  { pool, ahead }: { readonly pool?: ValueId | undefined; readonly ahead?: number },
): Code {
  return pool === undefined ? finishPlain(context, name, c, tile, ahead) : finishPooled(context, name, c, tile, pool);
}
