import type { DType, ValueId } from '../../ir/types.js';
import type { GroupContext } from './context.js';
import { emitFinish, fusedPool } from './contraction-finish.js';
import { type Contraction, channelsPerTap, decodeRow, tapAddress } from './contraction-geometry.js';
import { type Dispatch, indent, KernelBuilder } from './kernel.js';
import type { Place } from './layout.js';
import { loadExpression } from './literal.js';
import type { WgslLimits } from './target.js';

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

/** Workgroups that fill a large GPU. */
const ENOUGH_WORKGROUPS = 128;

export function threadsOf({ m, n, rows, columns }: Tile): number {
  return (m / rows) * (n / columns);
}

/** The largest tile that the limits allow, that leaves enough workgroups and wastes less than half of its columns. */
export function chooseTile({ m, n }: Contraction, parts: number, bytes: number, limits: WgslLimits): Tile {
  const fits = TILES.filter(
    (tile) => threadsOf(tile) <= limits.workgroupInvocations && (tile.m + 1 + tile.n + 1) * tile.k * bytes <= limits.workgroupBytes,
  );
  const narrow = fits.filter((tile) => tile.n < 2 * n);
  const choices = narrow.length > 0 ? narrow : fits.slice(-1);
  const busy = choices.find((tile) => Math.ceil(m / tile.m) * Math.ceil(n / tile.n) * parts >= ENOUGH_WORKGROUPS);
  const tile = busy ?? choices.at(-1);
  if (tile === undefined) throw new Error('the device has too little workgroup memory for any tile');
  return tile;
}

const element = (dtype: DType) => (dtype === 'f16' ? 'f16' : 'f32');

/** `fn load_a(m, k)` and `fn load_b(k, n)`: one element of each operand, zero outside. */
function emitLoaders(context: GroupContext, kernel: KernelBuilder, c: Contraction, pooled: boolean): void {
  const [aType, bType] = [context.type(c.a).dtype, context.type(c.b).dtype];
  const load = (place: Place, dtype: DType, index: string) =>
    dtype === 'f16' ? kernel.read(place, 'f16', index) : loadExpression(kernel, place, dtype, index);
  const channels = channelsPerTap(c);
  const zero = (dtype: DType) => (dtype === 'f16' ? '0.0h' : '0.0f');
  const a =
    c.kind === 'weight_grad'
      ? [
          ...decodeRow(c, false, 'k', ''),
          `let p = i32(m / ${c.inputs * c.kernelX}u);`,
          `let q = i32(m / ${c.inputs}u % ${c.kernelX}u);`,
          ...tapAddress(c, '').lines,
          `let at = start + m % ${c.inputs}u;`,
        ]
      : [
          ...decodeRow(c, pooled, 'm', ''),
          `let tap = k / ${channels}u;`,
          `let p = i32(tap / ${c.kernelX}u);`,
          `let q = i32(tap % ${c.kernelX}u);`,
          ...tapAddress(c, '').lines,
          `let at = start + k % ${channels}u;`,
        ];
  const always = tapAddress(c, '').always;
  const b = c.kind === 'input_grad' ? `(k / ${channels}u * ${c.n}u + n) * ${channels}u + k % ${channels}u` : `k * ${c.n}u + n`;
  kernel.globals.push(
    `fn load_a(m: u32, k: u32, k_end: u32) -> ${element(aType)} {`,
    `  if (m >= ${c.m}u || k >= k_end) { return ${zero(aType)}; }`,
    ...indent(a),
    always
      ? `  return ${load(context.place(c.a), aType, 'at')};`
      : `  return select(${zero(aType)}, ${load(context.place(c.a), aType, 'at')}, ok);`,
    '}',
    `fn load_b(k: u32, n: u32, k_end: u32) -> ${element(bType)} {`,
    `  if (n >= ${c.n}u || k >= k_end) { return ${zero(bType)}; }`,
    `  return ${load(context.place(c.b), bType, b)};`,
    '}',
  );
}

/** Fills one tile. Neighbouring invocations read along the axis that is contiguous in memory. */
function fill(
  name: string,
  size: number,
  tile: Tile,
  threads: number,
  along: 'k' | 'line',
  load: (line: string, k: string) => string,
): string[] {
  const [line, k] = along === 'k' ? [`e / ${tile.k}u`, `e % ${tile.k}u`] : [`e % ${size}u`, `e / ${size}u`];
  return [
    `for (var e = lid; e < ${size * tile.k}u; e += ${threads}u) {`,
    `  let line = ${line};`,
    `  let k = ${k};`,
    `  ${name}[k * ${size + 1}u + line] = ${load('line', 'k')};`,
    '}',
  ];
}

/** A weight gradient sums over many pixels: it is cut into parts, whose sums go to `target`. The others end in the fused nodes. */
type Destination = { readonly parts: number; readonly target: Place } | { readonly fused: readonly ValueId[] };

/** Any contraction with tiles of both operands in workgroup memory. */
export function emitTiles(context: GroupContext, c: Contraction, destination: Destination): Dispatch {
  const kernel = new KernelBuilder();
  const { parts, target, nodes } =
    'fused' in destination ? { parts: 1, target: undefined, nodes: destination.fused } : { ...destination, nodes: [c.node.id] };
  const pooled = fusedPool(context, nodes) !== undefined;
  const [aType, bType] = [context.type(c.a).dtype, context.type(c.b).dtype];
  const { limits } = context.target;
  const tile = chooseTile(c, parts, aType === 'f16' && bType === 'f16' ? 2 : 4, limits);
  const { rows, columns } = tile;
  const threads = threadsOf(tile);
  const across = tile.n / columns;
  emitLoaders(context, kernel, c, pooled);
  kernel.globals.push(
    `var<workgroup> tile_a: array<${element(aType)}, ${tile.k * (tile.m + 1)}>;`,
    `var<workgroup> tile_b: array<${element(bType)}, ${tile.k * (tile.n + 1)}>;`,
  );
  const finish = target === undefined ? emitFinish(context, kernel, c, nodes) : undefined;
  const each = <T>(length: number, make: (index: number) => T) => Array.from({ length }, (_, index) => make(index));
  const length = Math.ceil(c.k / parts);
  const [mBlocks, nBlocks] = [Math.ceil(c.m / tile.m), Math.ceil(c.n / tile.n)];
  const folded = Math.ceil(mBlocks / limits.workgroupsPerDimension);
  const store = (r: number, t: number) => {
    const n = `n + ${t * across}u`;
    return `if (m + ${r}u < ${c.m}u && ${n} < ${c.n}u) { ${kernel.write(target!, 'f32')}[(wid.z * ${c.m}u + m + ${r}u) * ${c.n}u + ${n}] = s${r}_${t}; }`;
  };
  const stores =
    finish?.({ rows, columns, m: 'm', column: (t) => `first + ${t} * ${across}u`, sum: (r, t) => `s${r}_${t}` }) ??
    each(rows * columns, (i) => store(i % rows, Math.floor(i / rows)));
  const body = [
    `let m0 = (wid.y / ${nBlocks}u * ${Math.ceil(mBlocks / folded)}u + wid.x) * ${tile.m}u;`,
    `let n0 = wid.y % ${nBlocks}u * ${tile.n}u;`,
    `let k_end = min(${c.k}u, (wid.z + 1u) * ${length}u);`,
    `let row = lid / ${across}u * ${rows}u;`,
    `let column = lid % ${across}u;`,
    ...each(rows * columns, (i) => `var s${Math.floor(i / columns)}_${i % columns} = 0.0f;`),
    `for (var k0 = wid.z * ${length}u; k0 < k_end; k0 += ${tile.k}u) {`,
    ...indent([
      ...fill(
        'tile_a',
        tile.m,
        tile,
        threads,
        c.kind === 'weight_grad' ? 'line' : 'k',
        (line, k) => `load_a(m0 + ${line}, k0 + ${k}, k_end)`,
      ),
      ...fill(
        'tile_b',
        tile.n,
        tile,
        threads,
        c.kind === 'input_grad' ? 'k' : 'line',
        (line, k) => `load_b(k0 + ${k}, n0 + ${line}, k_end)`,
      ),
      'workgroupBarrier();',
      `for (var k = 0u; k < ${tile.k}u; k++) {`,
      ...indent([
        ...each(rows, (r) => `let a${r} = f32(tile_a[k * ${tile.m + 1}u + row + ${r}u]);`),
        ...each(columns, (t) => `let w${t} = f32(tile_b[k * ${tile.n + 1}u + column + ${t * across}u]);`),
        ...each(
          rows * columns,
          (i) =>
            `s${Math.floor(i / columns)}_${i % columns} = fma(a${Math.floor(i / columns)}, w${i % columns}, s${Math.floor(i / columns)}_${i % columns});`,
        ),
      ]),
      '}',
      'workgroupBarrier();',
    ]),
    '}',
    'let m = m0 + row;',
    `let ${target === undefined ? 'first' : 'n'} = n0 + column;`,
    ...stores,
  ];
  return kernel.finish(context.label(nodes), threads, [Math.ceil(mBlocks / folded), nBlocks * folded, parts], body);
}
