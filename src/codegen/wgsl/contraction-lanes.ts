import type { ValueId } from '../../ir/types.js';
import { channelsPerTap, type Contraction, decodeRow, tapAddress } from './contraction-geometry.js';
import { emitFinish, fusedPool } from './contraction-finish.js';
import type { GroupContext } from './context.js';
import { type Dispatch, indent, KernelBuilder, spread } from './kernel.js';
import type { Place } from './layout.js';
import { loadExpression } from './literal.js';

/** One invocation's block of the result: `rows` x `columns` accumulators; neighbouring invocations have neighbouring columns. */
export interface LaneBlock {
  readonly rows: number;
  readonly columns: number;
  readonly lanes: number;
}

const grid = <T>(rows: number, columns: number, make: (r: number, t: number) => T): T[] =>
  Array.from({ length: rows * columns }, (_, i) => make(Math.floor(i / columns), i % columns));

function chooseBlock(n: number, rows: number, least: number): LaneBlock {
  const columns = n >= 32 ? 2 : 1;
  const lanes = Math.min(32, Math.ceil(n / columns / least) * least);
  return { rows, columns, lanes };
}

/** Column indices of an invocation, clamped for loads, and the accumulators. */
function prologue({ columns, lanes, rows }: LaneBlock, n: number): string[] {
  return [
    ...Array.from({ length: columns }, (_, t) => `let n${t} = first + lid + ${t * lanes}u;`),
    ...Array.from({ length: columns }, (_, t) => `let l${t} = min(n${t}, ${n - 1}u);`),
    ...grid(rows, columns, (r, t) => `var s${r}_${t} = 0.0f;`),
  ];
}

const unroll = (channels: number) => [8, 4, 2].find((step) => channels % step === 0) ?? 1;

/** conv2d, linear and their input gradients without barriers: all invocations of a workgroup have the same rows, so `a` is read once for all. */
export function emitPositions(context: GroupContext, c: Contraction, nodes: readonly ValueId[]): Dispatch {
  const kernel = new KernelBuilder();
  const pooled = fusedPool(context, nodes) !== undefined;
  const block = chooseBlock(c.n, 4, 8);
  const { rows, columns, lanes } = block;
  const channels = channelsPerTap(c);
  const [a, b] = [context.place(c.a), context.place(c.b)];
  const [aType, bType] = [context.type(c.a).dtype, context.type(c.b).dtype];
  const finish = emitFinish(context, kernel, c, nodes);
  const suffixes = Array.from({ length: rows }, (_, r) => String(r));
  const addresses = suffixes.map((r) => tapAddress(c, r));
  const always = addresses[0]!.always;
  const step = unroll(channels);
  const weight = (t: number, k: string) =>
    c.kind === 'input_grad' ? `(tap * ${c.n}u + l${t}) * ${channels}u + ${k}` : `(tap * ${channels}u + ${k}) * ${c.n}u + l${t}`;
  const inner: string[] = [];
  for (let u = 0; u < step; u += 1) {
    const k = u === 0 ? 'k' : `k + ${u}u`;
    inner.push(
      ...Array.from({ length: columns }, (_, t) => `let w${u}_${t} = ${loadExpression(kernel, b, bType, weight(t, `(${k})`))};`),
      ...suffixes.map((r) => {
        const load = loadExpression(kernel, a, aType, `start${r} + ${k}`);
        return `let a${u}_${r} = ${always ? load : `select(0.0f, ${load}, ok${r})`};`;
      }),
      ...grid(rows, columns, (r, t) => `s${r}_${t} = fma(a${u}_${r}, w${u}_${t}, s${r}_${t});`),
    );
  }
  const columnBlocks = Math.ceil(c.n / (columns * lanes));
  const { workgroups, index } = spread(Math.ceil(c.m / rows) * columnBlocks, context.target.limits);
  const body = [
    `let block = ${index};`,
    `let m = block / ${columnBlocks}u * ${rows}u;`,
    `if (m >= ${c.m}u) { return; }`,
    `let first = block % ${columnBlocks}u * ${columns * lanes}u;`,
    ...prologue(block, c.n),
    ...suffixes.flatMap((r) => [`let m${r} = min(m + ${r}u, ${c.m - 1}u);`, ...decodeRow(c, pooled, `m${r}`, r)]),
    `for (var tap = 0u; tap < ${c.kernelY * c.kernelX}u; tap++) {`,
    ...(always ? [] : [`  let p = i32(tap / ${c.kernelX}u);`, `  let q = i32(tap % ${c.kernelX}u);`]),
    ...indent(addresses.flatMap(({ lines }) => lines)),
    `  for (var k = 0u; k < ${channels}u; k += ${step}u) {`,
    ...indent(inner, 2),
    '  }',
    '}',
    ...Array.from({ length: columns }, (_, t) => [
      `if (n${t} < ${c.n}u) {`,
      ...indent(finish('m', `n${t}`, suffixes.map((r) => `s${r}_${t}`), `${c.m}u`)),
      '}',
    ]).flat(),
  ];
  return kernel.finish(context.label(nodes), lanes, workgroups, body);
}

/** Range of result rows (or columns) whose tap lies inside the image. */
function insideRange(name: string, tap: string, stride: number, before: number, size: number, results: number): string[] {
  return [
    `let ${name}_first = (max(0, ${before} - ${tap}) + ${stride - 1}) / ${stride};`,
    `let ${name}_end = min(${results}, (max(0, ${size} + ${before} - ${tap}) + ${stride - 1}) / ${stride});`,
  ];
}

/** Weight gradients without barriers: rows of one tap, a loop over the images of one part and the pixels that the tap meets. */
export function emitWeightGradient(context: GroupContext, c: Contraction, parts: number, target: Place): Dispatch {
  const kernel = new KernelBuilder();
  const rows = [4, 3, 2].find((size) => c.inputs % size === 0) ?? 1;
  const block = chooseBlock(c.n, rows, 8);
  const { columns, lanes } = block;
  const [x, dy] = [context.place(c.a), context.place(c.b)];
  const [xType, dyType] = [context.type(c.a).dtype, context.type(c.b).dtype];
  const images = Math.ceil(c.batch / parts);
  const result = kernel.write(target, 'f32');
  const columnBlocks = Math.ceil(c.n / (columns * lanes));
  const { workgroups, index } = spread((c.m / rows) * columnBlocks * parts, context.target.limits);
  const body = [
    `let block = ${index};`,
    `let part = block / ${(c.m / rows) * columnBlocks}u;`,
    `if (part >= ${parts}u) { return; }`,
    `let m = block / ${columnBlocks}u % ${c.m / rows}u * ${rows}u;`,
    `let first = block % ${columnBlocks}u * ${columns * lanes}u;`,
    ...prologue(block, c.n),
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
    `      let start = u32((i32(image) * ${c.height} + y) * ${c.width} + j * ${c.strideX} + q - ${c.left}) * ${c.inputs}u + channel;`,
    `      let at = u32((i32(image) * ${c.rows} + i) * ${c.columns} + j) * ${c.n}u;`,
    ...Array.from({ length: columns }, (_, t) => `      let w${t} = ${loadExpression(kernel, dy, dyType, `at + l${t}`)};`),
    ...Array.from({ length: rows }, (_, r) => `      let a${r} = ${loadExpression(kernel, x, xType, `start + ${r}u`)};`),
    ...grid(rows, columns, (r, t) => `      s${r}_${t} = fma(a${r}, w${t}, s${r}_${t});`),
    '    }',
    '  }',
    '}',
    ...Array.from({ length: columns }, (_, t) => [
      `if (n${t} < ${c.n}u) {`,
      ...Array.from({ length: rows }, (__, r) => `  ${result}[(part * ${c.m}u + m + ${r}u) * ${c.n}u + n${t}] = s${r}_${t};`),
      '}',
    ]).flat(),
  ];
  return kernel.finish(context.label(context.group.nodes), lanes, workgroups, body);
}
