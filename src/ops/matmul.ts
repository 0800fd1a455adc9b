import type { Attrs, TensorType } from '../ir/types.js';
import { sameShape } from '../ir/types.js';
import { type ContractionDefinition, flopsOf, type GeometryRule, productGeometry } from './contraction-geometry.js';
import { constrain } from './op.js';
import { f32, sampleChannels } from './sample.js';
import { formatShape } from './window.js';

/** Which of the two factors is read with its last two axes exchanged. Both are never: (a^T b^T) is (b a)^T. */
type Transposed = 'a' | 'b' | undefined;

function transposedOf({ transposed }: Attrs): Transposed {
  const known = transposed === undefined || transposed === 'a' || transposed === 'b';
  constrain(known, 'matmul_c4', () => `transposed is ${String(transposed)}, not a or b`);
  return transposed;
}

function attrsOf(transposed: Transposed): Attrs {
  return transposed === undefined ? {} : { transposed };
}

/** Two factors, and how they are read. */
type Product = readonly [left: number, right: number, transposed: Transposed];

/** A matrix's rows and columns as the product reads them. */
function matrixOf({ shape }: TensorType, isTransposed: boolean): readonly [rows: number, columns: number] {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return isTransposed ? [columns, rows] : [rows, columns];
}

const geometry: GeometryRule = ([a, b], attrs, result) => {
  const batch = result.shape.slice(0, -2);
  switch (transposedOf(attrs)) {
    case undefined:
      return productGeometry({ computes: 'y', operands: ['x', 'w'] }, a!.shape, result.shape, batch);
    case 'b':
      return productGeometry({ computes: 'x', operands: ['y', 'w'] }, result.shape, a!.shape, batch);
    case 'a':
      return productGeometry({ computes: 'w', operands: ['x', 'y'] }, a!.shape, b!.shape, batch);
  }
};

/** y[...,i,j] = sum over k of a[...,i,k] * b[...,k,j]; with a factor transposed a[...,k,i] or b[...,j,k]. */
export const matmul: ContractionDefinition = {
  doc: 'Matrix products of a [..., m, k] and b [..., k, n], one for each element of the leading axes, accumulated in f32.',
  kind: 'contraction',
  matrixProduct: true,
  constraints: {
    matmul_c1: 'a and b have two axes or more',
    matmul_c2: 'a and b have the same leading axes',
    matmul_c3: 'b has as many rows as a has columns',
    matmul_c4: 'the one that is transposed is a or b',
  },
  operands: [
    { name: 'a', format: 'class' },
    { name: 'b', format: 'class' },
  ],
  attrs: {
    transposed: { kind: 'string', doc: 'a or b: the one whose last two axes are exchanged; neither where left out', optional: true },
  },
  precision: 'low',
  result: 'class',
  shape: ([a, b], attrs) => {
    const transposed = transposedOf(attrs);
    const flat = [a!, b!].find(({ shape }) => shape.length < 2);
    constrain(flat === undefined, 'matmul_c1', () => `${formatShape(flat!.shape)} is no matrix, nor several`);
    const [batch, other] = [a!.shape.slice(0, -2), b!.shape.slice(0, -2)];
    constrain(sameShape(batch, other), 'matmul_c2', () => `a has leading axes ${formatShape(batch)}, b ${formatShape(other)}`);
    const [rows, inner] = matrixOf(a!, transposed === 'a');
    const [terms, columns] = matrixOf(b!, transposed === 'b');
    constrain(inner === terms, 'matmul_c3', () => `a has ${inner} columns, b has ${terms} rows`);
    return [...batch, rows, columns];
  },
  gradient: ({ node, dy, needs, emit }) => {
    const [a, b] = node.inputs as [number, number];
    const rule: Readonly<Record<'none' | 'a' | 'b', readonly [a: Product, b: Product]>> = {
      none: [
        [dy, b, 'b'],
        [a, dy, 'a'],
      ],
      b: [
        [dy, b, undefined],
        [dy, a, 'a'],
      ],
      a: [
        [b, dy, 'b'],
        [a, dy, undefined],
      ],
    };
    return rule[transposedOf(node.attrs) ?? 'none'].map(([left, right, transposed], of) =>
      needs(of) ? emit('matmul', [left, right], attrsOf(transposed), of) : undefined,
    );
  },
  geometry,
  flops: flopsOf(geometry),
  sample: (random) => {
    const batch = random.pick([[], [random.int(1, 3)], [random.int(1, 3), random.int(1, 4)]]);
    const [m, k, n] = [random.int(1, 9), random.pick([1, 3, 8, 20, 33]), sampleChannels(random)];
    const transposed = random.pick([undefined, 'a', 'b'] as const);
    const a = transposed === 'a' ? f32(...batch, k, m) : f32(...batch, m, k);
    const b = transposed === 'b' ? f32(...batch, n, k) : f32(...batch, k, n);
    return { types: [a, b], attrs: attrsOf(transposed) };
  },
};
