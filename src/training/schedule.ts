import type { ScheduleSpec, TrainSpec } from '../ir/program.js';
import { assertNever } from '../ir/types.js';

/** The half cosine from `start` (fraction 0) to `end` (fraction 1). */
function cosineBetween(start: number, end: number, fraction: number): number {
  return end + ((start - end) / 2) * (1 + Math.cos(Math.PI * fraction));
}

/**
 * Like PyTorch's OneCycleLR with cosine annealing and two phases: up from 1/divStart to 1 over the warmup, then down to
 * 1/(divStart * divEnd) at the last step. The peak is reached one step before the warmup's length, as there.
 */
function oneCycle(spec: Extract<ScheduleSpec, { kind: 'one_cycle' }>, step: number, stepsPerEpoch: number, totalSteps: number): number {
  const start = 1 / spec.divStart;
  const peakStep = spec.warmup * stepsPerEpoch - 1;
  const lastStep = totalSteps - 1;
  if (step <= peakStep) return cosineBetween(start, 1, peakStep > 0 ? step / peakStep : 1);
  const fraction = lastStep > peakStep ? (step - peakStep) / (lastStep - peakStep) : 1;
  return cosineBetween(1, start / spec.divEnd, Math.min(1, fraction));
}

function piecewise(points: readonly (readonly [number, number])[], epoch: number): number {
  const first = points[0];
  if (first === undefined) return 1;
  if (epoch <= first[0]) return first[1];
  let [fromEpoch, from] = first;
  for (const [toEpoch, to] of points.slice(1)) {
    if (epoch < toEpoch) return from + ((to - from) * (epoch - fromEpoch)) / (toEpoch - fromEpoch);
    [fromEpoch, from] = [toEpoch, to];
  }
  return from;
}

function scheduleFactor(spec: ScheduleSpec, step: number, stepsPerEpoch: number, totalSteps: number): number {
  switch (spec.kind) {
    case 'constant':
      return 1;
    case 'step':
      return spec.gamma ** Math.floor(step / Math.max(1, Math.round(spec.every * stepsPerEpoch)));
    case 'cosine':
      return cosineBetween(1, spec.min, Math.min(1, step / totalSteps));
    case 'one_cycle':
      return oneCycle(spec, step, stepsPerEpoch, totalSteps);
    case 'piecewise':
      return piecewise(spec.points, step / stepsPerEpoch);
    default:
      return assertNever(spec);
  }
}

/**
 * The learning rate of optimizer step `step` (0-based; skipped steps count). Formulas of PyTorch's StepLR, CosineAnnealingLR and
 * OneCycleLR, stepped once per optimizer step. Warmup multiplies: step k of W warmup steps uses (k + 1) / W of the rate.
 */
export function learningRate(
  train: Pick<TrainSpec, 'optimizer' | 'schedule' | 'warmup'>,
  step: number,
  stepsPerEpoch: number,
  totalSteps: number,
): number {
  const warmupSteps = Math.round(train.warmup * stepsPerEpoch);
  const ramp = step < warmupSteps ? (step + 1) / warmupSteps : 1;
  return train.optimizer.lr * ramp * scheduleFactor(train.schedule, step, stepsPerEpoch, totalSteps);
}
