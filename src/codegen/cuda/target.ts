import type { GpuTarget } from '../gpu/target.js';

/** Bytes of shared memory that a block has without being asked for more. */
export const SHARED_BYTES = 48 * 1024;

/**
 * Every device from compute capability 8.0 on. Addresses have no blocks to lie in, and a kernel takes its arrays as parameters, of which
 * there is room for 4 KB.
 */
export const CUDA_TARGET: GpuTarget = {
  contractions: 'tiles',
  limits: {
    storageBuffers: 500,
    bindingBytes: 2 ** 40,
    bufferBytes: 2 ** 40,
    offsetAlignment: 64,
    workgroupInvocations: 256,
    workgroupBytes: SHARED_BYTES,
    workgroupsPerDimension: 65535,
  },
};
