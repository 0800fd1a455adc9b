import { type AverageSpec, EVALUATED, type Evaluated } from '../../ir/average.js';
import { type Words, word } from '../setting.js';

const EVALUATE = {
  kind: 'word',
  words: EVALUATED,
  default: 'average',
  doc: 'what is tested, chosen as best, and saved as weights; the other is tested and saved beside it',
} as const;

const BOTH = {
  kind: 'boolean',
  default: true,
  doc: 'false: in a run the other one is saved and not tested, which takes half the time of testing both',
} as const;

/** As `evaluate` and `both` were written. */
function evaluationOf({
  evaluate,
  both,
}: {
  readonly evaluate: Evaluated;
  readonly both: boolean;
}): Pick<AverageSpec, 'evaluate' | 'both'> {
  return { evaluate, ...(!both && { both }) };
}

const FROM = { kind: 'number', min: 0, max: 1_000_000 } as const;
const STEPS = { kind: 'int', min: 1, max: 1_000_000_000 } as const;

export const AVERAGES = {
  ema: word(
    'exponential: each step the average goes on with the share `decay` of what it was',
    {
      decay: { kind: 'number', default: 0.999, min: 0, below: 1, doc: 'share of the old average that is kept' },
      every: { ...STEPS, default: 1, doc: 'steps from one to the next' },
      from: { ...FROM, default: 0, doc: 'epochs before the first one' },
      warmup: { kind: 'boolean', default: false, doc: 'true: at the n-th, counted from 0, at most the share (1 + n) / (10 + n) is kept' },
      evaluate: EVALUATE,
      both: BOTH,
    },
    ({ evaluate, both, ...args }) => ({ kind: 'ema', ...args, ...evaluationOf({ evaluate, both }) }),
  ),
  swa: word(
    'stochastic weight averaging (Izmailov et al. 2018): the mean of the weights at some steps',
    {
      from: { ...FROM, doc: 'epochs before the first one is due: `from: 6` with `every: 1` takes the ends of epochs 7, 8, …' },
      every: { kind: 'number', default: 1, above: 0, max: 1_000_000, doc: 'epochs from one to the next; 0.1: ten in an epoch' },
      evaluate: EVALUATE,
      both: BOTH,
    },
    ({ evaluate, both, ...args }) => ({ kind: 'swa', ...args, ...evaluationOf({ evaluate, both }) }),
  ),
  lookahead: word(
    'Zhang et al. 2019: slow weights that move towards the trained ones, which go on from there',
    {
      every: { ...STEPS, default: 5, doc: 'steps from one to the next' },
      decay: { kind: 'number', default: 0.5, min: 0, below: 1, doc: 'share of the old slow weights that is kept' },
      power: { kind: 'number', default: 0, min: 0, max: 100, doc: 'above 0: `decay` times (step / steps of the run)^power is kept' },
      evaluate: EVALUATE,
      both: BOTH,
    },
    ({ evaluate, both, ...args }) => ({ kind: 'lookahead', ...args, ...evaluationOf({ evaluate, both }) }),
  ),
} satisfies Words<AverageSpec>;
