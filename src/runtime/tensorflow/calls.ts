import type { FloatType, Shape } from '../../ir/types.js';
import { elementCount } from '../../ir/types.js';
import type { Tensor } from './binding.js';
import { CODES, type Device, INT32 } from './device.js';
import { flag, ints, text, type } from './op-attributes.js';

type Unary =
  | 'Abs'
  | 'Neg'
  | 'Relu'
  | 'Relu6'
  | 'Sigmoid'
  | 'Tanh'
  | 'Erfc'
  | 'Exp'
  | 'Expm1'
  | 'Log'
  | 'Log1p'
  | 'Square'
  | 'Sqrt'
  | 'Rsqrt'
  | 'Sign'
  | 'Softmax'
  | 'LogSoftmax'
  | 'L2Loss';
type Binary = 'AddV2' | 'Sub' | 'Mul' | 'RealDiv' | 'Maximum' | 'Minimum' | 'Pow' | 'SquaredDifference' | 'SigmoidGrad' | 'TanhGrad';
type Comparison = 'Less' | 'LessEqual' | 'Greater' | 'GreaterEqual' | 'Equal';

const BETWEEN_MIDDLES = [flag('align_corners', false), flag('half_pixel_centers', true)];

/** TensorFlow's operations with their attributes filled in from the operands. Operands may be numbers: constants of the other's type. */
export class Calls {
  constructor(readonly device: Device) {}

  /** A vector of int32 on the host: a shape, axes. */
  vector(values: readonly number[]): Tensor {
    return this.device.constant(`int32[${values.join(',')}]`, () => this.device.upload([values.length], INT32, Int32Array.from(values)));
  }

  index(value: number): Tensor {
    return this.device.constant(`int32 ${value}`, () => this.device.upload([], INT32, Int32Array.of(value)));
  }

  /** A scalar of a TensorFlow type. */
  scalar(value: number, dtype: number): Tensor {
    return this.device.constant(`${dtype} ${value}`, () => {
      if (dtype === CODES.i32) return this.cast(this.index(value), dtype);
      if (dtype === CODES.u8 || dtype === CODES.bool) return this.device.upload([], dtype, Uint8Array.of(value));
      return this.cast(this.device.upload([], CODES.f32, Float32Array.of(value)), dtype);
    });
  }

  /** One f32 for each element of the last axis; a scalar where they are all the same, which TensorFlow broadcasts faster. */
  perChannel(values: readonly number[]): Tensor {
    if (values.every((value) => value === values[0])) return this.scalar(values[0]!, CODES.f32);
    return this.device.constant(`f32[${values.join(',')}]`, () =>
      this.device.upload([values.length], CODES.f32, Float32Array.from(values)),
    );
  }

  /** A constant tensor whose elements are all `value`. */
  filled(value: number, dtype: number, shape: Shape): Tensor {
    if (shape.length === 0) return this.scalar(value, dtype);
    return this.device.constant(`${dtype}[${shape.join(',')}] of ${value}`, () => {
      const elements = new Float32Array(elementCount(shape)).fill(value);
      return this.cast(this.device.upload(shape, CODES.f32, elements), dtype);
    });
  }

  /** Rounds to the nearest, ties to even. A tensor of that type already is itself. */
  cast(x: Tensor, dtype: number): Tensor {
    if (x.dtype === dtype) return x;
    return this.device.execute('Cast', [type('SrcT', x.dtype), type('DstT', dtype), flag('Truncate', false)], [x], dtype);
  }

  to(x: Tensor, dtype: FloatType): Tensor {
    return this.cast(x, CODES[dtype]);
  }

  unary(op: Unary, x: Tensor): Tensor {
    return this.device.execute(op, [type('T', x.dtype)], [x], x.dtype);
  }

  binary(op: Binary, a: Tensor | number, b: Tensor | number): Tensor {
    const [left, right] = this.#pair(a, b);
    return this.device.execute(op, [type('T', left.dtype)], [left, right], left.dtype);
  }

  add = (a: Tensor | number, b: Tensor | number): Tensor => this.binary('AddV2', a, b);
  sub = (a: Tensor | number, b: Tensor | number): Tensor => this.binary('Sub', a, b);
  mul = (a: Tensor | number, b: Tensor | number): Tensor => this.binary('Mul', a, b);
  div = (a: Tensor | number, b: Tensor | number): Tensor => this.binary('RealDiv', a, b);

  compare(op: Comparison, a: Tensor | number, b: Tensor | number): Tensor {
    const [left, right] = this.#pair(a, b);
    const attrs = [type('T', left.dtype)];
    if (op === 'Equal') attrs.push(flag('incompatible_shape_error', true));
    return this.device.execute(op, attrs, [left, right], CODES.bool);
  }

  /** `IsFinite` or `IsNan` of floats. */
  test(op: 'IsFinite' | 'IsNan', x: Tensor): Tensor {
    return this.device.execute(op, [type('T', x.dtype)], [x], CODES.bool);
  }

  logical(op: 'LogicalAnd' | 'LogicalOr', a: Tensor, b: Tensor): Tensor {
    return this.device.execute(op, [], [a, b], CODES.bool);
  }

  not(x: Tensor): Tensor {
    return this.device.execute('LogicalNot', [], [x], CODES.bool);
  }

  /** Element by element, with broadcasting. */
  select(condition: Tensor, a: Tensor | number, b: Tensor | number): Tensor {
    const [then, otherwise] = this.#pair(a, b);
    return this.device.execute('SelectV2', [type('T', then.dtype)], [condition, then, otherwise], then.dtype);
  }

  /** `a` and `b` have one shape, and the condition has it too or is a scalar: faster than `select`, which can broadcast. */
  choose(condition: Tensor, a: Tensor, b: Tensor): Tensor {
    return this.device.execute('Select', [type('T', a.dtype)], [condition, a, b], a.dtype);
  }

  reduce(op: 'Sum' | 'Mean' | 'Max', x: Tensor, axes: readonly number[], keep = false): Tensor {
    return this.device.execute(op, [type('T', x.dtype), type('Tidx', INT32), flag('keep_dims', keep)], [x, this.vector(axes)], x.dtype);
  }

  /** Whether all booleans are true, along `axes` or over everything. */
  all(x: Tensor, axes: readonly number[] = x.shape.map((_, axis) => axis)): Tensor {
    return this.device.execute('All', [type('Tidx', INT32), flag('keep_dims', false)], [x, this.vector(axes)], CODES.bool);
  }

  reshape(x: Tensor, shape: Shape): Tensor {
    if (x.shape.length === shape.length && x.shape.every((size, axis) => size === shape[axis])) return x;
    return this.device.execute('Reshape', [type('T', x.dtype), type('Tshape', INT32)], [x, this.vector(shape)], x.dtype);
  }

  slice(x: Tensor, begin: readonly number[], size: readonly number[]): Tensor {
    if (begin.every((at) => at === 0) && size.every((length, axis) => length === x.shape[axis])) return x;
    return this.device.execute('Slice', [type('T', x.dtype), type('Index', INT32)], [x, this.vector(begin), this.vector(size)], x.dtype);
  }

  /** Axis k of the result is axis axes[k] of `x`. */
  transpose(x: Tensor, axes: readonly number[]): Tensor {
    return this.device.execute('Transpose', [type('T', x.dtype), type('Tperm', INT32)], [x, this.vector(axes)], x.dtype);
  }

  /** Repeats `x` along new first axes and axes of size 1. */
  broadcast(x: Tensor, shape: Shape): Tensor {
    return this.device.execute('BroadcastTo', [type('T', x.dtype), type('Tidx', INT32)], [x, this.vector(shape)], x.dtype);
  }

  /** `amounts` are the elements before and after, axis by axis. */
  pad(x: Tensor, amounts: readonly (readonly [number, number])[], value: number): Tensor {
    if (amounts.every(([before, after]) => before === 0 && after === 0)) return x;
    const attrs = [type('T', x.dtype), type('Tpaddings', INT32)];
    return this.device.execute('PadV2', attrs, [x, this.#paddings(amounts), this.scalar(value, x.dtype)], x.dtype);
  }

  #paddings(amounts: readonly (readonly [number, number])[]): Tensor {
    return this.device.constant(`paddings ${amounts.join(';')}`, () =>
      this.device.upload([amounts.length, 2], INT32, Int32Array.from(amounts.flat())),
    );
  }

  /** The tensor mirrored at its ends, which are not repeated, so many elements before and after along each axis. */
  mirrorPad(x: Tensor, amounts: readonly (readonly [number, number])[]): Tensor {
    const attrs = [type('T', x.dtype), type('Tpaddings', INT32), text('mode', 'REFLECT')];
    return this.device.execute('MirrorPad', attrs, [x, this.#paddings(amounts)], x.dtype);
  }

  mirrorPadGrad(dy: Tensor, amounts: readonly (readonly [number, number])[]): Tensor {
    const attrs = [type('T', dy.dtype), type('Tpaddings', INT32), text('mode', 'REFLECT')];
    return this.device.execute('MirrorPadGrad', attrs, [dy, this.#paddings(amounts)], dy.dtype);
  }

  /** f32 images in the size of `shape`, linear between the middles of pixels. */
  resizeBilinear(x: Tensor, shape: Shape): Tensor {
    const attrs = [type('T', x.dtype), ...BETWEEN_MIDDLES];
    return this.device.execute('ResizeBilinear', attrs, [x, this.vector(shape.slice(1, 3))], CODES.f32);
  }

  /** Its gradient with respect to images of `shape`. */
  resizeBilinearGrad(dy: Tensor, shape: Shape): Tensor {
    const attrs = [type('T', CODES.f32), ...BETWEEN_MIDDLES];
    return this.device.execute('ResizeBilinearGrad', attrs, [dy, this.zerosLike({ ...dy, shape, dtype: CODES.f32 })], CODES.f32);
  }

  zeros(shape: Shape, dtype: number): Tensor {
    const attrs = [type('T', dtype), type('index_type', INT32)];
    return this.device.execute('Fill', attrs, [this.vector(shape), this.scalar(0, dtype)], dtype);
  }

  /**
   * Zeros of the shape and type of `x`: kept on a processor, where writing them again costs as much as what reads them; made anew on a GPU.
   */
  zerosLike({ shape, dtype }: Tensor): Tensor {
    if (this.device.onGpu) return this.zeros(shape, dtype);
    return this.device.constant(`${dtype}[${shape.join(',')}] of zeros`, () => this.zeros(shape, dtype));
  }

  concat(parts: readonly Tensor[], axis: number): Tensor {
    if (parts.length === 1) return parts[0]!;
    const [{ dtype }] = parts as [Tensor];
    return this.device.execute(
      'ConcatV2',
      [type('T', dtype), type('Tidx', INT32), ints('N', parts.length)],
      [...parts, this.index(axis)],
      dtype,
    );
  }

  /** `count` equal parts along the first axis. */
  split(x: Tensor, count: number): readonly Tensor[] {
    if (count === 1) return [x];
    const attrs = [type('T', x.dtype), ints('num_split', count)];
    return this.device.executeMany('Split', attrs, [this.index(0), x], new Array(count).fill(x.dtype));
  }

  sum(parts: readonly Tensor[]): Tensor {
    if (parts.length === 1) return parts[0]!;
    const [{ dtype }] = parts as [Tensor];
    return this.device.execute('AddN', [type('T', dtype), ints('N', parts.length)], parts, dtype);
  }

  /** [rows, depth] with `on` at each row's label and `off` elsewhere; a label of -1 gives a row of `off`. */
  oneHot(label: Tensor, depth: number, on: number, off: number): Tensor {
    const attrs = [type('T', CODES.f32), type('TI', label.dtype), ints('axis', -1)];
    const operands = [label, this.index(depth), this.scalar(on, CODES.f32), this.scalar(off, CODES.f32)];
    return this.device.execute('OneHot', attrs, operands, CODES.f32);
  }

  #pair(a: Tensor | number, b: Tensor | number): [Tensor, Tensor] {
    if (typeof a !== 'number') return [a, typeof b === 'number' ? this.scalar(b, a.dtype) : b];
    if (typeof b === 'number') throw new Error('an operation on two numbers');
    return [this.scalar(a, b.dtype), b];
  }
}
