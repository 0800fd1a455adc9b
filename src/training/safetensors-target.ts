import { elementCount, type Shape } from '../ir/types.js';
import { decode } from '../numeric/encoding.js';
import { type Entry, type StoredType, Unusable } from './safetensors-header.js';

/** A named array of a weights file. Floats of other widths become f32 when they are read. */
export interface Tensor {
  readonly shape: Shape;
  readonly data: Float32Array | Int32Array;
}

/** Where an entry's data goes: there as it is, unless it is to be converted; `at` is a byte of the entry. */
export interface Target {
  readonly data: Tensor['data'];
  readonly convert?: (bytes: Uint8Array, at: number) => void;
}

function converted<A extends ArrayLike<number>>(
  count: number,
  view: (buffer: ArrayBufferLike, offset: number, length: number) => A,
  width: number,
  toNumber: (element: number) => number,
): Target {
  const data = new Float32Array(count);
  const convert = (bytes: Uint8Array, at: number): void => {
    const elements = view(bytes.buffer, bytes.byteOffset, bytes.length / width);
    for (let index = 0; index < elements.length; index += 1) data[at / width + index] = toNumber(elements[index]!);
  };
  return { data, convert };
}

/** A double as f32; one that f32 cannot hold is no weight. */
function narrow(value: number): number {
  const rounded = Math.fround(value);
  if (!Number.isFinite(rounded) && Number.isFinite(value)) throw new Unusable(`it has ${value}, which f32 cannot hold`);
  return rounded;
}

const READABLE = ['F32', 'I32', 'F16', 'BF16', 'F64'] as const satisfies readonly StoredType[];
type Readable = (typeof READABLE)[number];

const TARGETS: Readonly<Record<Readable, (count: number) => Target>> = {
  F32: (count) => ({ data: new Float32Array(count) }),
  I32: (count) => ({ data: new Int32Array(count) }),
  F16: (count) =>
    converted(
      count,
      (...place) => new Uint16Array(...place),
      2,
      (pattern) => decode('f16', pattern),
    ),
  BF16: (count) =>
    converted(
      count,
      (...place) => new Uint16Array(...place),
      2,
      (pattern) => decode('bf16', pattern),
    ),
  F64: (count) => converted(count, (...place) => new Float64Array(...place), 8, narrow),
};

export function isReadableType(dtype: StoredType): boolean {
  return READABLE.some((name) => name === dtype);
}

/** Undefined for an entry of a type that becomes neither f32 nor i32. */
export function targetOf({ dtype, shape }: Entry): Target | undefined {
  const readable = READABLE.find((name) => name === dtype);
  return readable && TARGETS[readable](elementCount(shape));
}
