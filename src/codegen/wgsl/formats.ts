import type { DType } from '../../ir/types.js';
import { type ElementType, formatOf, type GpuFormats } from '../gpu/formats.js';

/** What WGSL makes of each format. It has no bytes to write: a computed u8 or bool takes a word. */
export const WGSL_FORMATS: GpuFormats = {
  name: 'WGSL',
  of: {
    f32: { storage: 'f32', bytes: 4, zero: '0.0f' },
    f16: { storage: 'f16', bytes: 2, zero: '0.0h' },
    bf16: undefined,
    f8_e4m3: undefined,
    f8_e5m2: undefined,
    i32: { storage: 'i32', bytes: 4, zero: '0i' },
    u8: { storage: 'u32', bytes: 4, inputBytes: 1, zero: '0u' },
    bool: { storage: 'u32', bytes: 4, zero: '0u' },
  },
};

export function storageType(dtype: DType): ElementType {
  return formatOf(WGSL_FORMATS, dtype).storage;
}
