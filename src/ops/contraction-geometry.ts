import type { Attrs, Shape, TensorType } from '../ir/types.js';
import { elementCount, numbersAttr, optionalNumberAttr } from '../ir/types.js';
import type { OpDefinition } from './op.js';
import { dilationOf } from './window.js';

/** Along rows and columns. */
export type Pair = readonly [rows: number, columns: number];

/**
 * The normal form of a contraction: one relation between three tensors, linear in each, and which of them is computed from the other two.
 *
 *     y[b, n, i, j, g, o] = sum over p, q, c of  x[b, n, u, v, g, c] * w[b, p, q, c, g, o]
 *     u = i * stride[0] + p * dilation[0] - padding[0]      v = j * stride[1] + q * dilation[1] - padding[2]
 *
 * | index | counts                           | up to     |
 * | b     | batch axes, all of them as one   | batch     |
 * | n     | images, or the rows of a matrix  | images    |
 * | u, v  | rows and columns of an image     | image     |
 * | i, j  | positions of the window          | positions |
 * | p, q  | rows and columns of the window   | window    |
 * | g     | groups of channels               | groups    |
 * | c     | channels of x in a group         | inputs    |
 * | o     | channels of y in a group         | outputs   |
 *
 * A term whose (u, v) lies outside the image is no term. `computes: 'y'` is the sum above. `x` and `w` are its
 * derivatives: each sums the product of the other two over the same terms,
 *
 *     x[b, n, u, v, g, c] = sum over i, j, p, q, o with that (u, v) of  y[b, n, i, j, g, o] * w[b, p, q, c, g, o]
 *     w[b, p, q, c, g, o] = sum over n, i, j of  x[b, n, u, v, g, c] * y[b, n, i, j, g, o]
 *
 * so a product with a transposed matrix is one of these as well. Where there is a bias, it is one number for each channel of the result, y
 * or x, and is added to the sum. In memory, row-major: x is [...batch, images, ...image, groups * inputs],
 * w [...batch, ...window, inputs, groups * outputs], y [...batch, images, ...positions, groups * outputs]; without spatial axes image,
 * window and positions are one by one, and no axes of the tensors.
 */
export interface ContractionGeometry {
  readonly computes: 'y' | 'x' | 'w';
  /** What each operand of the node is, in order. */
  readonly operands: readonly ContractionOperand[];
  /** How many axes images, window and positions have in memory. */
  readonly spatial: 0 | 2;
  readonly batch: Shape;
  readonly images: number;
  readonly image: Pair;
  readonly positions: Pair;
  readonly window: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  /** Zeros around an image: above, below, left, right. The window reaches no further. */
  readonly padding: readonly [number, number, number, number];
  readonly groups: number;
  readonly inputs: number;
  readonly outputs: number;
}

export type ContractionOperand = 'x' | 'w' | 'y' | 'bias';

/** The two tensors whose product is summed, by what is computed. */
export const FACTORS = { y: ['x', 'w'], x: ['y', 'w'], w: ['x', 'y'] } as const satisfies Readonly<
  Record<ContractionGeometry['computes'], readonly [ContractionOperand, ContractionOperand]>
>;

/** Of what is known of each operand of a node, in order: that of the named one; undefined where the node has none. */
export function operandOf<T>({ operands }: ContractionGeometry, each: readonly T[], name: ContractionOperand): T | undefined {
  const index = operands.indexOf(name);
  return index < 0 ? undefined : each[index];
}

/** The geometry of a node, from the types of its operands, its attributes and the type of its result. */
export type GeometryRule = (types: readonly TensorType[], attrs: Attrs, result: TensorType) => ContractionGeometry;

/** An op of kind `contraction`. */
export interface ContractionDefinition extends OpDefinition<'contraction'> {
  readonly geometry: GeometryRule;
}

type Tensors = Pick<ContractionGeometry, 'computes' | 'operands'>;

/**
 * Of images x [images, height, width, groups * inputs], a window, and y [images, rows, columns, groups * outputs]; attributes `stride`,
 * `padding` and, where they are not 1, `dilation` and `groups`.
 */
export function convolutionGeometry(tensors: Tensors, x: Shape, window: Shape, y: Shape, attrs: Attrs): ContractionGeometry {
  const [images, height, width, inputs] = x as [number, number, number, number];
  const [, rows, columns, outputs] = y as [number, number, number, number];
  const groups = groupsOf(attrs);
  return {
    ...tensors,
    spatial: 2,
    batch: [],
    images,
    image: [height, width],
    positions: [rows, columns],
    window: [window[0]!, window[1]!],
    stride: numbersAttr(attrs, 'stride') as [number, number],
    dilation: dilationOf(attrs),
    padding: numbersAttr(attrs, 'padding') as [number, number, number, number],
    groups,
    inputs: inputs / groups,
    outputs: outputs / groups,
  };
}

/** Groups of channels; 1 where nothing is said. */
export function groupsOf(attrs: Attrs): number {
  return optionalNumberAttr(attrs, 'groups', 1);
}

/** Of matrices x [...batch, ...rows, inputs] and y [...batch, ...rows, outputs]; all leading axes that are not of the batch are rows. */
export function productGeometry(tensors: Tensors, x: Shape, y: Shape, batch: Shape = []): ContractionGeometry {
  const one = [1, 1] as const;
  return {
    ...tensors,
    spatial: 0,
    batch,
    images: elementCount(x.slice(batch.length, -1)),
    image: one,
    positions: one,
    window: one,
    stride: one,
    dilation: one,
    padding: [0, 0, 0, 0],
    groups: 1,
    inputs: x.at(-1)!,
    outputs: y.at(-1)!,
  };
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}

/** The most terms that one element's sum has, its bias aside. */
export function mostTerms({ computes, images, positions, window, stride, dilation, inputs, outputs }: ContractionGeometry): number {
  if (computes === 'y') return elementCount(window) * inputs;
  if (computes === 'w') return images * elementCount(positions);
  /** Taps that can meet one pixel: those that lie a multiple of the stride apart. */
  const taps = ([0, 1] as const).map((axis) => Math.ceil((window[axis] * commonDivisor(stride[axis], dilation[axis])) / stride[axis]));
  return elementCount(taps) * outputs;
}

/** Floating-point operations: a multiplication and an addition for each term, those outside the image included. */
export function flopsOf(rule: GeometryRule): NonNullable<OpDefinition['flops']> {
  return (types, attrs, result) => {
    const { batch, images, positions, window, groups, inputs, outputs } = rule(types, attrs, result);
    return 2 * elementCount([...batch, images, ...positions, ...window, groups, inputs, outputs]);
  };
}
