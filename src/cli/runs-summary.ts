import type { Statistic, SweepOutcome } from '../index.js';
import type { Output } from './output.js';
import { formatMeasure, MEASURE_WORDS, MEASURES } from './sweep-view.js';

const BARS = '▁▂▃▄▅▆▇█';

/** From so many values on their distribution is drawn. */
const DRAWN = 5;

/** Of values that differ: how many lie in each of log2(n) + 1 (Sturges) parts of their range, as bars, the highest for the most. */
export function histogram(values: readonly number[]): string {
  const [min, max] = [Math.min(...values), Math.max(...values)];
  const counts = new Array<number>(Math.ceil(Math.log2(values.length)) + 1).fill(0);
  for (const value of values) counts[Math.min(counts.length - 1, Math.floor((counts.length * (value - min)) / (max - min)))]! += 1;
  const most = Math.max(...counts);
  return counts.map((count) => (count === 0 ? ' ' : BARS[Math.ceil((count / most) * BARS.length) - 1])).join('');
}

type Format = (value: number) => string;

function row(title: string, { count, mean, deviation, interval, min, max }: Statistic, format: Format): readonly string[] {
  const range = interval === null ? '-' : interval.map(format).join(' to ');
  return [title, String(count), format(mean), deviation === null ? '-' : format(deviation), range, format(min), format(max)];
}

function formatSeconds(seconds: number): string {
  return `${seconds.toFixed(seconds < 100 ? 2 : 0)} s`;
}

/** What runs that differ in their seed alone came to, the test first: validation chooses, the test is reported. */
export function printSummary({ rows }: SweepOutcome, output: Output): void {
  const [{ complete, seconds, runs, ...found }] = rows as [SweepOutcome['rows'][number]];
  const lost = runs.filter(({ state }) => state === 'lost').length;
  if (lost > 0) output.error(`${lost} of ${runs.length} runs lost their numbers, and are not in the summary`);
  if (seconds === null) {
    output.line('no run is complete: there is nothing to sum up');
    return;
  }
  const measured = MEASURES.flatMap((measure) => (found[measure] === null ? [] : [{ measure, statistic: found[measure] }])).sort(
    (a, b) => Number(b.measure.startsWith('test')) - Number(a.measure.startsWith('test')),
  );
  output.line();
  output.table(
    ['', 'n', 'mean', 'deviation', '95 % interval', 'min', 'max'],
    [
      ...measured.map(({ measure, statistic }) => row(MEASURE_WORDS[measure], statistic, (value) => formatMeasure(measure, value))),
      row('time of a run', seconds, formatSeconds),
    ],
  );
  const [first] = measured;
  if (first !== undefined && complete >= DRAWN && first.statistic.min < first.statistic.max) {
    const { measure, statistic } = first;
    const bars = histogram(runs.flatMap((run) => (run.state === 'complete' ? (run[measure] ?? []) : [])));
    const [low, high] = [statistic.min, statistic.max].map((value) => formatMeasure(measure, value));
    output.line(`${MEASURE_WORDS[measure]} ${low} ${bars} ${high}`);
  }
  const what = complete === 1 ? 'one run has no deviation and no interval' : "deviation of a sample; interval of the mean by Student's t";
  output.line(output.style('dim', what));
}
