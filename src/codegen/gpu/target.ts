/** What the generators of kernels for GPUs know of a device: what decides the form of a kernel that they share. */
export interface GpuTarget {
  /**
   * `tiles`: workgroups share tiles of both operands through workgroup memory. `lanes`: no barriers, every invocation computes a block of
   * its own; for adapters that run on the processor, where a barrier is a loop over all invocations.
   */
  readonly contractions: 'tiles' | 'lanes';
  readonly limits: GpuLimits;
}

export interface GpuLimits {
  readonly storageBuffers: number;
  /** Bytes of one binding. */
  readonly bindingBytes: number;
  /** Bytes of one buffer. */
  readonly bufferBytes: number;
  readonly offsetAlignment: number;
  readonly workgroupInvocations: number;
  readonly workgroupBytes: number;
  readonly workgroupsPerDimension: number;
}
