import type { DType, ValueId } from '../../ir/types.js';
import type { GroupContext } from './context.js';
import { emitFinish, fusedPool } from './contraction-finish.js';
import { type Contraction, channelsPerTap, decodeRow, tapAddress } from './contraction-geometry.js';
import { type Dispatch, indent, KernelBuilder, spread } from './kernel.js';
import type { Place } from './layout.js';
import { loadExpression } from './literal.js';

/** Invocations of a workgroup; an invocation computes ROWS x COLUMNS results, its columns side by side. */
const LANES = 64;
const ROWS = 4;
const COLUMNS = 4;
const PARTS = ['x', 'y', 'z', 'w'] as const;

const each = <T>(length: number, make: (index: number) => T): T[] => Array.from({ length }, (_, index) => make(index));

/** `sRow_Column = fma(a, b, sRow_Column)` for every accumulator. */
function multiplyAdd(rows: number, a: (r: number) => string, b: (t: number) => string): string[] {
  return each(rows, (r) => each(COLUMNS, (t) => `s${r}_${t} = fma(${a(r)}, ${b(t)}, s${r}_${t});`).join(' '));
}

const accumulators = (rows: number) => each(rows, (r) => each(COLUMNS, (t) => `var s${r}_${t} = 0.0f;`).join(' '));

/** How the invocations are laid over the result: `across` blocks of columns, and in which one and which row block an invocation is. */
function layInvocations(context: GroupContext, columns: number, rowBlocks: number, parts = 1) {
  const across = Math.ceil(columns / COLUMNS);
  const total = across * rowBlocks * parts;
  const { workgroups, index } = spread(Math.ceil(total / LANES), context.target.limits);
  const lines = [
    `let unit = (${index}) * ${LANES}u + lid;`,
    `if (unit >= ${total}u) { return; }`,
    `let first = unit % ${across}u * ${COLUMNS}u;`,
    ...each(COLUMNS, (t) => `let l${t} = min(first + ${t}u, ${columns - 1}u);`),
  ];
  return { workgroups, lines, block: `unit / ${across}u` };
}

/** Reads `count` neighbouring elements: as one vector where `isVector`. Statements that declare `name0 ..`, or `name` as a vec4f. */
function loadRun(
  kernel: KernelBuilder,
  place: Place,
  dtype: DType,
  isVector: boolean,
  name: string,
  at: (t: number) => string,
  count: number,
): string[] {
  if (!isVector) return each(count, (t) => `let ${name}${t} = ${loadExpression(kernel, place, dtype, at(t))};`);
  const vector = `${kernel.readVectors(place, dtype === 'f16' ? 'f16' : 'f32')}[(${at(0)}) / 4u]`;
  return [`let ${name} = ${dtype === 'f16' ? `vec4f(${vector})` : vector};`];
}

const pick = (isVector: boolean, name: string, t: number) => (isVector ? `${name}.${PARTS[t]}` : `${name}${t}`);

/** One step along the summed channels of a tap: `step` of them at once. */
function innerStep(context: GroupContext, kernel: KernelBuilder, c: Contraction, step: number, always: boolean): string[] {
  const channels = channelsPerTap(c);
  const isVector = step === 4;
  const [aType, bType] = [context.type(c.a).dtype, context.type(c.b).dtype];
  const transposed = c.kind === 'input_grad';
  const lines: string[] = [];
  for (let r = 0; r < ROWS; r += 1) {
    const name = `a${r}_`;
    lines.push(...loadRun(kernel, context.place(c.a), aType, isVector, always ? name : `x${r}_`, () => `start${r} + k`, 1));
    if (!always) {
      lines.push(isVector ? `let ${name} = select(vec4f(), x${r}_, ok${r});` : `let ${name}0 = select(0.0f, x${r}_0, ok${r});`);
    }
  }
  if (transposed) {
    for (let t = 0; t < COLUMNS; t += 1) {
      lines.push(...loadRun(kernel, context.place(c.b), bType, isVector, `w${t}_`, () => `(tap * ${c.n}u + l${t}) * ${channels}u + k`, 1));
    }
    for (let u = 0; u < step; u += 1)
      lines.push(
        ...multiplyAdd(
          ROWS,
          (r) => pick(isVector, `a${r}_`, u),
          (t) => pick(isVector, `w${t}_`, u),
        ),
      );
    return lines;
  }
  const wide = c.n % COLUMNS === 0;
  for (let u = 0; u < step; u += 1) {
    const row = `(tap * ${channels}u + k + ${u}u) * ${c.n}u`;
    lines.push(...loadRun(kernel, context.place(c.b), bType, wide, `w${u}_`, (t) => `${row} + l${t}`, COLUMNS));
    lines.push(
      ...multiplyAdd(
        ROWS,
        (r) => pick(isVector, `a${r}_`, u),
        (t) => pick(wide, `w${u}_`, t),
      ),
    );
  }
  return lines;
}

/** conv2d, linear and their input gradients without barriers: an invocation reads the rows and columns that it needs, four channels at a time. */
export function emitPositions(context: GroupContext, c: Contraction, nodes: readonly ValueId[]): Dispatch {
  const kernel = new KernelBuilder();
  const pooled = fusedPool(context, nodes) !== undefined;
  const channels = channelsPerTap(c);
  const step = channels % 4 === 0 ? 4 : 1;
  const suffixes = each(ROWS, String);
  const addresses = suffixes.map((r) => tapAddress(c, r));
  const { always } = addresses[0]!;
  const inner = innerStep(context, kernel, c, step, always);
  const finish = emitFinish(context, kernel, c, nodes);
  const { workgroups, lines, block } = layInvocations(context, c.n, Math.ceil(c.m / ROWS));
  const stores = finish({ rows: ROWS, columns: COLUMNS, m: 'm', column: (t) => `first + ${t}`, sum: (r, t) => `s${r}_${t}` });
  return kernel.finish(context.label(nodes), LANES, workgroups, [
    ...lines,
    `let m = ${block} * ${ROWS}u;`,
    ...accumulators(ROWS),
    ...suffixes.flatMap((r) => [`let m${r} = min(m + ${r}u, ${c.m - 1}u);`, ...decodeRow(c, pooled, `m${r}`, r)]),
    `for (var tap = 0u; tap < ${c.kernelY * c.kernelX}u; tap++) {`,
    ...(always ? [] : [`  let p = i32(tap / ${c.kernelX}u);`, `  let q = i32(tap % ${c.kernelX}u);`]),
    ...indent(addresses.flatMap((address) => address.lines)),
    `  for (var k = 0u; k < ${channels}u; k += ${step}u) {`,
    ...indent(inner, 2),
    '  }',
    '}',
    ...stores,
  ]);
}

/** Range of result rows (or columns) whose tap lies inside the image. */
function insideRange(name: string, tap: string, stride: number, before: number, size: number, results: number): string[] {
  return [
    `let ${name}_first = (max(0, ${before} - ${tap}) + ${stride - 1}) / ${stride};`,
    `let ${name}_end = min(${results}, (max(0, ${size} + ${before} - ${tap}) + ${stride - 1}) / ${stride});`,
  ];
}

/** Weight gradients without barriers: channels of one tap, a loop over the images of one part and the pixels that the tap meets. */
export function emitWeightGradient(context: GroupContext, c: Contraction, parts: number, target: Place): Dispatch {
  const kernel = new KernelBuilder();
  const rows = [4, 3, 2].find((size) => c.inputs % size === 0) ?? 1;
  const [isVector, wide] = [rows === 4, c.n % COLUMNS === 0];
  const [x, dy] = [context.place(c.a), context.place(c.b)];
  const images = Math.ceil(c.batch / parts);
  const { workgroups, lines, block } = layInvocations(context, c.n, c.m / rows, parts);
  const inner = [
    `let start = u32((i32(image) * ${c.height} + y) * ${c.width} + j * ${c.strideX} + q - ${c.left}) * ${c.inputs}u + channel;`,
    `let at = u32((i32(image) * ${c.rows} + i) * ${c.columns} + j) * ${c.n}u;`,
    ...loadRun(kernel, dy, context.type(c.b).dtype, wide, 'w', (t) => `at + l${t}`, COLUMNS),
    ...loadRun(kernel, x, context.type(c.a).dtype, isVector, 'a', (r) => `start + ${r}u`, rows),
    ...multiplyAdd(
      rows,
      (r) => pick(isVector, 'a', r),
      (t) => pick(wide, 'w', t),
    ),
  ];
  const result = kernel.write(target, 'f32');
  const sums = each(rows * COLUMNS, (i) => `s${Math.floor(i / COLUMNS)}_${i % COLUMNS}`).join(', ');
  return kernel.finish(context.label([c.node.id]), LANES, workgroups, [
    ...lines,
    `let m = ${block} % ${c.m / rows}u * ${rows}u;`,
    `let part = ${block} / ${c.m / rows}u;`,
    ...accumulators(rows),
    `let tap = i32(m / ${c.inputs}u);`,
    `let channel = m % ${c.inputs}u;`,
    `let p = tap / ${c.kernelX};`,
    `let q = tap % ${c.kernelX};`,
    ...insideRange('i', 'p', c.strideY, c.top, c.height, c.rows),
    ...insideRange('j', 'q', c.strideX, c.left, c.width, c.columns),
    `for (var image = part * ${images}u; image < min(${c.batch}u, (part + 1u) * ${images}u); image++) {`,
    '  for (var i = i_first; i < i_end; i++) {',
    `    let y = i * ${c.strideY} + p - ${c.top};`,
    '    for (var j = j_first; j < j_end; j++) {',
    ...indent(inner, 3),
    '    }',
    '  }',
    '}',
    `var sums = array<f32, ${rows * COLUMNS}>(${sums});`,
    `for (var e = opaque; e < ${rows * COLUMNS}u; e++) {`,
    `  let n = first + e % ${COLUMNS}u;`,
    `  if (n < ${c.n}u) { ${result}[(part * ${c.m}u + m + e / ${COLUMNS}u) * ${c.n}u + n] = sums[e]; }`,
    '}',
  ]);
}
