import type { ComputeType } from '../../src/ir/types.js';
import { COMPUTE_TYPES, elementCount } from '../../src/ir/types.js';
import type { SampleRandom } from '../../src/ops/op.js';
import { namedRandom } from '../ops/random.js';
import { CaseBuilder, type ContractionCase } from './contraction-cases.js';

type Pair = readonly [rows: number, columns: number];

/** A convolution whose channels are in groups, or whose window has gaps between its taps. */
interface GeneralShape {
  readonly x: readonly [images: number, height: number, width: number, channels: number];
  readonly kernel: Pair;
  readonly out: number;
  readonly stride: Pair;
  readonly dilation: Pair;
  readonly padding: readonly [number, number, number, number];
  readonly groups: number;
}

/** Most multiply-adds of one contraction, so that the reference takes milliseconds. */
const BUDGET = 1_500_000;

function outputSize({ x, kernel, stride, padding, dilation }: GeneralShape): Pair {
  const along = (axis: 0 | 1) => {
    const reach = (kernel[axis] - 1) * dilation[axis] + 1;
    return Math.floor((x[axis + 1]! + padding[2 * axis]! + padding[2 * axis + 1]! - reach) / stride[axis]) + 1;
  };
  return [along(0), along(1)];
}

/** Channels of one group of the image and of the result, and groups: each by itself, a few together, or many of one channel. */
function channelsOf(random: SampleRandom): { inputs: number; outputs: number; groups: number } {
  const groups = random.pick([1, 2, 3, 8]);
  const alike = random.pick([2, 4, 8, 16]);
  return random.pick([
    { inputs: random.pick([1, 3, 5, 16, 33]), outputs: random.pick([1, 2, 7, 16, 20]), groups },
    { inputs: alike, outputs: alike, groups: random.pick([3, 4, 8]) },
    { inputs: 1, outputs: 1, groups: random.pick([1, 5, 16, 32, 37, 72]) },
    { inputs: 1, outputs: random.pick([2, 3, 4]), groups: random.pick([3, 8, 16]) },
  ]);
}

function generalShape(random: SampleRandom): GeneralShape {
  const pair = (pick: () => number): Pair => [pick(), pick()];
  for (;;) {
    const square = random.pick([3, 3, 5, 7, 9]);
    const kernel = random.pick([pair(() => square), pair(() => random.int(1, 5))]);
    const [stride, dilation] = [pair(() => random.pick([1, 1, 2, 3])), random.pick([[1, 1] as const, pair(() => random.int(1, 3))])];
    const [top, bottom, left, right] = [0, 0, 1, 1].map((axis) => random.int(0, kernel[axis]! * dilation[axis]!));
    const { inputs, outputs, groups } = channelsOf(random);
    const x = [random.int(1, 5), random.int(1, 20), random.int(1, 20), groups * inputs] as const;
    const padding = [top!, bottom!, left!, right!] as const;
    const shape = { x, kernel, out: groups * outputs, stride, dilation, padding, groups };
    const [rows, columns] = outputSize(shape);
    if (rows < 1 || columns < 1) continue;
    if (elementCount([x[0], rows, columns, ...kernel, inputs, shape.out]) <= BUDGET) return shape;
  }
}

/** Such a convolution and its two gradients, on random integers. */
function convolutionCase(shape: GeneralShape, random: SampleRandom, dtype: ComputeType, name: string): ContractionCase {
  const {
    x: [images, height, width, channels],
    kernel,
    out,
    stride,
    padding,
    dilation,
    groups,
  } = shape;
  const b = new CaseBuilder(random, dtype, true);
  const attrs = { stride, padding, dilation, groups };
  const [x, weight] = [b.low('x', shape.x), b.low('weight', [...kernel, channels / groups, out])];
  const bias = random.pick([true, false]) ? [b.full('bias', [out])] : [];
  const y = b.emit('conv2d', [x, weight, ...bias], attrs);
  const dy = b.low('dy', b.shape(y));
  const dx = b.emit('conv2d_input_grad', [dy, weight], { ...attrs, size: [height, width] }, b.anyFormat());
  const dweight = b.emit('conv2d_weight_grad', [x, dy], { ...attrs, kernel }, b.anyFormat());
  const title = `conv2d ${images}x${height}x${width}x${channels} ${kernel.join('x')} to ${out} in ${groups} groups`;
  return b.finish(`${title}, stride ${stride}, dilation ${dilation}, padding ${padding}, ${name}`, { y: relu(b, y), dx, dweight });
}

/** What a network has behind a convolution, most often. */
function relu(b: CaseBuilder, y: number): number {
  return b.emit('relu', [y]);
}

/** A product of matrices and its two gradients: all three forms of the product, with batch axes or without. */
function productCase(random: SampleRandom, dtype: ComputeType, seed: number): ContractionCase {
  const b = new CaseBuilder(random, dtype, true);
  const batch = random.pick([[], [random.int(1, 9)], [random.int(1, 3), random.int(1, 4)]]);
  const size = () => random.pick([random.int(1, 20), random.pick([1, 16, 17, 32, 64, 65]), random.int(1, 150)]);
  const [m, k, n] = [size(), size(), size()];
  const [left, right, dy] = [b.low('left', [...batch, m, k]), b.low('right', [...batch, k, n]), b.low('dy', [...batch, m, n])];
  const y = b.emit('scale', [b.emit('matmul', [left, right])], { factor: 0.5 });
  const dleft = b.emit('matmul', [dy, right], { transposed: 'b' });
  const dright = b.emit('matmul', [left, dy], { transposed: 'a' });
  return b.finish(`matmul [${batch}] ${m}x${k}x${n}, seed ${seed}`, { y, dleft, dright });
}

/** Convolutions in groups or with gaps, and a third as many products of matrices; the formats take turns. */
export function generalCases(firstSeed: number, count: number, formats: readonly ComputeType[] = COMPUTE_TYPES): ContractionCase[] {
  const format = (i: number) => formats[i % formats.length]!;
  const seeds = Array.from({ length: count }, (_, i) => firstSeed + i);
  // Groups whose results are more than a vector, so that they are packed by themselves.
  const wide = { x: [2, 9, 9, 40], kernel: [3, 3], out: 80, stride: [1, 1], dilation: [1, 1], padding: [1, 1, 1, 1], groups: 2 } as const;
  return [
    ...formats.map((dtype) => convolutionCase(wide, namedRandom('wide groups', firstSeed), dtype, 'wide groups')),
    ...seeds.map((seed, i) => {
      const random = namedRandom('general convolution', seed);
      return convolutionCase(generalShape(random), random, format(i), `seed ${seed}`);
    }),
    ...seeds.slice(0, Math.ceil(count / 3)).map((seed, i) => productCase(namedRandom('matmul', seed), format(i + 1), seed)),
  ];
}
