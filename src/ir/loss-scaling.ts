import type { LossScaling } from './program.js';

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
