import { type AttributeTable, KERNEL_ATTRIBUTES, OF_RANKS } from '../../ops/kernel-attributes.js';

/** What the kernels of `reference` implement. */
export const ATTRIBUTES: AttributeTable = { ...KERNEL_ATTRIBUTES, ...OF_RANKS };
