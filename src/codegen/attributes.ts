import { type AttributeTable, KERNEL_ATTRIBUTES } from '../ops/kernel-attributes.js';

/** What the kernels of generated C implement. */
export const C_ATTRIBUTES: AttributeTable = KERNEL_ATTRIBUTES;

/** What the kernels of WGSL implement: as those of C, of which it renders the same formulas, in the formats that it has. */
export const WGSL_ATTRIBUTES: AttributeTable = { ...C_ATTRIBUTES, cast: { to: ['f32', 'f16'] } };
