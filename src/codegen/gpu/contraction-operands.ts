import type { ValueId } from '../../ir/types.js';
import type { GroupContext } from './context.js';
import { type Contraction, channelsPerTap, decodeRow, slabsOf, tapAddress, termAt, useSlab, weightRowAt } from './contraction-geometry.js';
import { formatOf } from './formats.js';
import { indent, type Kernel } from './kernel.js';
import { type PartialSums, TERMS_IN_A_ROW } from './partial-sums.js';
import type { GpuLimits } from './target.js';

/** Where element (`m`, `k`) of `a` lies: statements, and then its index, where `ok` says that there is one (`always`: there is). */
export function addressOfA(
  c: Contraction,
  pooled: boolean,
): { readonly lines: readonly string[]; readonly at: string; readonly always: boolean } {
  const channels = channelsPerTap(c);
  const { lines, always } = tapAddress(c, '');
  if (c.computes === 'w')
    return {
      always,
      lines: [
        ...decodeRow(c, false, 'k', ''),
        `let p = i32(m / ${c.inputs * c.kernelX}u);`,
        `let q = i32(m / ${c.inputs}u % ${c.kernelX}u);`,
        ...lines,
      ],
      at: `start + m % ${c.inputs}u`,
    };
  return {
    always,
    lines: [
      ...decodeRow(c, pooled, 'm', ''),
      `let tap = k / ${channels}u;`,
      `let p = i32(tap / ${c.kernelX}u);`,
      `let q = i32(tap % ${c.kernelX}u);`,
      ...lines,
    ],
    at: `start + k % ${channels}u`,
  };
}

/** Index of element (`k`, `n`) of `b`. */
export function addressOfB(c: Contraction): string {
  const channels = channelsPerTap(c);
  return c.computes === 'x' ? `${weightRowAt(c, `k / ${channels}u`, 'n')} + k % ${channels}u` : `${termAt(c, 'k')} + n`;
}

/** `fn load_a(m, k)` and `fn load_b(k, n)`: one element of each operand, zero outside. */
export function emitLoaders(context: GroupContext, kernel: Kernel, c: Contraction, pooled: boolean): void {
  const load = (id: ValueId, index: string) => kernel.read(context.place(id), context.storage(id), index);
  const zero = (id: ValueId) => formatOf(kernel.formats, context.type(id).dtype).zero;
  const { lines, at, always } = addressOfA(c, pooled);
  const head = (name: string, parameters: readonly string[], id: ValueId) => ({
    name,
    parameters: parameters.map((parameter) => [parameter, 'u32'] as const),
    result: context.storage(id),
  });
  kernel.function(head('load_a', ['m', 'k', 'k_end'], c.a), [
    `if (m >= ${c.m}u || k >= k_end) { return ${zero(c.a)}; }`,
    ...lines,
    `let at = ${at};`,
    always ? `return ${load(c.a, 'at')};` : `return select(${zero(c.a)}, ${load(c.a, 'at')}, ok);`,
  ]);
  kernel.function(head('load_b', ['k', 'n', 'k_end'], c.b), [
    `if (n >= ${c.n}u || k >= k_end) { return ${zero(c.b)}; }`,
    `return ${load(c.b, addressOfB(c))};`,
  ]);
}

/** In which order an operand lies in memory: along the sum, or along the result's rows or columns. */
export type Order = 'along' | 'across';

export function ordersOf({ computes }: Contraction): { readonly a: Order; readonly b: Order } {
  return { a: computes === 'w' ? 'across' : 'along', b: computes === 'x' ? 'along' : 'across' };
}

export interface Fill {
  readonly name: string;
  /** Rows of `a` or columns of `b`, and terms of the sum. */
  readonly lines: number;
  readonly terms: number;
  readonly threads: number;
  readonly order: Order;
  /** Expressions of an element and of its index in the tile. */
  readonly load: (line: string, k: string) => string;
  readonly at: (line: string, k: string) => string;
}

/** Fills one tile. Neighbouring invocations read neighbours in memory. */
export function fill({ name, lines, terms, threads, order, load, at }: Fill): string[] {
  const [line, k] = order === 'along' ? [`e / ${terms}u`, `e % ${terms}u`] : [`e % ${lines}u`, `e / ${lines}u`];
  return [
    `for (var e = lid; e < ${lines * terms}u; e += ${threads}u) {`,
    `  let line = ${line};`,
    `  let k = ${k};`,
    `  ${name}[${at('line', 'k')}] = ${load('line', 'k')};`,
    '}',
  ];
}

/** Fills the tiles of both operands, from row m0, column n0 and term k0 on. */
export function fillBoth(
  c: Contraction,
  tile: { readonly m: number; readonly n: number; readonly k: number },
  threads: number,
  at: { readonly a: Fill['at']; readonly b: Fill['at'] },
): string[] {
  const orders = ordersOf(c);
  return [
    ...fill({
      name: 'tile_a',
      lines: tile.m,
      terms: tile.k,
      threads,
      order: orders.a,
      load: (line, k) => `load_a(m0 + ${line}, k0 + ${k}, k_end)`,
      at: at.a,
    }),
    ...fill({
      name: 'tile_b',
      lines: tile.n,
      terms: tile.k,
      threads,
      order: orders.b,
      load: (line, k) => `load_b(k0 + ${k}, n0 + ${line}, k_end)`,
      at: at.b,
    }),
  ];
}

/** A weight gradient sums over many pixels: it is cut into parts, whose sums go to `partial`. The others end in the fused nodes. */
export type Destination = { readonly partial: PartialSums } | { readonly fused: readonly ValueId[] };

export interface Grid {
  readonly workgroups: readonly [number, number, number];
  /** Declares part, m0, n0, k_first and k_last: where the workgroup's tile starts, and where its part of the sum starts and ends. */
  readonly lines: readonly string[];
}

/** Workgroups over the slabs, the tiles of the result and the parts of the sum. */
export function gridOf(
  kernel: Kernel,
  c: Contraction,
  tile: { readonly m: number; readonly n: number },
  parts: number,
  limits: GpuLimits,
): Grid {
  const length = Math.ceil(c.k / parts);
  const [mBlocks, nBlocks] = [Math.ceil(c.m / tile.m), Math.ceil(c.n / tile.n)];
  const folded = Math.ceil(mBlocks / limits.workgroupsPerDimension);
  const across = Math.ceil(mBlocks / folded);
  const each = nBlocks * folded * parts;
  const slabs = slabsOf(c);
  return {
    workgroups: [across, each * slabs, 1],
    lines: [
      ...useSlab(kernel, c, `wid.y / ${each}u`),
      `let part = wid.y${slabs === 1 ? '' : ` % ${each}u`} / ${nBlocks * folded}u;`,
      `let m0 = (wid.y % ${nBlocks * folded}u / ${nBlocks}u * ${across}u + wid.x) * ${tile.m}u;`,
      `let n0 = wid.y % ${nBlocks}u * ${tile.n}u;`,
      `let k_first = part * ${length}u;`,
      `let k_last = min(${c.k}u, k_first + ${length}u);`,
    ],
  };
}

/**
 * Statements that add the terms of a workgroup's part, which they find between k_start and k_end: at once, or one run of them after the
 * other.
 */
export function inRuns(lines: readonly string[], partial: PartialSums | undefined): string[] {
  if (partial?.rest === undefined) return ['let k_start = k_first;', 'let k_end = k_last;', ...lines];
  return [
    `for (var k_start = k_first; k_start < k_last; k_start += ${TERMS_IN_A_ROW}u) {`,
    ...indent([`let k_end = min(k_last, k_start + ${TERMS_IN_A_ROW}u);`, ...lines]),
    '}',
  ];
}

/** Workgroups that fill a large GPU. */
const ENOUGH_WORKGROUPS = 128;

/**
 * Of tiles from large to small: the first that leaves enough workgroups and wastes less than half of its columns; undefined when there are
 * none.
 */
export function chooseAmong<T extends { readonly m: number; readonly n: number }>(
  fits: readonly T[],
  c: Contraction,
  parts: number,
): T | undefined {
  const { m, n } = c;
  const narrow = fits.filter((tile) => tile.n < 2 * n);
  const choices = narrow.length > 0 ? narrow : fits.slice(-1);
  return choices.find((tile) => Math.ceil(m / tile.m) * Math.ceil(n / tile.n) * parts * slabsOf(c) >= ENOUGH_WORKGROUPS) ?? choices.at(-1);
}
