import type { TrainSpec } from '../ir/program.js';
import { assertNever } from '../ir/types.js';
import { LARGEST_F32, SMALLEST_F32, singleProblem } from '../numeric/single.js';

/** A number that is made of several settings and used as f32. */
interface Made {
  readonly what: string;
  readonly value: number;
}

type Rates = Pick<TrainSpec, 'optimizer' | 'schedule' | 'warmup' | 'epochs'>;

/** The rates at the points where a schedule turns; a factor that a file has as 0 makes none. */
function scheduledRates({ optimizer: { lr }, schedule, epochs }: Rates): readonly Made[] {
  switch (schedule.kind) {
    case 'constant':
      return [];
    case 'step': {
      const { every, at } = schedule;
      const times = at === undefined ? Math.max(0, Math.ceil(epochs / every) - 1) : at.filter((epoch) => epoch < epochs).length;
      return [{ what: `the rate after \`gamma\` ${times === 1 ? 'once' : `${times} times`}`, value: lr * schedule.gamma ** times }];
    }
    case 'cosine':
      return schedule.min === 0 ? [] : [{ what: 'the last rate of `cosine`', value: lr * schedule.min }];
    case 'one_cycle': {
      const first = lr / schedule.divStart;
      return [
        { what: 'the first rate of `one_cycle`', value: first },
        { what: 'the last rate of `one_cycle`', value: first / schedule.divEnd },
      ];
    }
    case 'piecewise':
      return schedule.points.flatMap(([, factor], i) =>
        factor === 0 ? [] : [{ what: `the rate at point ${i + 1} of \`piecewise\``, value: lr * factor }],
      );
    default:
      return assertNever(schedule);
  }
}

/** Products that an update makes of its settings. Of these only size matters: one that vanishes changes nothing. */
function updateFactors({ optimizer }: Rates): readonly Made[] {
  const { lr, weightDecay } = optimizer;
  const decay = { what: '`lr` times `weight_decay`', value: lr * weightDecay };
  switch (optimizer.kind) {
    case 'sgd':
    case 'lion':
    case 'rmsprop':
    case 'muon':
      return [decay];
    case 'adam':
    case 'adamw':
      return [decay, { what: '`lr` / (1 - `beta1`), the first factor of an update,', value: lr / (1 - Math.fround(optimizer.beta1)) }];
    default:
      return assertNever(optimizer);
  }
}

/** What settings that are fine alone make together that f32 cannot hold. */
export function ratesInF32(train: Rates): { readonly message: string; readonly why: string; readonly fix: string } | undefined {
  if (train.optimizer.lr === 0) return undefined;
  const first = { what: 'the first rate of `warmup`', value: train.optimizer.lr / Math.max(1, train.warmup) };
  for (const { what, value } of [first, ...scheduledRates(train)]) {
    if (value !== 0 && singleProblem(value) !== 'vanishing') continue;
    const least = Number(SMALLEST_F32.toPrecision(3));
    return {
      message: `${what} is ${value}`,
      why: `rates are f32, in which it is 0 on some processors: the smallest number with all digits is ${least}`,
      fix: 'raise the rate or its factors, or train for fewer epochs',
    };
  }
  for (const { what, value } of [...scheduledRates(train), ...updateFactors(train)]) {
    if (singleProblem(value) !== 'infinite') continue;
    return {
      message: `${what} is ${value}`,
      why: `rates are f32, in which it is infinite: the largest number is ${Number(LARGEST_F32.toPrecision(3))}`,
      fix: 'lower the rate or its factors',
    };
  }
  return undefined;
}
