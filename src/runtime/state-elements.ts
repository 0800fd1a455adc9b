import { byteLength, elementCount, type TensorType } from '../ir/types.js';
import { toBytes, widen } from '../numeric/encoding.js';
import { isFloat, isNarrow } from '../numeric/formats.js';

/** What a host reads and writes of a state: floats of every format as the f32 that they equal. */
export type StateElements = Float32Array | Int32Array;

/** Throws a plain Error where the elements are not those of such a state. */
export function checkElements(name: string, { dtype, shape }: TensorType, elements: StateElements): void {
  const count = elementCount(shape);
  if (elements.length !== count) throw new Error(`state ${name} has ${count} elements, not ${elements.length}`);
  if (elements instanceof Int32Array !== (dtype === 'i32')) throw new Error(`state ${name} is ${dtype}`);
}

/** Elements as they lie on a device: floats rounded to the format in which they are stored, to nearest, ties to even. */
export function encodeElements({ dtype }: Pick<TensorType, 'dtype'>, elements: StateElements): StateElements | Uint8Array {
  return isFloat(dtype) && elements instanceof Float32Array ? toBytes(dtype, elements) : elements;
}

/** The elements of a state from `bytes` of a device, which are not kept. `into`: an array that is no longer needed. */
export function decodeElements({ dtype, shape }: TensorType, bytes: Uint8Array): StateElements {
  const own = bytes.slice(0, byteLength({ dtype, shape }));
  if (isNarrow(dtype)) return widen(dtype, own);
  return dtype === 'i32' ? new Int32Array(own.buffer) : new Float32Array(own.buffer);
}
