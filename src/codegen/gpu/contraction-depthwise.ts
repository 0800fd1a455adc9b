import type { ValueId } from '../../ir/types.js';
import type { GroupContext } from './context.js';
import { emitFinish, fusedPool } from './contraction-finish.js';
import { type Contraction, channelsPerTap, decodeRow, tapAddress, termAt, weightRowAt } from './contraction-geometry.js';
import { type Dispatch, finishFlat, indent } from './kernel.js';
import { loadExpression } from './literal.js';
import { addRun, type PartialSums, TERMS_IN_A_ROW } from './partial-sums.js';

/** Whether each channel of the image is convolved by itself: its products have one column, or few. */
export function isDepthwise(c: Contraction): boolean {
  return c.groups > 1 && c.inputs === 1;
}

/**
 * A depthwise convolution or its input gradient: an invocation for each element of the result (each column of 2x2 windows, with a pool
 * behind it). Neighbours have neighbouring channels, and read neighbours in memory.
 */
export function emitDepthwise(context: GroupContext, c: Contraction, nodes: readonly ValueId[]): Dispatch {
  const kernel = context.newKernel();
  const pooled = fusedPool(context, nodes) !== undefined;
  const channels = channelsPerTap(c);
  const load = (id: ValueId, at: string) => loadExpression(kernel, context.place(id), context.type(id).dtype, at);
  const { lines, always } = tapAddress(c, '');
  const weight = c.computes === 'x' ? `${weightRowAt(c, 'tap', 'n')} + k` : `${termAt(c, 'tap')} + n`;
  const product = `sum = fma(${load(c.a, 'start + k')}, ${load(c.b, weight)}, sum);`;
  kernel.own('slab_group', 'u32');
  const parameters = [
    ['m', 'u32'],
    ['n', 'u32'],
  ] as const;
  kernel.function({ name: 'sum_at', parameters, result: 'f32' }, [
    ...decodeRow(c, pooled, 'm', ''),
    'var sum = 0.0f;',
    `for (var tap = 0u; tap < ${c.kernelY * c.kernelX}u; tap++) {`,
    ...indent([
      ...(always ? [] : [`let p = i32(tap / ${c.kernelX}u);`, `let q = i32(tap % ${c.kernelX}u);`]),
      ...lines,
      ...(always ? [] : ['if (!ok) { continue; }']),
      `for (var k = 0u; k < ${channels}u; k++) { ${product} }`,
    ]),
    '}',
    'return sum;',
  ]);
  emitFinish(context, kernel, c, nodes);
  const columns = c.groups * c.n;
  const sums = [0, 1, 2, 3].map((corner) => `sum_at(row * 4u + ${corner}u, n)`).join(', ');
  return finishFlat(kernel, context.label(nodes), (pooled ? c.m / 4 : c.m) * columns, context.target.limits, [
    `let row = i / ${columns}u;`,
    `slab_group = i % ${columns}u / ${c.n}u;`,
    `let n = i % ${c.n}u;`,
    pooled ? `finish(row, n, vec4f(${sums}));` : 'finish(row, n, sum_at(row, n));',
  ]);
}

/** Gradient of a depthwise convolution's weight: an invocation for each element and part of the pixels. */
export function emitDepthwiseGradient(context: GroupContext, c: Contraction, partial: PartialSums): Dispatch {
  const kernel = context.newKernel();
  const load = (id: ValueId, at: string) => loadExpression(kernel, context.place(id), context.type(id).dtype, at);
  const { lines, always } = tapAddress(c, '');
  const columns = c.groups * c.n;
  const count = c.m * columns;
  const length = Math.ceil(c.k / partial.parts);
  kernel.own('slab_group', 'u32');
  const pixel = [
    ...decodeRow(c, false, 'k', ''),
    ...lines,
    ...(always ? [] : ['if (!ok) { continue; }']),
    `sum = fma(${load(c.a, 'start')}, ${load(c.b, `${termAt(c, 'k')} + n`)}, sum);`,
  ];
  return finishFlat(kernel, context.label([c.node.id]), count * partial.parts, context.target.limits, [
    `let part = i / ${count}u;`,
    `let tap = i / ${columns}u % ${c.m}u;`,
    `slab_group = i % ${columns}u / ${c.n}u;`,
    `let n = i % ${c.n}u;`,
    `let p = i32(tap / ${c.kernelX}u);`,
    `let q = i32(tap % ${c.kernelX}u);`,
    `let k_first = part * ${length}u;`,
    `let k_last = min(${c.k}u, k_first + ${length}u);`,
    `for (var k_start = k_first; k_start < k_last; k_start += ${TERMS_IN_A_ROW}u) {`,
    ...indent([
      'var sum = 0.0f;',
      `for (var k = k_start; k < min(k_last, k_start + ${TERMS_IN_A_ROW}u); k++) {`,
      ...indent(pixel),
      '}',
      addRun(kernel, c, partial, { m: 'tap', n: 'n', sum: 'sum', first: 'k_start == k_first' }),
    ]),
    '}',
  ]);
}
