import type { ScheduleSpec } from '../../ir/program.js';
import { type Words, word } from '../setting.js';

type Points = Extract<ScheduleSpec, { kind: 'piecewise' }>['points'];

/** The first point of a piecewise schedule that cannot follow those before it; -1: none. */
function outOfOrder(points: Points): number {
  const isThird = (i: number): boolean => i > 1 && points[i]![0] === points[i - 2]![0];
  return points.findIndex(([epoch, factor], i) => epoch < 0 || factor < 0 || (i > 0 && epoch < points[i - 1]![0]) || isThird(i));
}

export const SCHEDULES = {
  constant: word('always 1', {}, () => ({ kind: 'constant' })),
  step: word(
    'multiplies by `gamma` every so many epochs',
    {
      every: { kind: 'number', above: 0, max: 1_000_000, doc: 'epochs' },
      gamma: { kind: 'number', default: 0.1, above: 0, doc: 'factor' },
    },
    ({ every, gamma }) => ({ kind: 'step', every, gamma }),
  ),
  cosine: word(
    'falls along half a cosine to the end of the run',
    { min: { kind: 'number', default: 0, min: 0, max: 1, doc: 'last factor' } },
    ({ min }) => ({ kind: 'cosine', min }),
  ),
  one_cycle: word(
    "up along a cosine to 1, then down: PyTorch's OneCycleLR, with `lr` as its peak",
    {
      warmup: { kind: 'number', default: 0.3, min: 0, below: 1, doc: 'share of the run that goes up' },
      div_start: { kind: 'number', default: 25, min: 1, doc: 'the first factor is 1 / div_start' },
      div_end: { kind: 'number', default: 1e4, min: 1, doc: 'the last factor is 1 / (div_start * div_end)' },
    },
    ({ warmup, div_start, div_end }) => ({ kind: 'one_cycle', warmup, divStart: div_start, divEnd: div_end }),
  ),
  piecewise: word(
    'straight lines between points',
    { points: { kind: 'points', doc: 'a list of [epoch, factor], epochs ascending; two with one epoch are a jump' } },
    ({ points }, { sink, span }) => {
      const bad = outOfOrder(points);
      if (bad !== -1)
        sink.error('AMP4009', span, `point ${bad + 1} of the schedule, [${points[bad]!.join(', ')}], is out of order`, {
          why: 'epochs ascend from point to point, or are the same at two of them, for a jump; nothing is negative',
        });
      return { kind: 'piecewise', points };
    },
  ),
} satisfies Words<ScheduleSpec>;
