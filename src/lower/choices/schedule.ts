import { SCHEDULE_UNITS, type ScheduleSpec, type ScheduleUnit } from '../../ir/program.js';
import { type Place, type Words, word } from '../setting.js';

type Points = Extract<ScheduleSpec, { kind: 'piecewise' }>['points'];
type StepSpec = Extract<ScheduleSpec, { kind: 'step' }>;

/** The first point of a piecewise schedule that cannot follow those before it; -1: none. */
function outOfOrder(points: Points): number {
  const isThird = (i: number): boolean => i > 1 && points[i]![0] === points[i - 2]![0];
  return points.findIndex(([place, factor], i) => place < 0 || factor < 0 || (i > 0 && place < points[i - 1]![0]) || isThird(i));
}

/** Where `step` multiplies, of which one says so. */
function readStep(every: number | undefined, at: readonly number[] | undefined, gamma: number, { sink, span }: Place): StepSpec {
  if (at === undefined) {
    // One that is there and wrong is reported already.
    const isWrong =
      span !== undefined && sink.diagnostics.some((one) => one.span && one.span.start >= span.start && one.span.end <= span.end);
    if (every === undefined && !isWrong)
      sink.error('AMP2003', span, '`step` needs `every` or `at`', {
        why: '`every`: so many epochs; `at`: a list of epochs',
        fix: 'such as `step(every: 30)` or `step(at: [60, 120, 160], gamma: 0.2)`',
      });
    return { kind: 'step', every: every ?? 1, gamma };
  }
  if (every !== undefined)
    sink.error('AMP4009', span, '`step` has both `every` and `at`', { why: 'each says when to multiply', fix: 'leave one of them out' });
  const bad = at.findIndex((epoch, i) => i > 0 && epoch <= at[i - 1]!);
  if (bad !== -1)
    sink.error('AMP4009', span, `epoch ${at[bad]} of \`at\` is out of order`, {
      why: 'epochs ascend',
      fix: `put it before ${at[bad - 1]}`,
    });
  return { kind: 'step', at, gamma };
}

/** What the places of points are called, in the plural. */
const SCALES: Readonly<Record<ScheduleUnit, string>> = { epochs: 'epochs', steps: 'steps', run: 'shares' };

export const SCHEDULES = {
  constant: word('always 1', {}, () => ({ kind: 'constant' })),
  step: word(
    "multiplies by `gamma` every so many epochs, PyTorch's StepLR, or after each of some epochs, its MultiStepLR",
    {
      every: { kind: 'number', above: 0, max: 1_000_000, optional: true, doc: 'epochs' },
      gamma: { kind: 'number', default: 0.1, above: 0, doc: 'factor' },
      at: { kind: 'numbers', above: 0, max: 1_000_000, optional: true, doc: 'in place of `every`: a list of epochs, ascending' },
    },
    ({ every, gamma, at }, place) => readStep(every, at, gamma, place),
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
    {
      points: { kind: 'points', doc: 'a list of [epoch, factor], epochs ascending; two with one epoch are a jump' },
      over: {
        kind: 'word',
        words: SCHEDULE_UNITS,
        default: 'epochs',
        doc: 'what points count in place of epochs: `steps`, or shares of the `run`, from 0 to 1, each rounded down to a whole step',
      },
    },
    ({ points, over }, { sink, span }) => {
      const bad = outOfOrder(points);
      if (bad !== -1)
        sink.error('AMP4009', span, `point ${bad + 1} of the schedule, [${points[bad]!.join(', ')}], is out of order`, {
          why: `${SCALES[over]} ascend from point to point, or are the same at two of them, for a jump; nothing is negative`,
        });
      const beyond = over === 'run' ? points.findIndex(([share]) => share > 1) : -1;
      if (bad === -1 && beyond !== -1)
        sink.error('AMP4009', span, `point ${beyond + 1} of the schedule, [${points[beyond]!.join(', ')}], is beyond the run`, {
          why: 'with `over: run` points are at shares of the run, and 1 is its end',
          fix: 'divide by the length of the run, or leave `over` out to count epochs',
        });
      return { kind: 'piecewise', points, ...(over !== 'epochs' && { over }) };
    },
  ),
} satisfies Words<ScheduleSpec>;
