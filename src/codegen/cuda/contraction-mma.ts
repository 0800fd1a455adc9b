import { isLow } from '../../ir/types.js';
import type { GroupContext } from '../gpu/context.js';
import { emitFinish, fusedPool } from '../gpu/contraction-finish.js';
import type { Contraction } from '../gpu/contraction-geometry.js';
import { chooseAmong, type Destination, emitLoaders, gridOf, inRuns, type Order, ordersOf } from '../gpu/contraction-operands.js';
import { type Dispatch, indent } from '../gpu/kernel.js';
import { addRun } from '../gpu/partial-sums.js';
import { emitStages, GROUP } from './contraction-stage.js';
import { emitSums, type OwnSums, sumsOf } from './contraction-sums.js';
import { type MmaTile, TILES } from './mma-tile.js';
import { SHARED_BYTES } from './target.js';

/** Terms of the sum in a stage, and stages: while one is multiplied, the next ones are on their way. */
const TERMS = 32;
const STAGES = 3;

/** Whether tensor cores take the contraction: both operands are f16, or both bf16. */
export function usesMma(context: GroupContext, c: Contraction): boolean {
  const [a, b] = [c.a, c.b].map((id) => context.type(id).dtype);
  return a === b && isLow(a!);
}

/** How a tile of an operand lies in shared memory: rows of groups of eight codes, along the sum or across it. */
interface TileLayout {
  readonly order: Order;
  /** Rows or columns of the product. */
  readonly lines: number;
  /** Groups of a row. */
  readonly groups: number;
  readonly length: number;
}

function layoutOf(order: Order, lines: number): TileLayout {
  return { order, lines, groups: (order === 'along' ? TERMS : lines) / GROUP, length: lines * TERMS };
}

/** Statements that fill a stage of one operand. */
function fill(name: 'a' | 'b', { order, groups, lines, length }: TileLayout, threads: number): string[] {
  const rows = order === 'along' ? lines : TERMS;
  const origin = name === 'a' ? 'm0' : 'n0';
  const [line, term] = order === 'along' ? ['row', `group * ${GROUP}u`] : [`group * ${GROUP}u`, 'row'];
  const place = name === 'a' ? `${origin} + ${line}, k0 + ${term}` : `k0 + ${term}, ${origin} + ${line}`;
  return [
    `for (u32 e = lid; e < ${rows * groups}u; e += ${threads}u) {`,
    `  const u32 row = e / ${groups}u, group = e % ${groups}u;`,
    `  stage_${name}(${place}, k_end, tile_${name} + slot * ${length}u + place<${groups}>(row, group));`,
    '}',
  ];
}

/**
 * Statement that loads four matrices of 8 x 8: of rows of the product from `line` on, 16 of them (`a`: as the fragment of a wants them; of
 * b, the fragments of two products of 8 columns), and 16 terms from `k` on.
 */
function loadFragment(name: 'a' | 'b', { order, groups, length }: TileLayout, into: string, line: string): string {
  const isA = name === 'a';
  const low = 'lane % 8u';
  const [third, fourth] = ['lane / 8u % 2u', 'lane / 16u'];
  // Of a, the second matrix has the next rows and the third the next terms; of b, the other way round.
  const [lineStep, termStep] = isA ? [third, fourth] : [fourth, third];
  const [row, group] =
    order === 'along'
      ? [`${line} + ${low} + ${lineStep} * 8u`, `k / ${GROUP}u + ${termStep}`]
      : [`k + ${low} + ${termStep} * 8u`, `(${line}) / ${GROUP}u + ${lineStep}`];
  const call = order === 'along' ? 'load_matrices' : 'load_matrices_turned';
  return `${call}(${into}, tile_${name} + slot * ${length}u + place<${groups}>(${row}, ${group}));`;
}

/** The turned load gives a matrix by columns: which operand needs it depends on how the operand lies. */
function products(context: GroupContext, c: Contraction, tile: MmaTile, a: TileLayout, b: TileLayout): string[] {
  const [down, across] = [tile.m / tile.down / 16, tile.n / tile.across / 16];
  return [
    `for (u32 k = 0; k < ${TERMS}u; k += 16u) {`,
    ...indent([
      `u32 a[${down}][4], b[${across}][4];`,
      'UNROLL',
      `for (u32 i = 0; i < ${down}u; i++) { ${loadFragment('a', a, 'a[i]', 'row + i * 16u')} }`,
      'UNROLL',
      `for (u32 j = 0; j < ${across}u; j++) { ${loadFragment('b', b, 'b[j]', 'column + j * 16u')} }`,
      'UNROLL',
      `for (u32 i = 0; i < ${down}u; i++) {`,
      '  UNROLL',
      `  for (u32 j = 0; j < ${across * 2}u; j++) { multiply_${context.storage(c.a)}(s[i][j], a[i], b[j / 2u] + j % 2u * 2u); }`,
      '}',
    ]),
    '}',
  ];
}

/** Statements that hand every sum of the block on: `take` gives those for the sum `value` at (`m`, `n`), or of four as a window. */
function drain(c: Contraction, tile: MmaTile, pooled: boolean, take: string, sums: OwnSums | undefined): string[] {
  const [down, across] = [tile.m / tile.down / 16, tile.n / tile.across / 8];
  const corner = (t: number) => `shuffle(value, lane % 4u + (lane / 16u * 4u + ${t}u) * 4u)`;
  const result = pooled
    ? [
        // The four rows of a window are in four lanes.
        `const vec4f sums(${[0, 1, 2, 3].map(corner).join(', ')});`,
        `if (lane / 4u % 4u == 0u && m < ${c.m}u && n < ${c.n}u) { finish(m / 4u, n, sums); }`,
      ]
    : [
        ...(sums === undefined ? [] : [`f32 terms[${sums.count}] = {};`]),
        `if (m < ${c.m}u && n < ${c.n}u) { ${take} }`,
        ...(sums?.take('e / 4u * 2u + e % 2u', 's[i][e / 4u][e % 4u]') ?? []),
      ];
  return [
    ...(sums?.declare ?? []),
    // Else the addresses of all results are computed before the runs, and are kept in registers through them.
    'const u32 m_first = anew(m0 + row + lane / 4u), n_first = anew(n0 + column + lane % 4u * 2u);',
    'UNROLL',
    `for (u32 i = 0; i < ${down}u; i++) {`,
    '  UNROLL',
    `  for (u32 e = 0; e < ${across * 4}u; e++) {`,
    ...indent(
      [
        'const f32 value = s[i][e / 4u][e % 4u];',
        'const u32 m = m_first + i * 16u + e % 4u / 2u * 8u;',
        'const u32 n = n_first + e / 4u * 8u + e % 2u;',
        ...result,
      ],
      2,
    ),
    '  }',
    '}',
  ];
}

/** Registers that a thread may need besides those for the sums of its tile, and for sums over rows. */
const REGISTERS_BESIDES = 96;
const REGISTERS_FOR_ROWS = 32;

/** As many as a thread needs at most: ptxas then takes what it does need, and spills none. */
function registersOf(tile: MmaTile, sums: OwnSums | undefined): number {
  const own = (tile.m * tile.n) / (tile.down * tile.across * 32);
  return own + REGISTERS_BESIDES + (sums === undefined ? 0 : REGISTERS_FOR_ROWS);
}

/**
 * A contraction in tensor cores: tiles of both operands go through shared memory in stages, in the order in which they lie in the device's,
 * zero outside the operands; sums stay in registers in f32 until the fused ops, or the sums of parts, take them.
 */
export function emitMma(context: GroupContext, c: Contraction, destination: Destination): Dispatch[] {
  const { partial, nodes } =
    'fused' in destination ? { partial: undefined, nodes: destination.fused } : { ...destination, nodes: [c.node.id] };
  const parts = partial?.parts ?? 1;
  const tile = chooseAmong(
    TILES.filter(({ m, n }) => (m + n) * TERMS * 2 * STAGES <= SHARED_BYTES),
    c,
    parts,
  )!;
  const threads = tile.down * tile.across * 32;
  const pooled = fusedPool(context, nodes) !== undefined;
  const orders = ordersOf(c);
  const [a, b] = [layoutOf(orders.a, tile.m), layoutOf(orders.b, tile.n)];
  const kernel = context.newKernel();
  kernel.shared('tile_a', context.storage(c.a), STAGES * a.length);
  kernel.shared('tile_b', context.storage(c.b), STAGES * b.length);
  const { workgroups, lines } = gridOf(kernel, c, tile, parts, context.target.limits);
  emitLoaders(context, kernel, c, pooled);
  emitStages(context, kernel, c, pooled, orders);
  const own = partial === undefined ? sumsOf(context).filter(({ id }) => nodes.includes(id)) : [];
  const sums = own.length > 0 ? emitSums(context, kernel, c, tile, own) : undefined;
  let take = sums === undefined ? 'finish(m, n, value);' : 'finish(m, n, value, terms);';
  const others = nodes.filter((id) => !own.some((node) => node.id === id));
  if (partial === undefined) emitFinish(context, kernel, c, others, sums?.terms);
  else take = addRun(kernel, c, partial, { m: 'm', n: 'n', sum: 'value', first: 'k_start == k_first' });
  const [down, across] = [tile.m / tile.down / 16, tile.n / tile.across / 8];
  const body = [
    `f32 s[${down}][${across}][4] = {};`,
    `const u32 steps = (k_end - k_start + ${TERMS - 1}u) / ${TERMS}u;`,
    'const auto stage = [&](u32 step) {',
    ...indent([`const u32 slot = step % ${STAGES}u, k0 = k_start + step * ${TERMS}u;`, ...fill('a', a, threads), ...fill('b', b, threads)]),
    '};',
    `for (u32 step = 0; step < ${STAGES - 1}u; step++) {`,
    '  if (step < steps) { stage(step); }',
    '  copy_commit();',
    '}',
    'for (u32 step = 0; step < steps; step++) {',
    ...indent([
      `copy_wait<${STAGES - 2}>();`,
      kernel.barrier,
      `if (step + ${STAGES - 1}u < steps) { stage(step + ${STAGES - 1}u); }`,
      'copy_commit();',
      `const u32 slot = step % ${STAGES}u;`,
      ...products(context, c, tile, a, b),
    ]),
    '}',
    'copy_wait<0>();',
    ...drain(c, tile, pooled, take, sums),
    ...(sums?.lines ?? []),
    // The next run fills the stages anew.
    ...(partial?.rest === undefined ? [] : [kernel.barrier]),
  ];
  const product = kernel.finish(context.label(nodes), threads, workgroups, [
    'const u32 lane = lid % 32u, warp = lid / 32u;',
    `const u32 row = warp / ${tile.across}u * ${tile.m / tile.down}u, column = warp % ${tile.across}u * ${tile.n / tile.across}u;`,
    ...lines,
    ...inRuns(body, partial),
  ]);
  const dispatch: Dispatch = { ...product, registers: registersOf(tile, sums) };
  return sums === undefined ? [dispatch] : [sums.before, dispatch];
}
