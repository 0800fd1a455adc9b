import { decode } from '../../../numeric/encoding.js';
import { type OnnxTensor, TENSOR_TYPES } from '../schema.js';

/** What keeps a model, or a node of it, from becoming a `.amp` file: why. */
export class Inexpressible extends Error {}

export function refuse(why: string): never {
  throw new Inexpressible(why);
}

/** A constant of a model. */
export interface Constant {
  readonly kind: 'constant';
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | readonly number[];
  /** Whether its elements are floats. */
  readonly isFloat: boolean;
  /** Whether it is among the weights of the model, not a number between its nodes. */
  readonly isWeight?: boolean;
}

/** The bytes of a file beside the model, which holds the numbers of large models. Throws Inexpressible. */
export type ReadBeside = (location: string) => Uint8Array;

type Stored = keyof typeof TENSOR_TYPES;

/** How the bytes of raw data are read, by type. */
const RAW: Readonly<Partial<Record<Stored, { readonly bytes: number; readonly read: (view: DataView, at: number) => number }>>> = {
  float: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  double: { bytes: 8, read: (view, at) => Math.fround(view.getFloat64(at, true)) },
  float16: { bytes: 2, read: (view, at) => decode('f16', view.getUint16(at, true)) },
  bfloat16: { bytes: 2, read: (view, at) => decode('bf16', view.getUint16(at, true)) },
  int64: { bytes: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
  int32: { bytes: 4, read: (view, at) => view.getInt32(at, true) },
  int16: { bytes: 2, read: (view, at) => view.getInt16(at, true) },
  int8: { bytes: 1, read: (view, at) => view.getInt8(at) },
  uint8: { bytes: 1, read: (view, at) => view.getUint8(at) },
  bool: { bytes: 1, read: (view, at) => view.getUint8(at) },
};

const FLOATS: readonly Stored[] = ['float', 'double', 'float16', 'bfloat16'];

function typeOf({ dataType = 0 }: OnnxTensor): Stored {
  const found = (Object.keys(TENSOR_TYPES) as Stored[]).find((name) => TENSOR_TYPES[name] === dataType);
  return found ?? refuse(`a tensor of type ${dataType}, which ONNX does not have`);
}

function rawOf(tensor: OnnxTensor, beside: ReadBeside): Uint8Array | undefined {
  if (tensor.dataLocation !== 1) return tensor.rawData;
  const facts = new Map(tensor.externalData?.map(({ key, value }) => [key, value]));
  const bytes = beside(facts.get('location') ?? '');
  const offset = Number(facts.get('offset') ?? 0);
  const length = Number(facts.get('length') ?? bytes.length - offset);
  const isWithin = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (!isWithin || offset + length > bytes.length) refuse(`the numbers of ${tensor.name} lie outside of ${facts.get('location')}`);
  return bytes.subarray(offset, offset + length);
}

function typedOf(tensor: OnnxTensor, type: Stored): readonly number[] {
  const bits = tensor.int32Data ?? [];
  if (type === 'float') return tensor.floatData ?? [];
  if (type === 'double') return (tensor.doubleData ?? []).map(Math.fround);
  if (type === 'int64') return tensor.int64Data ?? [];
  if (type === 'float16') return bits.map((pattern) => decode('f16', pattern & 0xffff));
  return type === 'bfloat16' ? bits.map((pattern) => decode('bf16', pattern & 0xffff)) : bits;
}

/** The numbers of a tensor. Floats become f32. Throws Inexpressible. */
export function readTensor(tensor: OnnxTensor, name: string, beside: ReadBeside): Constant {
  const type = typeOf(tensor);
  const shape = (tensor.dims ?? []).map((size) => (Number.isSafeInteger(size) && size >= 0 ? size : refuse(`${name} has no shape`)));
  const count = shape.reduce((product, size) => product * size, 1);
  const isFloat = FLOATS.includes(type);
  const raw = rawOf(tensor, beside);
  if (raw === undefined || raw.length === 0) {
    const numbers = typedOf(tensor, type);
    if (numbers.length !== count) refuse(`${name} has ${numbers.length} numbers, not ${count}`);
    return { kind: 'constant', name, shape, isFloat, data: isFloat ? Float32Array.from(numbers) : numbers };
  }
  const format = RAW[type] ?? refuse(`${name} is of type ${type}`);
  if (raw.length !== count * format.bytes) refuse(`${name} has ${raw.length} bytes, not ${count * format.bytes}`);
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
  const numberAt = (_: unknown, i: number) => format.read(view, i * format.bytes);
  const data = isFloat ? Float32Array.from({ length: count }, numberAt) : Array.from({ length: count }, numberAt);
  return { kind: 'constant', name, shape, data, isFloat };
}
