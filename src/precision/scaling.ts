import type { LossScaling, PrecisionSpec } from '../ir/program.js';
import { hasShortRange } from '../numeric/formats.js';

/** GradScaler's defaults, with a floor and cap that f32 can hold and an abort rule. */
export const DYNAMIC_SCALING: LossScaling = {
  kind: 'dynamic',
  init: 65536,
  growth: 2,
  backoff: 0.5,
  interval: 2000,
  floor: 1,
  cap: 2 ** 24,
  abortAfter: 20,
};

/** The recipe's loss scaling, or what its compute format needs: a format of a short range takes one. */
export function resolveScaling(spec: PrecisionSpec): LossScaling {
  return spec.lossScaling ?? (hasShortRange(spec.compute) ? DYNAMIC_SCALING : { kind: 'none' });
}
