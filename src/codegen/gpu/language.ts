import type { GpuFormats } from './formats.js';
import type { Kernel } from './kernel.js';

/** A language that kernels for GPUs are written in. */
export interface Language {
  readonly formats: GpuFormats;
  newKernel(): Kernel;
}
