import { emitFinish, fusedPool } from '../gpu/contraction-finish.js';
import type { Contraction } from '../gpu/contraction-geometry.js';
import { chooseAmong, type Destination, emitLoaders, fillBoth, gridOf, inRuns, ordersOf } from '../gpu/contraction-operands.js';
import { type Dispatch, indent } from '../gpu/kernel.js';
import { addRun } from '../gpu/partial-sums.js';
import type { GpuLimits } from '../gpu/target.js';
import type { WgslContext } from './context.js';
import { KernelBuilder } from './kernel.js';
import type { MatrixUnit } from './target.js';

/** A workgroup of `down` x `across` subgroups computes `m` x `n` results, `k` terms at a time. */
export interface MatrixTile {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly down: number;
  readonly across: number;
}

const TERMS = 32;
const TILES: readonly MatrixTile[] = [
  { m: 64, n: 64, k: TERMS, down: 2, across: 2 },
  { m: 64, n: 32, k: TERMS, down: 2, across: 2 },
  { m: 32, n: 32, k: TERMS, down: 2, across: 2 },
  { m: 32, n: 16, k: TERMS, down: 2, across: 1 },
  { m: 16, n: 16, k: TERMS, down: 1, across: 1 },
];

/**
 * Elements behind each line of a tile: lines start at multiples of 16 bytes, as matrix loads want them, and in other banks than the line
 * before.
 */
const PADDING = 8;

const each = <T>(length: number, make: (index: number) => T): T[] => Array.from({ length }, (_, index) => make(index));

function bytesOf({ m, n, k, down, across }: MatrixTile, unit: MatrixUnit): number {
  return 2 * ((m + PADDING) * (k + PADDING) + (n + PADDING) * (k + PADDING)) + 4 * down * across * unit.m * unit.n;
}

/** The tile that fits shape, unit and limits; undefined when none does. */
export function chooseMatrixTile(c: Contraction, parts: number, unit: MatrixUnit, limits: GpuLimits): MatrixTile | undefined {
  const fits = TILES.filter(
    (tile) =>
      tile.down * tile.across * unit.lanes <= limits.workgroupInvocations &&
      bytesOf(tile, unit) <= limits.workgroupBytes &&
      (tile.m / tile.down) % unit.m === 0 &&
      (tile.n / tile.across) % unit.n === 0 &&
      tile.k % unit.k === 0,
  );
  return chooseAmong(fits, c, parts);
}

/** Whether the device's matrix unit can take the contraction: both operands are f16. */
export function usesMatrix(context: WgslContext, c: Contraction, parts = 1): boolean {
  const { matrix, limits } = context.target;
  if (matrix === undefined || [c.a, c.b].some((id) => context.type(id).dtype !== 'f16')) return false;
  return chooseMatrixTile(c, parts, matrix, limits) !== undefined;
}

/** `fn drain(m, n, lid)`: gives what the subgroups left in `sums`, a matrix each, to the fused ops or to the sums of the parts. */
function emitDrain(kernel: KernelBuilder, c: Contraction, tile: MatrixTile, unit: MatrixUnit, pooled: boolean, take: string): void {
  const subgroups = tile.down * tile.across;
  const size = unit.m * unit.n;
  const rows = pooled ? unit.m / 4 : unit.m;
  kernel.globals.push(
    'fn drain(first_m: u32, first_n: u32, part: u32, is_first: bool, lid: u32) {',
    `  for (var e = lid; e < ${subgroups * rows * unit.n}u; e += ${subgroups * unit.lanes}u) {`,
    `    let owner = e / ${rows * unit.n}u;`,
    `    let row = e / ${unit.n}u % ${rows}u${pooled ? ' * 4u' : ''};`,
    `    let column = e % ${unit.n}u;`,
    `    let m = first_m + owner / ${tile.across}u * ${tile.m / tile.down}u + row;`,
    `    let n = first_n + owner % ${tile.across}u * ${tile.n / tile.across}u + column;`,
    `    let origin = owner * ${size}u + row * ${unit.n}u + column;`,
    `    if (m < ${c.m}u && n < ${c.n}u) { ${take} }`,
    '  }',
    '}',
  );
}

/**
 * A contraction of f16 operands on the device's matrix unit, summed in f32. Tiles of both operands go through workgroup memory, zero
 * outside the operands, so that no edge needs code of its own; a subgroup keeps its part of the result in matrices. Where subgroups are
 * smaller than the largest that the device has, there are more of them than the tile needs: those beyond only fill and drain.
 */
export function emitMatrix(context: WgslContext, c: Contraction, destination: Destination): Dispatch {
  const { partial, nodes } =
    'fused' in destination ? { partial: undefined, nodes: destination.fused } : { ...destination, nodes: [c.node.id] };
  const parts = partial?.parts ?? 1;
  const { limits } = context.target;
  const unit = context.target.matrix!;
  const tile = chooseMatrixTile(c, parts, unit, limits)!;
  const pooled = fusedPool(context, nodes) !== undefined;
  const subgroups = tile.down * tile.across;
  const threads = subgroups * unit.lanes;
  const kernel = new KernelBuilder();
  kernel.extensions.push('subgroups', 'chromium_experimental_subgroup_matrix');
  kernel.parameters.push('@builtin(subgroup_id) subgroup: u32');
  emitLoaders(context, kernel, c, pooled);

  const orders = ordersOf(c);
  /** A tile lies in workgroup memory as its operand does in the device's; where an element is, and how a matrix is read. */
  const layout = (lines: number, order: 'along' | 'across', rowsAlong: 'line' | 'k') => {
    const stride = (order === 'along' ? tile.k : lines) + PADDING;
    return {
      length: stride * (order === 'along' ? lines : tile.k),
      at: (line: string, k: string) => (order === 'along' ? `(${line}) * ${stride}u + ${k}` : `(${k}) * ${stride}u + ${line}`),
      major: (order === 'along') === (rowsAlong === 'line') ? 'row_major' : 'col_major',
      stride,
    };
  };
  const a = layout(tile.m, orders.a, 'line');
  const b = layout(tile.n, orders.b, 'k');
  kernel.globals.push(
    `var<workgroup> tile_a: array<f16, ${a.length}>;`,
    `var<workgroup> tile_b: array<f16, ${b.length}>;`,
    `var<workgroup> sums: array<f32, ${subgroups * unit.m * unit.n}>;`,
  );
  let take: string;
  if (partial === undefined) {
    emitFinish(context, kernel, c, nodes);
    const below = (row: number) => `sums[origin + ${row * unit.n}u]`;
    take = pooled ? `finish(m / 4u, n, vec4f(${each(4, below).join(', ')}));` : 'finish(m, n, sums[origin]);';
  } else take = addRun(kernel, c, partial, { m: 'm', n: 'n', sum: 'sums[origin]', first: 'is_first' });
  emitDrain(kernel, c, tile, unit, pooled, take);

  const [down, across] = [tile.m / tile.down / unit.m, tile.n / tile.across / unit.n];
  const { workgroups, lines } = gridOf(kernel, c, tile, parts, limits);
  const matrix = (side: 'left' | 'right', columns: number, rows: number) => `subgroup_matrix_${side}<f16, ${columns}, ${rows}>`;
  const products = [
    ...each(down, (i) => {
      const from = a.at(`row + ${i * unit.m}u`, 'k');
      return `let a${i} = subgroupMatrixLoad<${matrix('left', unit.k, unit.m)}, ${a.major}>(&tile_a, ${from}, ${a.stride}u);`;
    }),
    ...each(across, (j) => {
      const from = b.at(`column + ${j * unit.n}u`, 'k');
      return `let w${j} = subgroupMatrixLoad<${matrix('right', unit.n, unit.k)}, ${b.major}>(&tile_b, ${from}, ${b.stride}u);`;
    }),
    ...each(down * across, (e) => {
      const [i, j] = [Math.floor(e / across), e % across];
      return `s${i}_${j} = subgroupMatrixMultiplyAccumulate(a${i}, w${j}, s${i}_${j});`;
    }),
  ];
  const sums = [
    ...each(down * across, (e) => `var s${Math.floor(e / across)}_${e % across} = subgroup_matrix_result<f32, ${unit.n}, ${unit.m}>();`),
    `for (var k0 = k_start; k0 < k_end; k0 += ${tile.k}u) {`,
    ...indent([
      ...fillBoth(c, tile, threads, { a: a.at, b: b.at }),
      'workgroupBarrier();',
      `if (subgroup < ${subgroups}u) {`,
      `  for (var k = 0u; k < ${tile.k}u; k += ${unit.k}u) {`,
      ...indent(products, 2),
      '  }',
      '}',
      'workgroupBarrier();',
    ]),
    '}',
    ...each(down * across, (e) => {
      const [i, j] = [Math.floor(e / across), e % across];
      return [
        `if (subgroup < ${subgroups}u) { subgroupMatrixStore<row_major>(&sums, subgroup * ${unit.m * unit.n}u, s${i}_${j}, ${unit.n}u); }`,
        'workgroupBarrier();',
        `drain(m0 + ${i * unit.m}u, n0 + ${j * unit.n}u, part, k_start == k_first, lid);`,
        ...(e < down * across - 1 || partial?.rest !== undefined ? ['workgroupBarrier();'] : []),
      ];
    }).flat(),
  ];
  return kernel.finish(context.label(nodes), threads, workgroups, [
    ...lines,
    `let row = subgroup / ${tile.across}u * ${tile.m / tile.down}u;`,
    `let column = subgroup % ${tile.across}u * ${tile.n / tile.across}u;`,
    ...inRuns(sums, partial),
  ]);
}
