import { numberAttr } from '../../ir/types.js';
import type { OpName } from '../../ops/index.js';
import { contractionKernels } from './contraction.js';
import { CODES } from './device.js';
import { elementwiseKernels } from './elementwise.js';
import type { Kernel } from './kernel.js';
import { layerNormKernels } from './layer-norm.js';
import { lossKernels } from './losses.js';
import { normKernels } from './norm.js';
import { poolKernels } from './pool.js';
import { reductionKernels } from './reductions.js';
import { resampleKernels } from './resample.js';
import { rowKernels } from './rows.js';
import { shapeKernels } from './shape.js';
import { updateKernels } from './update.js';

const source: Kernel = (context) => context.source();

/** Every op of a plan as operations of TensorFlow. */
export const KERNELS = {
  input: source,
  state: source,
  constant: ({ tf, node, type }) => tf.filled(numberAttr(node.attrs, 'value'), CODES[type.dtype], type.shape),
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
} as const satisfies Readonly<Record<OpName, Kernel>>;
