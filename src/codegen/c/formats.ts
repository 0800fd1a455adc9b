import type { DType } from '../../ir/types.js';
import { type Code, emit } from '../code.js';

interface CFormat {
  /** The type of an element in memory: of narrow floats, their bits. */
  readonly element: string;
  /** The type of one number by itself, and the function that makes it of an element where that is needed. */
  readonly number: 'float' | 'int32_t' | 'int';
  readonly widen?: string;
  /** How `store_` goes on for lanes that are rounded already, where that is cheaper. */
  readonly exact?: string;
}

/**
 * What each format is in C. Vectors of a float format are read, stored and rounded by `load_`, `store_` and `round_` with its name behind.
 */
export const C_FORMATS: Readonly<Record<DType, CFormat>> = {
  f32: { element: 'float', number: 'float' },
  f16: { element: 'uint16_t', number: 'float', widen: 'f16_to_f32' },
  bf16: { element: 'uint16_t', number: 'float', widen: 'bf16_to_f32', exact: 'bf16_exact' },
  f8_e4m3: { element: 'uint8_t', number: 'float', widen: 'f8_e4m3_to_f32' },
  f8_e5m2: { element: 'uint8_t', number: 'float', widen: 'f8_e5m2_to_f32' },
  i32: { element: 'int32_t', number: 'int32_t' },
  u8: { element: 'uint8_t', number: 'int' },
  bool: { element: 'uint8_t', number: 'int' },
};

/** The C type of an element in memory. */
export function cType(dtype: DType): string {
  return C_FORMATS[dtype].element;
}

/** The expression of an element as a number. */
export function asNumber(dtype: DType, element: string): string;
export function asNumber(dtype: DType, element: Code): Code;
export function asNumber(dtype: DType, element: Code): Code {
  const { widen } = C_FORMATS[dtype];
  return widen === undefined ? element : emit`${widen}(${element})`;
}

/** The expression of a vector read from an address: all lanes, or the first `lanes` with zeros behind. */
export function loaded(dtype: DType, address: Code, lanes?: string): Code {
  return lanes === undefined ? emit`load_${dtype}(${address})` : emit`load_${dtype}_part(${address}, ${lanes})`;
}
