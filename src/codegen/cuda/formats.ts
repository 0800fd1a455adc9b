import type { GpuFormats } from '../gpu/formats.js';

/** What CUDA C++ makes of each format. `f16` and `bf16` are types of the prelude. */
export const CUDA_FORMATS: GpuFormats = {
  name: 'CUDA C++',
  of: {
    f32: { storage: 'f32', bytes: 4, zero: '0.0f' },
    f16: { storage: 'f16', bytes: 2, zero: 'f16()' },
    bf16: { storage: 'bf16', bytes: 2, zero: 'bf16()' },
    f8_e4m3: undefined,
    f8_e5m2: undefined,
    i32: { storage: 'i32', bytes: 4, zero: '0' },
    u8: { storage: 'u8', bytes: 1, zero: 'u8()' },
    bool: { storage: 'u32', bytes: 4, zero: '0u' },
  },
};
