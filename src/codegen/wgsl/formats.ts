import type { DType } from '../../ir/types.js';
import type { HelperName } from './helper.js';

/** Element types of storage buffers. `u32` also stands for packed bytes and for booleans. */
export type WgslType = 'f32' | 'f16' | 'i32' | 'u32';

interface WgslFormat {
  readonly storage: WgslType;
  /** Of an element on the device; WGSL has no bytes to write, so a computed u8 or bool takes a word. */
  readonly bytes: number;
  /** Of an element of an input, where that is something else: bytes stay packed. */
  readonly inputBytes?: number;
  readonly zero: string;
  /** The helper that rounds an f32 to it. */
  readonly round?: HelperName;
}

/** What WGSL makes of each format; undefined: it has none such. */
export const WGSL_FORMATS: Readonly<Record<DType, WgslFormat | undefined>> = {
  f32: { storage: 'f32', bytes: 4, zero: '0.0f' },
  f16: { storage: 'f16', bytes: 2, zero: '0.0h', round: 'round_f16' },
  bf16: undefined,
  f8_e4m3: undefined,
  f8_e5m2: undefined,
  i32: { storage: 'i32', bytes: 4, zero: '0i' },
  u8: { storage: 'u32', bytes: 4, inputBytes: 1, zero: '0u' },
  bool: { storage: 'u32', bytes: 4, zero: '0u' },
};

/** Throws a plain Error for a format that WGSL lacks. */
export function wgslFormat(dtype: DType): WgslFormat {
  const format = WGSL_FORMATS[dtype];
  if (format === undefined) throw new Error(`WGSL has no ${dtype}`);
  return format;
}

export function storageType(dtype: DType): WgslType {
  return wgslFormat(dtype).storage;
}
