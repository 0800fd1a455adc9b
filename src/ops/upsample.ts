import type { Attrs } from '../ir/types.js';
import { numbersAttr } from '../ir/types.js';
import { elements, isImage } from './constraints.js';
import { along, type CopyDefinition, copyOf } from './copy-map.js';
import { constrain, type OpDefinition, type SampleRandom } from './op.js';
import { f32, sampleImage } from './sample.js';
import type { TapsDefinition } from './taps.js';
import { formatShape } from './window.js';

const FACTOR = { factor: { kind: 'numbers', doc: 'how many rows and columns each one becomes' } } as const satisfies OpDefinition['attrs'];

type Names = 'upsample_nearest' | 'upsample_bilinear';

function factorOf(label: string, attrs: Attrs): readonly [number, number] {
  const factor = numbersAttr(attrs, 'factor');
  const fits = factor.length === 2 && factor.every((size) => Number.isInteger(size) && size >= 1 && size <= MOST);
  constrain(fits, label, () => `${formatShape(factor)} are not two whole numbers from 1 to ${MOST}`);
  return factor as readonly [number, number];
}

/** Larger factors make images that nothing holds. */
const MOST = 64;

function sampleFactor(random: SampleRandom): readonly number[] {
  return [random.int(1, 3), random.int(1, 4)];
}

/** What the two ways of upsampling have in common. */
function larger(
  name: Names,
): Pick<OpDefinition, 'constraints' | 'operands' | 'attrs' | 'precision' | 'result' | 'shape' | 'gradient' | 'sample'> {
  return {
    constraints: {
      [`${name}_c1`]: 'x is an image [batch, height, width, channels]',
      [`${name}_c2`]: 'the factors are whole numbers',
    },
    operands: [{ name: 'x', format: 'class' }],
    attrs: FACTOR,
    precision: 'full',
    result: 'class',
    shape: ([x], attrs) => {
      isImage(`${name}_c1`, 'the input', x);
      const [rows, columns] = factorOf(`${name}_c2`, attrs);
      const [batch, height, width, channels] = x.shape;
      return [batch, height * rows, width * columns, channels];
    },
    gradient: ({ node, dy, emit }) => [emit(`${name}_grad`, [dy], node.attrs, 0)],
    sample: (random) => ({ types: [f32(...sampleImage(random))], attrs: { factor: sampleFactor(random) } }),
  };
}

/** What their gradients have in common. */
function smaller(name: Names): Omit<OpDefinition<'pool'>, 'doc'> {
  const label = `${name}_grad`;
  return {
    kind: 'pool',
    gradientOf: { op: name, operand: 'x' },
    constraints: {
      [`${label}_c1`]: 'dy is an image [batch, height, width, channels]',
      [`${label}_c2`]: 'the factors are whole numbers that divide its rows and columns',
    },
    operands: [{ name: 'dy', format: 'class' }],
    attrs: FACTOR,
    precision: 'full',
    result: 'class',
    shape: ([dy], attrs) => {
      isImage(`${label}_c1`, 'dy', dy);
      const [rows, columns] = factorOf(`${label}_c2`, attrs);
      const [batch, height, width, channels] = dy.shape;
      const divides = height % rows === 0 && width % columns === 0;
      constrain(divides, `${label}_c2`, () => `${formatShape([rows, columns])} do not divide ${formatShape(dy.shape)}`);
      return [batch, height / rows, width / columns, channels];
    },
    gradient: 'none',
    flops: ([dy]) => elements(dy),
    sample: (random) => {
      const [batch, height, width, channels] = sampleImage(random);
      const factor = sampleFactor(random);
      return { types: [f32(batch, height * factor[0], width * factor[1], channels)], attrs: { factor } };
    },
  };
}

/** y[n,i,j,c] = x[n, floor(i / rows), floor(j / columns), c]. */
export const upsampleNearest: CopyDefinition = {
  ...larger('upsample_nearest'),
  doc: 'Each pixel of an image as a block of equal pixels.',
  kind: 'copy',
  flops: () => 0,
  map: ([x], attrs, shape) => {
    const [rows, columns] = numbersAttr(attrs, 'factor');
    const divide = [1, rows, columns, 1];
    return copyOf(
      shape,
      x.shape.map((size, axis) => ({ ...along(axis, size), divide: divide[axis] })),
    );
  },
};

/** dx[n,i,j,c] = sum of dy over the block of the pixel. */
export const upsampleNearestGrad: TapsDefinition = {
  ...smaller('upsample_nearest'),
  doc: 'Gradient of upsample_nearest: the sum over the block of each pixel.',
  taps: ([dy], attrs) => {
    const [rows, columns] = numbersAttr(attrs, 'factor');
    const [, height, width] = dy.shape;
    return [
      { kind: 'block', factor: rows, size: height / rows },
      { kind: 'block', factor: columns, size: width / columns },
    ];
  },
};

/**
 * y[n,i,j,c] = sum over (h,w) of tent(s(i) - h) * tent(t(j) - w) * x[n,h,w,c], with tent(d) = max(0, 1 - |d|) and
 * s(i) = (i + 1/2) / rows - 1/2 kept within 0..height - 1, t(j) likewise: PyTorch's `bilinear` with align_corners false.
 */
export const upsampleBilinear: TapsDefinition = {
  ...larger('upsample_bilinear'),
  doc: 'An image with more pixels, linear between the middles of the old ones.',
  kind: 'pool',
  flops: (_types, _attrs, result) => 8 * elements(result),
  taps: ([x], attrs) => {
    const [rows, columns] = numbersAttr(attrs, 'factor');
    const [, height, width] = x.shape;
    return [
      { kind: 'resample', factor: rows, size: height, back: false },
      { kind: 'resample', factor: columns, size: width, back: false },
    ];
  },
};

/** The transposed sum of upsample_bilinear: each dy goes to the pixels that its y lies between, by the same weights. */
export const upsampleBilinearGrad: TapsDefinition = {
  ...smaller('upsample_bilinear'),
  doc: 'Gradient of upsample_bilinear: each dy goes to the pixels that its place lies between, by the same weights.',
  taps: ([dy], attrs) => {
    const [rows, columns] = numbersAttr(attrs, 'factor');
    const [, height, width] = dy.shape;
    return [
      { kind: 'resample', factor: rows, size: height / rows, back: true },
      { kind: 'resample', factor: columns, size: width / columns, back: true },
    ];
  },
};
