import { type Contraction, imageAt, pixelAt, slabsOf, times, useSlab } from '../gpu/contraction-geometry.js';
import { type Dispatch, indent } from '../gpu/kernel.js';
import { loadExpression } from '../gpu/literal.js';
import { addRun, type PartialSums, TERMS_IN_A_ROW } from '../gpu/partial-sums.js';
import type { WgslContext } from './context.js';
import {
  accumulators,
  COLUMNS,
  each,
  layInvocations,
  loadRun,
  multiplyAdd,
  PARTS,
  pick,
  ROWS,
  readsFor,
  shareRows,
  useSubgroups,
} from './contraction-lanes.js';
import { KernelBuilder } from './kernel.js';

/** Range of result rows (or columns) whose tap lies inside the image. */
function insideRange(name: string, tap: string, stride: number, before: number, size: number, results: number): string[] {
  return [
    `let ${name}_first = (max(0, ${before} - ${tap}) + ${stride - 1}) / ${stride};`,
    `let ${name}_end = min(${results}, (max(0, ${size} + ${before} - ${tap}) + ${stride - 1}) / ${stride});`,
  ];
}

/** Rows of pixels that a weight gradient adds without a break. */
export function linesInARow({ columns }: Contraction): number {
  return Math.max(1, Math.floor(TERMS_IN_A_ROW / columns));
}

/**
 * Weight gradients without barriers: a block of rows (taps and channels), a loop over the pixels of one part's images. Rows of one tap are
 * read four channels at a time, from the pixels that the tap meets; rows of several taps one by one, from every pixel.
 */
export function emitWeightGradient(context: WgslContext, c: Contraction, partial: PartialSums): Dispatch {
  const kernel = new KernelBuilder();
  const subgroup = useSubgroups(context, kernel);
  const wide = c.n % COLUMNS === 0;
  const isVector = c.inputs % 4 === 0;
  const rows = isVector ? [16, 8, 4].find((size) => c.inputs % size === 0)! : Math.ceil(c.m / Math.ceil(c.m / ROWS));
  const blocks = Math.ceil(c.m / rows);
  const [x, dy] = [context.place(c.a), context.place(c.b)];
  const xType = context.type(c.a).dtype;
  const lines = Math.ceil(c.batch / partial.parts) * c.rows;
  const grid = layInvocations(context, c.n, blocks, partial.parts * slabsOf(c));
  /** Vectors of four rows, or single rows, that an invocation reads for a pixel. */
  const units = isVector ? rows / 4 : rows;
  const reads = each(readsFor(units, subgroup), String);
  const unit = (g: string) => (subgroup === undefined ? `${g}u` : `min(${Number(g) * subgroup}u + lane, ${units - 1}u)`);
  const own = reads.flatMap((g) =>
    isVector
      ? [`let channel${g} = channel + ${unit(g)} * 4u;`]
      : [
          `let m${g} = min(m + ${unit(g)}, ${c.m - 1}u);`,
          `let p${g} = ${times(`i32(m${g} / ${c.inputs * c.kernelX}u)`, c.dilationY)} - ${c.top};`,
          `let q${g} = ${times(`i32(m${g} / ${c.inputs}u % ${c.kernelX}u)`, c.dilationX)} - ${c.left};`,
          `let channel${g} = m${g} % ${c.inputs}u;`,
        ],
  );
  const index = (y: string, xs: string) =>
    pixelAt(c, c.inputs, `u32((i32(${imageAt(c, 'image')}) * ${c.height} + ${y}) * ${c.width} + ${xs})`);
  const loads = isVector
    ? [
        `let start = ${index('y', `j * ${c.strideX} + q - ${c.left}`)};`,
        ...reads.flatMap((g) => loadRun(kernel, x, xType, true, `r${g}`, () => `start + channel${g}`, 4)),
      ]
    : reads.flatMap((g) => {
        const at = `select(0u, ${index(`y${g}`, `x${g}`)} + channel${g}, ok${g})`;
        return [
          `let y${g} = i * ${c.strideY} + p${g};`,
          `let x${g} = j * ${c.strideX} + q${g};`,
          `let ok${g} = y${g} >= 0 && x${g} >= 0 && y${g} < ${c.height} && x${g} < ${c.width};`,
          `let r${g} = select(0.0f, ${loadExpression(kernel, x, xType, at)}, ok${g});`,
        ];
      });
  const inner = [
    `let at = ${pixelAt(c, c.n, `u32((i32(${imageAt(c, 'image')}) * ${c.rows} + i) * ${c.columns} + j)`)};`,
    ...loadRun(kernel, dy, context.type(c.b).dtype, wide, 'w', (t) => `at + l${t}`, COLUMNS),
    ...loads,
    ...shareRows(units, subgroup, 'r'),
    ...multiplyAdd(
      rows,
      (r) => (isVector ? `a${Math.floor(r / 4)}.${PARTS[r % 4]}` : `a${r}`),
      (t) => pick(wide, 'w', t),
    ),
  ];
  const range = isVector
    ? [
        `let tap = i32(m / ${c.inputs}u);`,
        `let channel = m % ${c.inputs}u;`,
        `let p = ${times(`tap / ${c.kernelX}`, c.dilationY)};`,
        `let q = ${times(`tap % ${c.kernelX}`, c.dilationX)};`,
        ...insideRange('i', 'p', c.strideY, c.top, c.height, c.rows),
        ...insideRange('j', 'q', c.strideX, c.left, c.width, c.columns),
      ]
    : ['let j_first = 0;', `let j_end = ${c.columns};`];
  const add = addRun(kernel, c, partial, { m: 'row', n: 'n', sum: 'sums[e]', first: 'start == line_first' });
  const sums = each(rows * COLUMNS, (i) => `s${Math.floor(i / COLUMNS)}_${i % COLUMNS}`).join(', ');
  const isPartial = blocks * rows > c.m;
  return kernel.finish(context.label([c.node.id]), grid.lanes, grid.workgroups, [
    ...grid.lines,
    `let m = ${grid.block} % ${blocks}u * ${rows}u;`,
    ...useSlab(kernel, c, `${grid.block} / ${blocks * partial.parts}u`),
    `let part = ${grid.block} / ${blocks}u${slabsOf(c) === 1 ? '' : ` % ${partial.parts}u`};`,
    ...range,
    ...own,
    `let line_first = part * ${lines}u;`,
    `let line_end = min(${c.batch * c.rows}u, line_first + ${lines}u);`,
    `for (var start = line_first; start < line_end; start += ${linesInARow(c)}u) {`,
    ...indent(accumulators(rows)),
    `  for (var line = start; line < min(line_end, start + ${linesInARow(c)}u); line++) {`,
    `    let image = line / ${c.rows}u;`,
    `    let i = i32(line % ${c.rows}u);`,
    ...(isVector ? ['    if (i < i_first || i >= i_end) { continue; }', `    let y = i * ${c.strideY} + p - ${c.top};`] : []),
    '    for (var j = j_first; j < j_end; j++) {',
    ...indent(inner, 3),
    '    }',
    '  }',
    `  var sums = array<f32, ${rows * COLUMNS}>(${sums});`,
    `  for (var e = ${kernel.helper('opaque')}; e < ${rows * COLUMNS}u; e++) {`,
    `    let n = first + e % ${COLUMNS}u;`,
    `    let row = m + e / ${COLUMNS}u;`,
    `    if (n < ${c.n}u${isPartial ? ` && row < ${c.m}u` : ''}) { ${add} }`,
    '  }',
    '}',
  ]);
}
