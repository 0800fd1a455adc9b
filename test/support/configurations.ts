import type { AverageSpec } from '../../src/ir/average.js';
import type { OptimizerSpec } from '../../src/ir/optimizer.js';
import type { LossScaling, PolicyName } from '../../src/ir/program.js';
import type { ComputeType } from '../../src/ir/types.js';
import { ADAM, type ProgramOptions, SGD } from './network.js';

export const OPTIMIZERS: Readonly<Record<string, OptimizerSpec>> = {
  sgd: SGD,
  momentum: { ...SGD, momentum: 0.9, nesterov: true, weightDecay: 5e-4 },
  adam: ADAM,
  adamw: { ...ADAM, kind: 'adamw', weightDecay: 0.01 },
  lion: { kind: 'lion', lr: 1e-4, beta1: 0.9, beta2: 0.99, weightDecay: 0.1 },
  amsgrad: { ...ADAM, kind: 'adamw', amsgrad: true, weightDecay: 0.01 },
  rmsprop: { kind: 'rmsprop', lr: 1e-3, alpha: 0.99, eps: 1e-8, momentum: 0.9, centered: true, weightDecay: 5e-4 },
};

export const AVERAGES: Readonly<Record<AverageSpec['kind'], AverageSpec>> = {
  ema: { kind: 'ema', decay: 0.9, every: 1, from: 0, warmup: false, evaluate: 'average' },
  swa: { kind: 'swa', from: 0, every: 1, evaluate: 'average' },
  lookahead: { kind: 'lookahead', every: 2, decay: 0.5, power: 0, evaluate: 'average' },
};

/** What the configurations take in turn; their number is prime to those of the other choices. */
const AVERAGES_IN_TURN = [undefined, AVERAGES.ema, undefined, AVERAGES.lookahead, AVERAGES.swa];

export const DYNAMIC: Extract<LossScaling, { kind: 'dynamic' }> = {
  kind: 'dynamic',
  init: 65536,
  growth: 2,
  backoff: 0.5,
  interval: 2000,
  floor: 1,
  cap: 2 ** 24,
  abortAfter: 20,
};

const SCALINGS: readonly (LossScaling | undefined)[] = [undefined, { kind: 'static', scale: 128 }];
const POLICIES: readonly PolicyName[] = ['mixed', 'autocast'];
const FORMATS: readonly ComputeType[] = ['f32', 'f16', 'bf16'];

/** Every combination of optimizer, policy, format, loss scaling, accumulation and clipping, averages in turn, with a name for each. */
export function* configurations(): Generator<readonly [name: string, options: ProgramOptions]> {
  let turn = 0;
  for (const [name, optimizer] of Object.entries(OPTIMIZERS))
    for (const policy of POLICIES)
      for (const compute of FORMATS)
        for (const lossScaling of SCALINGS)
          for (const accumulate of [1, 4])
            for (const clip of [0, 1]) {
              const scaling = lossScaling?.kind ?? 'default';
              const average = AVERAGES_IN_TURN[turn++ % AVERAGES_IN_TURN.length];
              const kept = average === undefined ? 'no average' : average.kind;
              const title = [name, policy, compute, scaling, `accumulate ${accumulate}`, `clip ${clip}`, kept].join(', ');
              const train = { optimizer, accumulate, clip, ...(average && { average }) };
              yield [title, { precision: { compute, policy, lossScaling }, train }];
            }
}

/** One of them, for random tests. */
export function configuration(index: number): ProgramOptions {
  const all = [...configurations()];
  return all[index % all.length][1];
}
