import type { GroupContext } from './context.js';
import { emitFinish, fusedPool } from './contraction-finish.js';
import type { Contraction } from './contraction-geometry.js';
import { chooseAmong, type Destination, emitLoaders, fillBoth, gridOf, inRuns } from './contraction-operands.js';
import { formatOf } from './formats.js';
import { type Dispatch, indent } from './kernel.js';
import { addRun } from './partial-sums.js';
import type { GpuLimits } from './target.js';

/** A workgroup computes `m` x `n` results, `k` terms at a time, every invocation `rows` x `columns` of them. */
export interface Tile {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly rows: number;
  readonly columns: number;
}

const TILES: readonly Tile[] = [
  { m: 128, n: 64, k: 16, rows: 8, columns: 4 },
  { m: 64, n: 64, k: 16, rows: 4, columns: 4 },
  { m: 64, n: 32, k: 16, rows: 4, columns: 2 },
  { m: 32, n: 32, k: 16, rows: 4, columns: 2 },
  { m: 32, n: 16, k: 16, rows: 4, columns: 1 },
];

export function threadsOf({ m, n, rows, columns }: Tile): number {
  return (m / rows) * (n / columns);
}

/** The largest tile that the limits allow, that leaves enough workgroups and wastes less than half of its columns. */
export function chooseTile(c: Contraction, parts: number, bytes: number, limits: GpuLimits): Tile {
  const fits = TILES.filter(
    (tile) => threadsOf(tile) <= limits.workgroupInvocations && (tile.m + 1 + tile.n + 1) * tile.k * bytes <= limits.workgroupBytes,
  );
  const tile = chooseAmong(fits, c, parts);
  if (tile === undefined) throw new Error('the device has too little workgroup memory for any tile');
  return tile;
}

/** Any contraction with tiles of both operands in workgroup memory. */
export function emitTiles(context: GroupContext, c: Contraction, destination: Destination): Dispatch {
  const kernel = context.newKernel();
  const { partial, nodes } =
    'fused' in destination ? { partial: undefined, nodes: destination.fused } : { ...destination, nodes: [c.node.id] };
  const parts = partial?.parts ?? 1;
  const pooled = fusedPool(context, nodes) !== undefined;
  const bytes = [c.a, c.b].map((id) => formatOf(kernel.formats, context.type(id).dtype).bytes);
  const { limits } = context.target;
  const tile = chooseTile(c, parts, Math.max(...bytes), limits);
  const { rows, columns } = tile;
  const threads = threadsOf(tile);
  const across = tile.n / columns;
  emitLoaders(context, kernel, c, pooled);
  kernel.shared('tile_a', context.storage(c.a), tile.k * (tile.m + 1));
  kernel.shared('tile_b', context.storage(c.b), tile.k * (tile.n + 1));
  const finish = partial === undefined ? emitFinish(context, kernel, c, nodes) : undefined;
  const each = <T>(length: number, make: (index: number) => T) => Array.from({ length }, (_, index) => make(index));
  const { workgroups, lines } = gridOf(kernel, c, tile, parts, limits);
  const store = (r: number, t: number) => {
    const [row, column] = [`m + ${r}u`, `n + ${t * across}u`];
    const add = addRun(kernel, c, partial!, { m: row, n: column, sum: `s${r}_${t}`, first: 'k_start == k_first' });
    return `if (${row} < ${c.m}u && ${column} < ${c.n}u) { ${add} }`;
  };
  const stores =
    finish?.({ rows, columns, m: 'm', column: (t) => `first + ${t} * ${across}u`, sum: (r, t) => `s${r}_${t}` }) ??
    each(rows * columns, (i) => store(i % rows, Math.floor(i / rows)));
  const sums = [
    ...each(rows * columns, (i) => `var s${Math.floor(i / columns)}_${i % columns} = 0.0f;`),
    `for (var k0 = k_start; k0 < k_end; k0 += ${tile.k}u) {`,
    ...indent([
      ...fillBoth(c, tile, threads, {
        a: (line, k) => `${k} * ${tile.m + 1}u + ${line}`,
        b: (line, k) => `${k} * ${tile.n + 1}u + ${line}`,
      }),
      kernel.barrier,
      `for (var k = 0u; k < ${tile.k}u; k++) {`,
      ...indent([
        ...each(rows, (r) => `let a${r} = f32(tile_a[k * ${tile.m + 1}u + row + ${r}u]);`),
        ...each(columns, (t) => `let w${t} = f32(tile_b[k * ${tile.n + 1}u + column + ${t * across}u]);`),
        ...each(rows * columns, (i) => {
          const [r, t] = [Math.floor(i / columns), i % columns];
          return `s${r}_${t} = fma(a${r}, w${t}, s${r}_${t});`;
        }),
      ]),
      '}',
      kernel.barrier,
    ]),
    '}',
    ...stores,
  ];
  return kernel.finish(context.label(nodes), threads, workgroups, [
    ...lines,
    `let row = lid / ${across}u * ${rows}u;`,
    `let column = lid % ${across}u;`,
    'let m = m0 + row;',
    `let ${partial === undefined ? 'first' : 'n'} = n0 + column;`,
    ...inRuns(sums, partial),
  ]);
}
