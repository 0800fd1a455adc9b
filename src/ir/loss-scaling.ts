import type { LossScaling } from './program.js';
import { assertNever } from './types.js';

/** `loss_scale dynamic()`: GradScaler's defaults, with a floor and cap that f32 can hold and an abort rule. */
export const DYNAMIC_SCALING = {
  kind: 'dynamic',
  init: 65536,
  growth: 2,
  backoff: 0.5,
  interval: 2000,
  floor: 1,
  cap: 2 ** 24,
  abortAfter: 20,
} as const satisfies LossScaling;

/** Skipped steps in a row after which a run stops, whatever its scale does. */
export function abortAfter(scaling: LossScaling): number {
  switch (scaling.kind) {
    case 'none':
      return Number.POSITIVE_INFINITY;
    case 'static':
      return DYNAMIC_SCALING.abortAfter;
    case 'dynamic':
      return scaling.abortAfter;
    default:
      return assertNever(scaling);
  }
}
