import type { GpuFormats } from './formats.js';
import type { Kernel } from './kernel.js';

/** A language that kernels for GPUs are written in. */
export interface Language {
  readonly formats: GpuFormats;
  newKernel(): Kernel;
  /** Whether it lays out values itself once it knows what runs when: until then, no two of a function share memory. */
  readonly laysOut?: boolean;
}
