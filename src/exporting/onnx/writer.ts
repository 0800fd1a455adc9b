import {
  ATTRIBUTE_TYPES,
  type OnnxAttribute,
  type OnnxGraph,
  type OnnxNode,
  type OnnxTensor,
  TENSOR_TYPES,
} from '../../interchange/onnx/schema.js';
import { permuted } from '../../interchange/permuted.js';
import type { DType, Shape } from '../../ir/types.js';
import { isFloat } from '../../ir/types.js';
import { encode, roundArray } from '../../numeric/encoding.js';
import { isNarrow } from '../../numeric/formats.js';

export const ELEMENT_TYPES = {
  f32: TENSOR_TYPES.float,
  f16: TENSOR_TYPES.float16,
  bf16: TENSOR_TYPES.bfloat16,
  f8_e4m3: TENSOR_TYPES.float8e4m3fn,
  f8_e5m2: TENSOR_TYPES.float8e5m2,
  i32: TENSOR_TYPES.int32,
  u8: TENSOR_TYPES.uint8,
  bool: TENSOR_TYPES.bool,
} as const satisfies Readonly<Record<DType, number>>;

/** A tensor that the graph computes, or one whose elements are known: that becomes an initializer once something reads it. */
export type Value = {
  /** Of the tensor; of one that is known, how it is to be called. */
  readonly name: string;
  readonly dtype: DType;
  /** As the ONNX graph has it; the batch has the number of images that the plan is for. */
  readonly shape: Shape;
  readonly data?: Float32Array;
};

export type AttributeValue = number | string | readonly number[] | { readonly float: number };

function attribute(name: string, value: AttributeValue): OnnxAttribute {
  if (typeof value === 'number') return { name, i: value, type: ATTRIBUTE_TYPES.int };
  if (typeof value === 'string') return { name, s: new TextEncoder().encode(value), type: ATTRIBUTE_TYPES.string };
  if ('float' in value) return { name, f: value.float, type: ATTRIBUTE_TYPES.float };
  return { name, ints: value, type: ATTRIBUTE_TYPES.ints };
}

function rawBytes(dtype: DType, data: Float32Array): Uint8Array {
  if (dtype === 'f32') return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (!isNarrow(dtype)) throw new Error(`${dtype} is no format of known tensors`);
  const patterns = dtype === 'f16' || dtype === 'bf16' ? new Uint16Array(data.length) : new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 1) patterns[i] = encode(dtype, data[i]!);
  return new Uint8Array(patterns.buffer);
}

/** Writes the nodes of an ONNX graph one after the other. Nodes are called after the layer that they belong to. */
export class OnnxWriter {
  /** Path of the layer that is written. */
  layer = '';
  readonly #nodes: OnnxNode[] = [];
  readonly #initializers: OnnxTensor[] = [];
  readonly #names = new Set<string>();
  /** Names of initializers by what they hold: elements, or the text of a list of whole numbers. */
  readonly #held = new Map<Float32Array | string, string>();
  /** Known elements, numbered. */
  readonly #known = new Map<Float32Array, number>();
  /** Results of what is done to a tensor more than once. */
  readonly #again = new Map<string, Value>();

  unique(wanted: string): string {
    let name = wanted;
    for (let count = 2; this.#names.has(name); count += 1) name = `${wanted}_${count}`;
    this.#names.add(name);
    return name;
  }

  /** The result of an operator. An operand that is left out is undefined. */
  op(
    type: string,
    operands: readonly (Value | string | undefined)[],
    attributes: Readonly<Record<string, AttributeValue>>,
    result: Pick<Value, 'dtype' | 'shape'>,
  ): Value {
    const name = this.unique(this.layer === '' ? type : `${this.layer}/${type}`);
    this.#nodes.push({
      opType: type,
      name,
      input: operands.map((operand) => (operand === undefined ? '' : typeof operand === 'string' ? operand : this.nameOf(operand))),
      output: [name],
      attribute: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
    });
    return { name, ...result };
  }

  /** The name of a tensor; an initializer is made of one that is known. */
  nameOf({ name: wanted, dtype, shape, data }: Value): string {
    if (data === undefined) return wanted;
    const held = this.#held.get(data);
    if (held !== undefined) return held;
    const name = this.unique(wanted);
    this.#held.set(data, name);
    this.#initializers.push({ name, dims: shape, dataType: ELEMENT_TYPES[dtype], rawData: rawBytes(dtype, data) });
    return name;
  }

  /** The name of an initializer of whole numbers, one axis. */
  ints(values: readonly number[]): string {
    const key = values.join(',');
    const held = this.#held.get(key);
    if (held !== undefined) return held;
    const name = this.unique(`ints/${values.length === 0 ? 'none' : key.replaceAll(',', '_')}`);
    this.#held.set(key, name);
    const rawData = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    this.#initializers.push({ name, dims: [values.length], dataType: TENSOR_TYPES.int64, rawData });
    return name;
  }

  /** The same, as an operand. */
  list(values: readonly number[]): Value {
    return { name: this.ints(values), dtype: 'i32', shape: [values.length] };
  }

  /** A single number, f32. */
  number(value: number): Value {
    return this.once(`number ${value}`, () => ({
      name: `number/${Math.fround(value)}`,
      dtype: 'f32',
      shape: [],
      data: Float32Array.of(value),
    }));
  }

  once(key: string, make: () => Value): Value {
    const before = this.#again.get(key);
    if (before !== undefined) return before;
    const made = make();
    this.#again.set(key, made);
    return made;
  }

  #derived(value: Value, how: string, make: () => Value): Value {
    return this.once(`${value.data === undefined ? `%${value.name}` : this.#numberOf(value.data)} ${value.shape} ${how}`, make);
  }

  #numberOf(data: Float32Array): number {
    const number = this.#known.get(data) ?? this.#known.size;
    this.#known.set(data, number);
    return number;
  }

  cast(value: Value, dtype: DType): Value {
    if (value.dtype === dtype) return value;
    return this.#derived(value, `to ${dtype}`, () => {
      // Of the two formats of eight bits the one with infinities has them for what is too large.
      const to = { to: ELEMENT_TYPES[dtype], ...(dtype === 'f8_e5m2' ? { saturate: 0 } : {}) };
      if (value.data === undefined) return this.op('Cast', [value], to, { dtype, shape: value.shape });
      if (!isFloat(dtype)) throw new Error(`a known tensor becomes ${dtype}`);
      const data = value.data.slice();
      roundArray(dtype, data);
      return { ...value, dtype, data };
    });
  }

  transpose(value: Value, axes: readonly number[]): Value {
    if (axes.every((axis, i) => axis === i)) return value;
    return this.#derived(value, `axes ${axes}`, () => {
      const shape = axes.map((axis) => value.shape[axis]!);
      if (value.data === undefined) return this.op('Transpose', [value], { perm: axes }, { dtype: value.dtype, shape });
      return { ...value, shape, data: permuted(value.data, value.shape, axes) };
    });
  }

  /** Under another shape; `given` is what the operator is told of it, with -1 for the batch. */
  reshape(value: Value, shape: Shape, given: readonly number[] = shape): Value {
    if (shape.length === value.shape.length && shape.every((size, axis) => size === value.shape[axis])) return value;
    return this.#derived(value, `as ${shape}`, () => {
      if (value.data === undefined) return this.op('Reshape', [value, this.ints(given)], {}, { dtype: value.dtype, shape });
      // Elements of their own: an initializer has one shape.
      return { ...value, shape, data: value.data.slice() };
    });
  }

  /** The graph so far, in which `value` is called `output`. */
  finish(name: string, value: Value, output: string): Required<Pick<OnnxGraph, 'name' | 'node' | 'initializer'>> {
    const renamed = (names: readonly string[]) => names.map((one) => (one === value.name ? output : one));
    const node = this.#nodes.map((one) => ({ ...one, input: renamed(one.input ?? []), output: renamed(one.output ?? []) }));
    return { name, node, initializer: this.#initializers };
  }
}
