import { type AttributeTable, KERNEL_ATTRIBUTES } from '../../ops/kernel-attributes.js';

/** What the kernels of `reference` implement. */
export const ATTRIBUTES: AttributeTable = KERNEL_ATTRIBUTES;
