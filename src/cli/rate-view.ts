import type { LargestBatch, LearningRateTest } from '../index.js';
import { formatBytes } from '../index.js';
import { formatCount, formatLoss, type Output } from './output.js';

/** Rows of the curve, and columns of its longest bar. */
const [ROWS, COLUMNS] = [24, 40];

/** Three digits, as rates are written. */
function rateText(rate: number): string {
  return rate.toExponential(2);
}

type Point = LearningRateTest['points'][number];

/** Marks of the rows that say something: the row of each is the one next to it. */
function marksOf({ steepest, lowest, diverged }: LearningRateTest, rows: readonly Point[]): ReadonlyMap<Point, string> {
  const marks = new Map<Point, string>();
  const near = (rate: number) =>
    rows.reduce((best, row) => (Math.abs(Math.log(row.rate / rate)) < Math.abs(Math.log(best.rate / rate)) ? row : best));
  for (const [rate, text] of [
    [steepest, 'falls fastest'],
    [lowest, 'lowest'],
    [diverged, 'lost'],
  ] as const)
    if (rate !== null) marks.set(near(rate), [marks.get(near(rate)), text].filter((mark) => mark !== undefined).join(', '));
  return marks;
}

function thinned(points: readonly Point[]): readonly Point[] {
  if (points.length <= ROWS) return points;
  return Array.from({ length: ROWS }, (_, row) => points[Math.round((row * (points.length - 1)) / (ROWS - 1))]!);
}

export function printRateTest(test: LearningRateTest, output: Output): void {
  const { model, backend, precision, images, points, present, reason, suggestion, set } = test;
  const steps = `${points.length} steps of ${formatCount(images)} images`;
  output.line(`${output.style('bold', model)}, ${precision} on ${backend}: ${steps}, each with a higher learning rate`);
  output.line();
  const rows = thinned(points);
  const marks = marksOf(test, rows);
  const known = points.flatMap(({ smoothed }) => smoothed ?? []);
  const [least, most] = [Math.min(...known), Math.max(...known.slice(0, Math.max(1, known.indexOf(Math.min(...known)))))];
  const bar = (smoothed: number | null) => {
    if (smoothed === null) return '';
    const share = most > least ? (smoothed - least) / (most - least) : 0;
    return '#'.repeat(Math.min(COLUMNS, Math.max(1, Math.round(share * COLUMNS))));
  };
  output.table(
    ['rate', 'loss', 'smoothed', '', ''],
    rows.map((row) => [
      rateText(row.rate),
      row.skipped ? `${formatLoss(row.loss)} (skipped)` : formatLoss(row.loss),
      formatLoss(row.smoothed),
      bar(row.smoothed),
      marks.get(row) ?? '',
    ]),
  );
  output.line();
  output.line(reason);
  output.line(
    suggestion === null
      ? `no suggestion; the file has ${present}`
      : `suggestion: ${output.style('bold', `--set ${set}`)}; the file has ${present}`,
  );
}

export function printLargestBatch(found: LargestBatch, output: Output): void {
  const { model, backend, precision, batch, images, memory, limit, forecasts, present } = found;
  output.line(`${output.style('bold', model)}, ${precision} on ${backend}: what training takes, by its plan`);
  output.line();
  output.table(
    ['batch', 'forecast', ''],
    forecasts.map(({ batch: of, bytes }) => [
      formatCount(of),
      bytes === null ? 'there is no such plan' : formatBytes(bytes),
      of === batch ? 'the largest that fits' : bytes !== null && bytes <= memory ? 'fits' : '',
    ]),
  );
  output.line();
  output.line(`${formatBytes(memory)} may be taken; ${limit} sets the limit`);
  if (batch === null) output.line('not even a batch of one image fits');
  else {
    const whole = batch === images ? ', all images of an epoch' : '';
    output.line(`largest batch: ${output.style('bold', `--batch ${batch}`)}${whole}; the file has ${present}`);
  }
}
