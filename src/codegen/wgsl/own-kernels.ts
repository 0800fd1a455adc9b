import type { OwnKernels } from '../gpu/group.js';
import { emitAttention } from './attention.js';
import { emitPositions } from './contraction-lanes.js';
import { emitWeightGradient, linesInARow } from './contraction-lanes-gradient.js';
import { emitMatrix, usesMatrix } from './contraction-matrix.js';
import type { WgslTarget } from './target.js';

export const WGSL_KERNELS: OwnKernels<WgslTarget> = {
  usesMatrix: (context, c) => usesMatrix(context, c),
  emitMatrix: (context, c, destination) => [emitMatrix(context, c, destination)],
  lanes: { emitPositions, emitWeightGradient, linesInARow },
  emitAttention,
};
