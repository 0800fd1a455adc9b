import type { Node, ValueId } from '../../ir/types.js';
import { numbersAttr } from '../../ir/types.js';
import type { OpOfKind } from '../../ops/index.js';
import type { GroupContext } from './context.js';

/**
 * A contraction as a matrix product: result[m, n] = sum over k of a[m, k] * b[k, n]. For conv2d, m is a pixel of the result and k a tap of the
 * window and a channel; the gradients differ in what m, n and k stand for. A linear layer is a convolution of images of one pixel.
 */
export interface Contraction {
  readonly node: Node;
  readonly kind: 'forward' | 'input_grad' | 'weight_grad';
  readonly a: ValueId;
  readonly b: ValueId;
  readonly bias: ValueId | undefined;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch: number;
  /** The image, and the forward result. */
  readonly height: number;
  readonly width: number;
  readonly inputs: number;
  readonly rows: number;
  readonly columns: number;
  readonly outputs: number;
  readonly kernelY: number;
  readonly kernelX: number;
  readonly strideY: number;
  readonly strideX: number;
  readonly top: number;
  readonly left: number;
}

type Four = readonly [number, number, number, number];

const asImage = (shape: readonly number[]): Four => (shape.length === 2 ? [shape[0]!, 1, 1, shape[1]!] : (shape as unknown as Four));
const asWindow = (shape: readonly number[]): Four => (shape.length === 2 ? [1, 1, shape[0]!, shape[1]!] : (shape as unknown as Four));

const KINDS: Readonly<Record<OpOfKind<'contraction'>, Contraction['kind']>> = {
  conv2d: 'forward',
  linear: 'forward',
  conv2d_input_grad: 'input_grad',
  linear_input_grad: 'input_grad',
  conv2d_weight_grad: 'weight_grad',
  linear_weight_grad: 'weight_grad',
};

export function contractionOf(context: GroupContext, id: ValueId): Contraction {
  const node = context.node(id);
  const kind = KINDS[node.op as OpOfKind<'contraction'>];
  const [first, second] = node.inputs.map((input) => context.type(input).shape) as [readonly number[], readonly number[]];
  const own = node.type.shape;
  const [x, w, y] = kind === 'forward' ? [first, second, own] : kind === 'input_grad' ? [own, second, first] : [first, own, second];
  const [batch, height, width, inputs] = asImage(x);
  const [kernelY, kernelX] = asWindow(w);
  const [, rows, columns, outputs] = asImage(y);
  const linear = node.op.startsWith('linear');
  const [strideY, strideX] = linear ? [1, 1] : (numbersAttr(node.attrs, 'stride') as [number, number]);
  const [top, , left] = linear ? [0, 0, 0] : (numbersAttr(node.attrs, 'padding') as [number, number, number, number]);
  const taps = kernelY * kernelX;
  const [m, n, k] =
    kind === 'forward'
      ? [batch * rows * columns, outputs, taps * inputs]
      : kind === 'input_grad'
        ? [batch * height * width, inputs, taps * outputs]
        : [taps * inputs, outputs, batch * rows * columns];
  const [a, b, bias] = node.inputs as [ValueId, ValueId, ValueId?];
  return {
    node,
    kind,
    a,
    b,
    bias,
    m,
    n,
    k,
    batch,
    height,
    width,
    inputs,
    rows,
    columns,
    outputs,
    kernelY,
    kernelX,
    strideY,
    strideX,
    top,
    left,
  };
}

/** Channels that a tap contributes to the sum. */
export function channelsPerTap({ kind, inputs, outputs }: Contraction): number {
  return kind === 'input_grad' ? outputs : inputs;
}

/** Height and width of what `m` counts: pixels of the result. */
export function resultImage({ kind, height, width, rows, columns }: Contraction): readonly [number, number] {
  return kind === 'input_grad' ? [height, width] : [rows, columns];
}

/**
 * Statements that turn row `m` into its batch and the image coordinates that its window starts from (i32). With `pooled`, four consecutive rows
 * are one 2x2 window of the result.
 */
export function decodeRow(c: Contraction, pooled: boolean, m: string, suffix: string): string[] {
  const [height, width] = resultImage(c);
  const [top, left] = c.kind === 'input_grad' ? [c.top, c.left] : [-c.top, -c.left];
  if (height * width === 1) return [`let batch${suffix} = ${m};`, `let y${suffix} = ${top};`, `let x${suffix} = ${left};`];
  const stride = (name: string, step: number) => (c.kind === 'input_grad' ? name : `${name} * ${step}`);
  const pixel = pooled
    ? [
        `let window${suffix} = ${m} / 4u;`,
        `let batch${suffix} = window${suffix} / ${(height * width) / 4}u;`,
        `let row${suffix} = i32(window${suffix} / ${width / 2}u % ${height / 2}u * 2u + ${m} % 4u / 2u);`,
        `let column${suffix} = i32(window${suffix} % ${width / 2}u * 2u + ${m} % 2u);`,
      ]
    : [
        `let batch${suffix} = ${m} / ${height * width}u;`,
        `let row${suffix} = i32(${m} / ${width}u % ${height}u);`,
        `let column${suffix} = i32(${m} % ${width}u);`,
      ];
  return [
    ...pixel,
    `let y${suffix} = ${stride(`row${suffix}`, c.strideY)} + ${top};`,
    `let x${suffix} = ${stride(`column${suffix}`, c.strideX)} + ${left};`,
  ];
}

/** For a row as decoded and a tap (i32 variables p and q): whether it meets an element of `a`, and the index of its first channel there. */
export function tapAddress(c: Contraction, suffix: string): { readonly lines: readonly string[]; readonly always: boolean } {
  const channels = channelsPerTap(c);
  const [height, width] = c.kind === 'input_grad' ? [c.rows, c.columns] : [c.height, c.width];
  const index = (y: string, x: string) => `u32((i32(batch${suffix}) * ${height} + ${y}) * ${width} + ${x}) * ${channels}u`;
  const always =
    c.kernelY * c.kernelX === 1 &&
    c.strideY * c.strideX === 1 &&
    c.top + c.left === 0 &&
    height === resultImage(c)[0] &&
    width === resultImage(c)[1];
  if (always) return { always, lines: [`let start${suffix} = ${index(`y${suffix}`, `x${suffix}`)};`] };
  const sign = c.kind === 'input_grad' ? '-' : '+';
  const moved = [`let py${suffix} = y${suffix} ${sign} p;`, `let px${suffix} = x${suffix} ${sign} q;`];
  const strided = c.kind === 'input_grad' && c.strideY * c.strideX > 1;
  const place = strided ? [`let ty${suffix} = py${suffix} / ${c.strideY};`, `let tx${suffix} = px${suffix} / ${c.strideX};`] : [];
  const [ty, tx] = strided ? [`ty${suffix}`, `tx${suffix}`] : [`py${suffix}`, `px${suffix}`];
  const meets = [
    `py${suffix} >= 0`,
    `px${suffix} >= 0`,
    `${ty} < ${height}`,
    `${tx} < ${width}`,
    ...(strided ? [`py${suffix} % ${c.strideY} == 0`, `px${suffix} % ${c.strideX} == 0`] : []),
  ];
  return {
    always,
    lines: [
      ...moved,
      ...place,
      `let ok${suffix} = ${meets.join(' && ')};`,
      `let start${suffix} = select(0u, ${index(ty, tx)}, ok${suffix});`,
    ],
  };
}
