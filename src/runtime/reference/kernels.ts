import type { OpName } from '../../ops/index.js';
import { contractionKernels } from './contraction.js';
import { elementwiseKernels } from './elementwise.js';
import type { ReferenceKernel } from './kernel.js';
import { layerNormKernels } from './layer-norm.js';
import { lossKernels } from './losses.js';
import { normKernels } from './norm.js';
import { poolKernels } from './pool.js';
import { reductionKernels } from './reductions.js';
import { resampleKernels } from './resample.js';
import { rowKernels } from './rows.js';
import { shapeKernels } from './shape.js';
import { updateKernels } from './update.js';

/** Ops whose values come from the caller or the node itself; `evaluateGraph` provides them. */
export type SourceOp = 'input' | 'state' | 'constant';

export const KERNELS: Readonly<Record<Exclude<OpName, SourceOp>, ReferenceKernel>> = {
  ...contractionKernels,
  ...poolKernels,
  ...normKernels,
  ...layerNormKernels,
  ...elementwiseKernels,
  ...shapeKernels,
  ...resampleKernels,
  ...reductionKernels,
  ...rowKernels,
  ...lossKernels,
  ...updateKernels,
};
