import { GraphBuilder } from '../../src/ir/builder.js';
import type { Attrs, ComputeType, ValueId } from '../../src/ir/types.js';
import { COMPUTE_TYPES, elementCount } from '../../src/ir/types.js';
import { emit } from '../../src/ops/emit.js';
import type { OpName } from '../../src/ops/index.js';
import type { SampleRandom } from '../../src/ops/op.js';
import type { Plan } from '../../src/plan/plan.js';
import type { Executable, InputData } from '../../src/runtime/backend.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import { assertClose } from '../ops/compare.js';
import { namedRandom } from '../ops/random.js';
import { batchPlan, type GraphCase, runCase } from './batch.js';

export interface ContractionCase extends GraphCase {
  /** Shapes and format, for messages. */
  readonly title: string;
  /** Of the operands. */
  readonly dtype: ComputeType;
}

/** Most multiply-adds of one contraction, so that the reference takes milliseconds. */
const BUDGET = 2_500_000;

/** A graph whose states hold random numbers. `integers`: small ones, so that every sum is exact in f32, whatever its order. */
export class CaseBuilder {
  readonly builder = new GraphBuilder();
  readonly #states = new Map<string, Float32Array>();
  readonly #inputs: Record<string, InputData> = {};

  constructor(
    readonly random: SampleRandom,
    readonly dtype: ComputeType,
    readonly integers: boolean,
  ) {}

  /** A state in f32. */
  full(name: string, shape: readonly number[]): ValueId {
    const { random, integers } = this;
    const element = integers ? () => random.int(-2, 2) : () => random.real(-1, 1);
    this.#states.set(name, Float32Array.from({ length: elementCount(shape) }, element));
    const attrs = { name, role: 'parameter', init: 'constant', value: 0 };
    return this.builder.add({ op: 'state', attrs, type: { dtype: 'f32', shape } });
  }

  /** A state, rounded to the format of the case. */
  low(name: string, shape: readonly number[]): ValueId {
    const state = this.full(name, shape);
    return this.dtype === 'f32' ? state : emit(this.builder, 'cast', [state], { to: this.dtype }, { why: 'case' });
  }

  /** A state in f32 with the given elements, rounded to the format of the case. */
  given(name: string, shape: readonly number[], element: () => number): ValueId {
    const state = this.low(name, shape);
    this.#states.get(name)!.forEach((_, i, all) => {
      all[i] = element();
    });
    return state;
  }

  /** A number that a call is given. */
  step(value: number): ValueId {
    this.#inputs.step = Int32Array.of(value);
    return this.builder.add({ op: 'input', attrs: { name: 'step' }, type: { dtype: 'i32', shape: [] } });
  }

  /** One for each row; -1: none. */
  labels(values: readonly number[]): ValueId {
    this.#inputs.label = Int32Array.from(values);
    return this.builder.add({ op: 'input', attrs: { name: 'label' }, type: { dtype: 'i32', shape: [values.length] } });
  }

  /** Images of bytes up to 3, as the numbers that they are. */
  image(shape: readonly number[]): ValueId {
    this.#inputs.image = Uint8Array.from({ length: elementCount(shape) }, () => this.random.int(0, 3));
    const image = this.builder.add({ op: 'input', attrs: { name: 'image' }, type: { dtype: 'u8', shape } });
    const each = (value: number) => Array.from({ length: shape.at(-1)! }, () => value);
    return this.emit('normalize', [image], { mean: each(0), std: each(1 / 255) });
  }

  /** One of f32 and the format of the case. */
  anyFormat(): ComputeType {
    return this.random.pick(['f32', this.dtype]);
  }

  emit(op: OpName, inputs: readonly ValueId[], attrs: Attrs = {}, dtype: ComputeType = this.dtype): ValueId {
    return emit(this.builder, op, inputs, attrs, { dtype: op === 'max_pool2d_index' ? 'u8' : dtype });
  }

  shape(id: ValueId): readonly number[] {
    return this.builder.type(id).shape;
  }

  finish(title: string, outputs: Readonly<Record<string, ValueId>>): ContractionCase {
    return {
      title: `${title} ${this.dtype}`,
      dtype: this.dtype,
      graph: this.builder.finish('eval_step', outputs),
      inputs: this.#inputs,
      states: this.#states,
    };
  }
}

function channels(random: SampleRandom): number {
  const multiple = random.pick([true, true, false]);
  return multiple ? random.pick([16, 32, 48, 64, 96]) : random.pick([1, 2, 3, 5, 7, 10, 13, 17, 31, 33, 40, 65]);
}

function pair(pick: () => number): [number, number] {
  return [pick(), pick()];
}

export interface ConvolutionShape {
  readonly x: readonly [images: number, height: number, width: number, channels: number];
  readonly kernel: readonly [number, number];
  readonly out: number;
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number, number, number];
}

/** Rows and columns of the result. */
export function outputSize({ x, kernel, stride, padding }: ConvolutionShape): [rows: number, columns: number] {
  const along = (axis: 0 | 1) => Math.floor((x[axis + 1]! + padding[2 * axis]! + padding[2 * axis + 1]! - kernel[axis]) / stride[axis]) + 1;
  return [along(0), along(1)];
}

/** A convolution within the budget whose window fits its padded image. */
export function convolutionShape(random: SampleRandom): ConvolutionShape {
  for (;;) {
    const kernel = pair(() => random.int(1, 5));
    const stride = pair(() => random.pick([1, 1, 2, 3]));
    const [top, bottom, left, right] = [0, 0, 1, 1].map((axis) => random.int(0, kernel[axis]!)) as [number, number, number, number];
    const [height, width] = pair(() => random.int(1, 20));
    const [x, out] = [[random.int(1, 5), height, width, channels(random)] as const, channels(random)];
    const shape = { x, kernel, out, stride, padding: [top, bottom, left, right] } as const;
    const [rows, columns] = outputSize(shape);
    const work = x[0] * rows * columns * kernel[0] * kernel[1] * x[3] * out;
    if (rows > 0 && columns > 0 && work <= BUDGET) return shape;
  }
}

/** Names the shape in a message. */
export function describeConvolution({ x, kernel, out, stride, padding }: ConvolutionShape): string {
  return `${x.join('x')} ${kernel.join('x')} to ${out}, stride ${stride}, padding ${padding}`;
}

/** A convolution and its two gradients, on random integers. */
function convolutionOf(shape: ConvolutionShape, random: SampleRandom, dtype: ComputeType, name: string): ContractionCase {
  const b = new CaseBuilder(random, dtype, true);
  const { stride, padding, kernel, out } = shape;
  const [x, weight] = [b.low('x', shape.x), b.low('weight', [...kernel, shape.x[3], out])];
  const bias = random.pick([true, false]) ? [b.full('bias', [out])] : [];
  const y = b.emit('conv2d', [x, weight, ...bias], { stride, padding });
  const dy = b.low('dy', b.shape(y));
  const dx = b.emit('conv2d_input_grad', [dy, weight], { stride, padding, size: shape.x.slice(1, 3) }, b.anyFormat());
  const dweight = b.emit('conv2d_weight_grad', [x, dy], { stride, padding, kernel }, b.anyFormat());
  return b.finish(`conv2d ${describeConvolution(shape)}, ${name}`, { y, dx, dweight });
}

function convolutionCase(dtype: ComputeType, seed: number): ContractionCase {
  const random = namedRandom('convolution', seed);
  return convolutionOf(convolutionShape(random), random, dtype, `seed ${seed}`);
}

/** A convolution of images with an odd number of channels, most often, and its weight's gradient through a pool. */
function imageCase(dtype: ComputeType, seed: number): ContractionCase {
  const random = namedRandom('image', seed);
  const b = new CaseBuilder(random, dtype, true);
  const shape = convolutionShape(random);
  const { stride, padding, kernel, out } = { ...shape, stride: [1, 1] as const };
  const [images, height, width] = shape.x;
  const size = [images, height, width, random.pick([1, 3, 3, 5, 2])];
  const x = b.image(size);
  const y = b.emit('conv2d', [x, b.low('weight', [...kernel, size[3]!, out])], { stride, padding });
  const dweight = b.emit('conv2d_weight_grad', [x, b.low('dy', b.shape(y))], { stride, padding, kernel }, b.anyFormat());
  return b.finish(`images ${size.join('x')} ${kernel.join('x')} to ${out}, padding ${padding}, seed ${seed}`, { y, dweight });
}

/** The gradient of a convolution's weight through a pool that halves its result. */
function pooledGradientCase(dtype: ComputeType, seed: number): ContractionCase {
  const random = namedRandom('pooled gradient', seed);
  const b = new CaseBuilder(random, dtype, true);
  let shape = convolutionShape(random);
  while (outputSize(shape).some((size) => size % 2 === 1)) shape = convolutionShape(random);
  const { stride, padding, kernel, out } = shape;
  const pool = { window: [2, 2], stride: [2, 2], padding: [0, 0, 0, 0] };
  const [x, weight] = [b.low('x', shape.x), b.low('weight', [...kernel, shape.x[3], out])];
  const y = b.emit('conv2d', [x, weight], { stride, padding });
  const index = b.emit('max_pool2d_index', [y], pool);
  const dy = b.low('dy', b.shape(index));
  const placed = b.emit('max_pool2d_grad', [dy, index], { ...pool, size: outputSize(shape) });
  const which = random.pick(['dweight', 'dx', 'both']);
  const dweight = () => b.emit('conv2d_weight_grad', [x, placed], { stride, padding, kernel }, b.anyFormat());
  const dx = () => b.emit('conv2d_input_grad', [placed, weight], { stride, padding, size: shape.x.slice(1, 3) }, b.anyFormat());
  return b.finish(`pooled gradient of ${describeConvolution(shape)}, seed ${seed}`, {
    y,
    ...(which === 'dx' ? {} : { dweight: dweight() }),
    ...(which === 'dweight' ? {} : { dx: dx() }),
  });
}

/**
 * Convolutions that random shapes seldom are: no window meets the image; the result is one pixel; images too large to be staged together;
 * batches that do not divide.
 */
export function rareCases(formats: readonly ComputeType[]): ContractionCase[] {
  const missed = { x: [2, 1, 1, 16], kernel: [2, 2], out: 16, stride: [3, 3], padding: [2, 0, 2, 0] } as const;
  const point = { x: [3, 2, 2, 5], kernel: [3, 3], out: 6, stride: [2, 2], padding: [1, 1, 1, 1] } as const;
  const large = { x: [5, 20, 20, 96], kernel: [1, 1], out: 16, stride: [1, 1], padding: [0, 0, 0, 0] } as const;
  const uneven = { x: [33, 6, 6, 5], kernel: [2, 2], out: 7, stride: [1, 1], padding: [0, 0, 0, 0] } as const;
  const pairs = { ...uneven, x: [65, 6, 6, 16] } as const;
  const shapes = [missed, point, large, uneven, pairs];
  return shapes.flatMap((shape) => formats.map((dtype) => convolutionOf(shape, namedRandom('rare', 1), dtype, 'rare')));
}

type LinearShape = readonly [rows: number, inputs: number, outputs: number];

/** Linear layers of many rows, as those of sequences: some that a number from 32 to 128 divides, some that none does. */
export function longLinearCases(formats: readonly ComputeType[]): ContractionCase[] {
  const shapes: LinearShape[] = [
    [520, 32, 48],
    [257, 20, 40],
    [1031, 16, 17],
  ];
  return shapes.flatMap((shape, i) => formats.map((dtype) => linearOf(shape, namedRandom('long linear', i), dtype, 'long')));
}

/** Linear layers with few rows and many inputs: powers of two as people choose them, and rows that fill no vector. */
export function wideLinearCases(): ContractionCase[] {
  const shapes: LinearShape[] = [
    [64, 512, 32],
    [33, 96, 10],
    [5, 256, 7],
    [48, 128, 64],
    [1, 64, 130],
  ];
  return shapes.flatMap((shape, i) => COMPUTE_TYPES.map((dtype) => linearOf(shape, namedRandom('wide linear', i), dtype, 'wide')));
}

function linearCase(dtype: ComputeType, seed: number): ContractionCase {
  const random = namedRandom('linear', seed);
  const width = () => random.pick([random.int(1, 300), random.int(1, 20), channels(random)]);
  const rows = random.pick([random.int(1, 200), random.pick([1, 2, 3, 32, 64, 127, 128, 199])]);
  return linearOf([rows, width(), width()], random, dtype, `seed ${seed}`);
}

/** A linear layer and its two gradients, on random integers. */
function linearOf([rows, inputs, outputs]: LinearShape, random: SampleRandom, dtype: ComputeType, name: string): ContractionCase {
  const b = new CaseBuilder(random, dtype, true);
  const [x, weight] = [b.low('x', [rows, inputs]), b.low('weight', [inputs, outputs])];
  const bias = random.pick([true, false]) ? [b.full('bias', [outputs])] : [];
  const y = b.emit('linear', [x, weight, ...bias]);
  const dy = b.low('dy', b.shape(y));
  const dx = b.emit('linear_input_grad', [dy, weight], {}, b.anyFormat());
  const dweight = b.emit('linear_weight_grad', [x, dy], {}, b.anyFormat());
  return b.finish(`linear ${rows}x${inputs} to ${outputs}, ${name}`, { y, dx, dweight });
}

/** `count` convolutions, and half as many linear layers, convolutions of images, and gradients through pools; the formats take turns. */
export function contractionCases(firstSeed: number, count: number, formats: readonly ComputeType[] = COMPUTE_TYPES): ContractionCase[] {
  const format = (i: number) => formats[i % formats.length]!;
  return [
    ...Array.from({ length: count }, (_, i) => convolutionCase(format(i), firstSeed + i)),
    ...Array.from({ length: Math.ceil(count / 2) }, (_, i) => linearCase(format(i), firstSeed + i)),
    ...Array.from({ length: Math.ceil(count / 2) }, (_, i) => imageCase(format(i + 2), firstSeed + i)),
    ...Array.from({ length: Math.ceil(count / 2) }, (_, i) => pooledGradientCase(format(i + 2), firstSeed + i)),
  ];
}

/** Runs the cases in one plan: every element of every output is the reference's. */
export async function checkExactly(
  cases: readonly ContractionCase[],
  open: (plan: Plan) => Promise<Executable>,
  backend = 'cpu',
): Promise<void> {
  const executable = await open(batchPlan(cases, backend));
  try {
    for (const [index, { graph, inputs, states, title }] of cases.entries()) {
      const { values } = evaluateGraph(graph, inputs, states);
      await runCase(executable, cases[index]!, index, 'y');
      for (const [name, id] of Object.entries(graph.outputs))
        assertClose(await executable.readOutput(name), values.get(id)!, () => 0, `${title}: ${name}`);
    }
  } finally {
    await executable.dispose();
  }
}
