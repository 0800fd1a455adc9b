import type { GpuLimits, GpuTarget } from '../gpu/target.js';

/** What the generator knows of the device: everything that decides a kernel's form or a binding's size. */
export interface WgslTarget extends GpuTarget {
  /** `shader-f16`: f16 may be stored. */
  readonly f16: boolean;
  /** Invocations of every subgroup, where that is one number: lanes share through it what they read. */
  readonly broadcast?: number | undefined;
  /** What the device multiplies at once; products of f16 use it instead of the form above. */
  readonly matrix?: MatrixUnit | undefined;
}

/**
 * A configuration of Dawn's experimental subgroup matrices: an m x k matrix of f16 times a k x n one of f16, added to an m x n one of f32.
 * Rows, columns and terms are 8, 16 or 32.
 */
export interface MatrixUnit {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Invocations of the device's largest subgroup: workgroups are multiples of it. */
  readonly lanes: number;
}

/** What every WebGPU implementation offers; `ampc plan --emit wgsl` uses it where there is no adapter. */
export const DEFAULT_LIMITS: GpuLimits = {
  storageBuffers: 8,
  bindingBytes: 2 ** 27,
  bufferBytes: 2 ** 28,
  offsetAlignment: 256,
  workgroupInvocations: 256,
  workgroupBytes: 16384,
  workgroupsPerDimension: 65535,
};

export const DEFAULT_TARGET: WgslTarget = { f16: true, contractions: 'tiles', limits: DEFAULT_LIMITS };
