import type { OwnKernels } from '../gpu/group.js';
import { emitMma, usesMma } from './contraction-mma.js';
import { sumsOf, takesSums } from './contraction-sums.js';

/** Contractions of low operands in tensor cores, all others as GPUs share them. Plans for cuda have no attention in one kernel. */
export const CUDA_KERNELS: OwnKernels = {
  usesMatrix: usesMma,
  emitMatrix: emitMma,
  takesSums: (context, c) => takesSums(context, c, sumsOf(context)),
};
