import { type AttributeTable, KERNEL_ATTRIBUTES, OF_RANKS } from '../ops/kernel-attributes.js';

/** What the kernels of generated C implement: also what several ranks need. */
export const C_ATTRIBUTES: AttributeTable = { ...KERNEL_ATTRIBUTES, ...OF_RANKS };

/** What the kernels of WGSL implement: as those of C, of which it renders the same formulas, in the formats that it has. */
export const WGSL_ATTRIBUTES: AttributeTable = { ...KERNEL_ATTRIBUTES, cast: { to: ['f32', 'f16'] } };

/** What the kernels of CUDA implement: as those of C, of which it renders the same formulas, in the formats that it has. */
export const CUDA_ATTRIBUTES: AttributeTable = { ...KERNEL_ATTRIBUTES, cast: { to: ['f32', 'f16', 'bf16'] } };
