import { GraphBuilder } from '../../src/ir/builder.js';
import type { Attrs, FloatType, ValueId } from '../../src/ir/types.js';
import { elementCount } from '../../src/ir/types.js';
import { emit } from '../../src/ops/emit.js';
import type { SampleRandom } from '../../src/ops/op.js';
import { namedRandom } from '../ops/random.js';
import type { GraphCase } from './batch.js';

export interface ContractionCase extends GraphCase {
  /** Shapes and format, for messages. */
  readonly title: string;
}

/** Most multiply-adds of one contraction, so that the reference takes milliseconds. */
const BUDGET = 2_500_000;

/** A graph whose states hold random numbers. `integers`: small ones, so that every sum is exact in f32, whatever its order. */
export class CaseBuilder {
  readonly builder = new GraphBuilder();
  readonly #states = new Map<string, Float32Array>();

  constructor(
    readonly random: SampleRandom,
    readonly dtype: FloatType,
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

  /** One of f32 and the format of the case. */
  anyFormat(): FloatType {
    return this.random.pick(['f32', this.dtype]);
  }

  emit(op: string, inputs: readonly ValueId[], attrs: Attrs = {}, dtype: FloatType = this.dtype): ValueId {
    return emit(this.builder, op, inputs, attrs, { dtype });
  }

  shape(id: ValueId): readonly number[] {
    return this.builder.type(id).shape;
  }

  finish(title: string, outputs: Readonly<Record<string, ValueId>>): ContractionCase {
    return { title: `${title} ${this.dtype}`, graph: this.builder.finish('eval_step', outputs), inputs: {}, states: this.#states };
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

/** A convolution within the budget whose window fits its padded image. */
export function convolutionShape(random: SampleRandom): ConvolutionShape {
  for (;;) {
    const kernel = pair(() => random.int(1, 5));
    const stride = pair(() => random.pick([1, 1, 2, 3]));
    const [top, bottom, left, right] = [0, 0, 1, 1].map((axis) => random.int(0, kernel[axis]!)) as [number, number, number, number];
    const [height, width] = pair(() => random.int(1, 20));
    const x = [random.int(1, 5), height, width, channels(random)] as const;
    const out = channels(random);
    if (height + top + bottom < kernel[0] || width + left + right < kernel[1]) continue;
    const positions =
      x[0] * (Math.floor((height + top + bottom - kernel[0]) / stride[0]) + 1) * (Math.floor((width + left + right - kernel[1]) / stride[1]) + 1);
    if (positions * kernel[0] * kernel[1] * x[3] * out <= BUDGET) return { x, kernel, out, stride, padding: [top, bottom, left, right] };
  }
}

/** A random convolution and its two gradients, on integers. */
export function convolutionCase(dtype: FloatType, seed: number): ContractionCase {
  const random = namedRandom('convolution', seed);
  const b = new CaseBuilder(random, dtype, true);
  const { x: shape, kernel, out, stride, padding } = convolutionShape(random);
  const attrs = { stride, padding };
  const [x, weight] = [b.low('x', shape), b.low('weight', [...kernel, shape[3], out])];
  const bias = random.pick([true, false]) ? [b.full('bias', [out])] : [];
  const y = b.emit('conv2d', [x, weight, ...bias], attrs);
  const dy = b.low('dy', b.shape(y));
  const dx = b.emit('conv2d_input_grad', [dy, weight], { ...attrs, size: shape.slice(1, 3) }, b.anyFormat());
  const dweight = b.emit('conv2d_weight_grad', [x, dy], { ...attrs, kernel }, b.anyFormat());
  const title = `conv2d ${shape.join('x')} ${kernel.join('x')} to ${out}, stride ${stride}, padding ${padding}, seed ${seed}`;
  return b.finish(title, { y, dx, dweight });
}

/** A random linear layer and its two gradients, on integers. */
export function linearCase(dtype: FloatType, seed: number): ContractionCase {
  const random = namedRandom('linear', seed);
  const b = new CaseBuilder(random, dtype, true);
  const width = () => random.pick([random.int(1, 300), random.int(1, 20), channels(random)]);
  const [rows, inputs, outputs] = [random.pick([random.int(1, 200), random.pick([1, 2, 3, 32, 64, 127, 128, 199])]), width(), width()];
  const [x, weight] = [b.low('x', [rows, inputs]), b.low('weight', [inputs, outputs])];
  const bias = random.pick([true, false]) ? [b.full('bias', [outputs])] : [];
  const y = b.emit('linear', [x, weight, ...bias]);
  const dy = b.low('dy', b.shape(y));
  const dx = b.emit('linear_input_grad', [dy, weight], {}, b.anyFormat());
  const dweight = b.emit('linear_weight_grad', [x, dy], {}, b.anyFormat());
  return b.finish(`linear ${rows}x${inputs} to ${outputs}, seed ${seed}`, { y, dx, dweight });
}
