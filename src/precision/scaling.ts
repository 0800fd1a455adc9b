import { DYNAMIC_SCALING } from '../ir/loss-scaling.js';
import type { LossScaling, PrecisionSpec } from '../ir/program.js';
import { hasShortRange } from '../numeric/formats.js';

/** The recipe's loss scaling, or what its compute format needs: a format of a short range takes one. */
export function resolveScaling(spec: PrecisionSpec): LossScaling {
  return spec.lossScaling ?? (hasShortRange(spec.compute) ? DYNAMIC_SCALING : { kind: 'none' });
}
