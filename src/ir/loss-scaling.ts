import { assertNever } from './types.js';

export type LossScaling =
  | { readonly kind: 'none' }
  | { readonly kind: 'static'; readonly scale: number }
  | {
      readonly kind: 'dynamic';
      readonly init: number;
      readonly growth: number;
      readonly backoff: number;
      /** Steps without an overflow after which the scale grows. */
      readonly interval: number;
      readonly floor: number;
      readonly cap: number;
      /** Consecutive skipped steps after which the run stops with a diagnosis. */
      readonly abortAfter: number;
    };

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
