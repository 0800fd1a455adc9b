import type { ValueId } from '../../ir/types.js';
import type { Convolution } from './contraction-geometry.js';
import type { Tile } from './contraction-tile.js';
import { type Position, Scope } from './expression.js';
import type { KernelContext } from './kernel.js';

function indent(lines: readonly string[], depth: number): string {
  return lines.map((line) => `${' '.repeat(depth)}${line}\n`).join('');
}

/** The vector of sums at a position, with the bias added, as the value of the contraction's node. */
function defineSum(scope: Scope, c: Convolution, sums: string): void {
  const bias = c.bias === undefined ? '' : ` + ${scope.channel(c.bias)}`;
  scope.define(c.node, `${sums}${bias}`);
}

/** Stores what the group stores of these nodes, computing what that needs. */
function storeAll(scope: Scope, context: KernelContext, nodes: readonly ValueId[]): void {
  for (const id of nodes) {
    if (context.node(id).op !== 'reshape' && context.group.stores.includes(id)) scope.store(id);
  }
}

/** Lanes that count, when the channels do not fill the last vector. */
function lanesOf(context: KernelContext, n: number): { readonly lanes?: string } {
  return n % context.target.lanes === 0 ? {} : { lanes: 'lanes' };
}

function laneLine(context: KernelContext, n: number): string {
  return n % context.target.lanes === 0 ? '' : `      const int64_t lanes = min64(LANES, ${n} - channel);\n`;
}

/** Positions one by one: rounding, epilogue, stores. */
function finishPlain(context: KernelContext, name: string, c: Convolution, tile: Tile): string {
  const at: Position = { index: 'index', channel: 'channel', ...lanesOf(context, c.n) };
  const scope = new Scope(context, at);
  defineSum(scope, c, 'sums[0]');
  storeAll(scope, context, context.group.nodes);
  return `static void ${name}(void *const *p, const vf *sums, int64_t image, int64_t row, int64_t column, int64_t n) {
  for (int64_t position = 0; position < ${tile.rows * tile.columns}; position++) {
    const int64_t r = row + position / ${tile.columns} * ${c.outStep[0]}, q = column + position % ${tile.columns} * ${c.outStep[1]};
    for (int64_t v = 0; v < ${tile.vectors}; v++, sums++) {
      const int64_t channel = n + v * LANES, index = ((image * ${c.outHeight} + r) * ${c.outWidth} + q) * ${c.n} + channel;
${laneLine(context, c.n)}${indent(scope.statements, 6)}    }
  }
}
`;
}

/** Windows of 2x2 positions: each position's own epilogue up to the pool, then the pool, its index, and what follows. */
function finishPooled(context: KernelContext, name: string, c: Convolution, tile: Tile, pool: ValueId): string {
  const nodes = context.group.nodes;
  const input = context.node(pool).inputs[0]!;
  const index = nodes.find((id) => context.node(id).op === 'max_pool2d_index');
  const before = nodes.filter((id) => id < pool);
  const lanes = lanesOf(context, c.n);
  const statements: string[] = [];
  const corners = [0, 1, 2, 3].map((corner) => {
    const offset = ((corner >> 1) * c.outWidth + (corner & 1)) * c.n;
    const scope = new Scope(context, { index: `(index + ${offset})`, channel: 'channel', ...lanes }, { suffix: `_${corner}` });
    const sum = ((corner >> 1) * tile.columns + (corner & 1)) * tile.vectors;
    defineSum(scope, c, `corner[${sum}]`);
    storeAll(scope, context, before);
    const variable = scope.value(input);
    statements.push(...scope.statements);
    return variable;
  });
  statements.push(`vf best = ${corners[0]};`, 'vf which = vf_set(0.0f);');
  for (const corner of [1, 2, 3]) statements.push(`pool_step(&best, &which, ${corners[corner]!}, ${corner}.0f);`);
  const pooled = new Scope(context, { index: 'pooled', channel: 'channel', ...lanes });
  pooled.set(pool, 'best');
  if (index !== undefined) pooled.set(index, 'which');
  storeAll(
    pooled,
    context,
    nodes.filter((id) => id >= pool),
  );
  const [, height, width] = context.type(pool).shape as [number, number, number];
  return `static void ${name}(void *const *p, const vf *sums, int64_t image, int64_t row, int64_t column, int64_t n) {
  for (int64_t window = 0; window < ${(tile.rows * tile.columns) / 4}; window++) {
    const int64_t i = window / ${tile.columns / 2} * 2, j = window % ${tile.columns / 2} * 2, r = row + i, q = column + j;
    for (int64_t v = 0; v < ${tile.vectors}; v++) {
      const vf *corner = sums + (i * ${tile.columns} + j) * ${tile.vectors} + v;
      const int64_t channel = n + v * LANES, index = ((image * ${c.outHeight} + r) * ${c.outWidth} + q) * ${c.n} + channel;
      const int64_t pooled = ((image * ${height} + r / 2) * ${width} + q / 2) * ${c.n} + channel;
      (void)index;
${laneLine(context, c.n)}${indent([...statements, ...pooled.statements], 6)}    }
  }
}
`;
}

/** C function that turns a tile's sums into the group's stored values. */
export function emitFinish(context: KernelContext, name: string, c: Convolution, tile: Tile, pool: ValueId | undefined): string {
  return pool === undefined ? finishPlain(context, name, c, tile) : finishPooled(context, name, c, tile, pool);
}
