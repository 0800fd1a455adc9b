import { type AttributeTable, KERNEL_ATTRIBUTES } from '../../ops/kernel-attributes.js';

/** What the kernels of `tensorflow` implement. */
export const ATTRIBUTES: AttributeTable = { ...KERNEL_ATTRIBUTES, cast: { to: ['f32', 'f16', 'bf16'] } };
