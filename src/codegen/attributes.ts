import { type AttributeTable, GENERAL_CONVOLUTIONS, KERNEL_ATTRIBUTES } from '../ops/kernel-attributes.js';

/** What the kernels of generated C implement. */
export const C_ATTRIBUTES: AttributeTable = { ...KERNEL_ATTRIBUTES, ...GENERAL_CONVOLUTIONS };

/** What the kernels of WGSL implement: as those of C, of which it renders the same formulas, in the formats that it has; of convolutions, plain ones. */
export const WGSL_ATTRIBUTES: AttributeTable = { ...KERNEL_ATTRIBUTES, cast: { to: ['f32', 'f16'] } };
