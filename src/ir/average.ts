import { assertNever } from './types.js';

/** What is evaluated, and kept as the run's weights. */
export const EVALUATED = ['average', 'raw'] as const;
export type Evaluated = (typeof EVALUATED)[number];

/**
 * An average of the weights over the steps. `from` counts epochs, and so does `every` of `swa`; that of the others counts steps.
 * `lookahead` keeps slow weights, which go on with the share `decay` * (step / steps of the run)^`power` of what they were, and sets the
 * weights to them. `both`: whether a run tests the one that is not `evaluate` as well; left out: it does.
 */
export type AverageSpec = { readonly evaluate: Evaluated; readonly both?: false } & (
  | { readonly kind: 'ema'; readonly decay: number; readonly every: number; readonly from: number; readonly warmup: boolean }
  | { readonly kind: 'swa'; readonly from: number; readonly every: number }
  | { readonly kind: 'lookahead'; readonly every: number; readonly decay: number; readonly power: number }
);

/** The length of a run, as far as averages ask for it. */
export interface AverageLength {
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
}

/** The number of the average that is taken at `at` steps, counted from 0, where the first is due `every` steps after `from`. */
function numberAt(at: number, from: number, every: number): number | undefined {
  const number = Math.round((at - from) / every) - 1;
  return number >= 0 && Math.round(from + (number + 1) * every) === at ? number : undefined;
}

/**
 * How much of what step `step` (0-based; skipped steps count, as for the learning rate) leaves enters the averages; 0: none is due. Of
 * `swa` that is 1, for the plan counts what it has averaged.
 */
export function averageShare(spec: AverageSpec | undefined, step: number, { stepsPerEpoch, totalSteps }: AverageLength): number {
  if (spec === undefined) return 0;
  const at = step + 1;
  switch (spec.kind) {
    case 'ema': {
      const number = numberAt(at, Math.round(spec.from * stepsPerEpoch), spec.every);
      if (number === undefined) return 0;
      return 1 - (spec.warmup ? Math.min(spec.decay, (1 + number) / (10 + number)) : spec.decay);
    }
    case 'swa':
      return numberAt(at, spec.from * stepsPerEpoch, spec.every * stepsPerEpoch) === undefined ? 0 : 1;
    case 'lookahead':
      return numberAt(at, 0, spec.every) === undefined ? 0 : 1 - spec.decay * Math.min(1, at / totalSteps) ** spec.power;
    default:
      return assertNever(spec);
  }
}

/** How many averages a run takes. */
export function averagesTaken(spec: AverageSpec, length: AverageLength): number {
  let count = 0;
  for (let step = 0; step < length.totalSteps; step += 1) if (averageShare(spec, step, length) > 0) count += 1;
  return count;
}
