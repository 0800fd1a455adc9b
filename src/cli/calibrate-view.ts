import type { Calibration, ValueCalibration } from '../index.js';
import { LIMITS } from '../numeric/formats.js';
import { formatCount, formatPercent, type Output } from './output.js';

const BARS = ' ▁▂▃▄▅▆▇█';
/** Bars cover the range of f16, four exponents each: from its smallest subnormal to its largest number. */
const [LEAST, MOST, WIDTH] = [-32, 20, 4];

/** A bar for every four powers of two from 2^-32 to 2^20; what lies outside counts in the first or the last. The height is logarithmic. */
function bars(exponents: ValueCalibration['exponents'], shift: number): string {
  const counts = new Array<number>((MOST - LEAST) / WIDTH).fill(0);
  for (const [exponent, elements] of exponents) {
    const at = Math.floor((exponent + shift - LEAST) / WIDTH);
    counts[Math.max(0, Math.min(counts.length - 1, at))]! += elements;
  }
  const most = Math.log1p(Math.max(...counts));
  return counts.map((count) => (count === 0 ? ' ' : BARS[Math.max(1, Math.round((Math.log1p(count) / most) * 8))])).join('');
}

function number(value: number): string {
  if (value === 0) return '0';
  // Three digits would make 65,536 look smaller than the 65,504 of fp16.
  if (value >= 1e3 && value < 1e6) return formatCount(Math.round(value));
  return value >= 1e-3 && value < 1e6 ? String(Number(value.toPrecision(3))) : value.toExponential(1);
}

function formatScale(scale: number): string {
  return scale >= 1 ? formatCount(scale) : `2^${Math.log2(scale)}`;
}

function printValues(values: readonly ValueCalibration[], scale: number, output: Output): void {
  const scaled = (value: ValueCalibration) => (value.phase === 'backward' ? scale : 1);
  output.table(
    ['layer', 'value', 'format', 'largest', 'smallest', 'proved below', 'lost in fp16', '2^-32 … 2^20'],
    values.map((value) => [
      value.layer,
      value.phase === 'forward' ? value.op : value.value,
      value.dtype,
      value.non_finite > 0 ? 'infinite or NaN' : number(value.max * scaled(value)),
      value.min_nonzero === null ? '-' : number(value.min_nonzero * scaled(value)),
      value.proved === null ? '-' : number(value.proved),
      value.f16_overflow && value.dtype === 'f16' ? 'overflows' : formatPercent(value.f16_underflow),
      bars(value.exponents, Math.floor(Math.log2(scaled(value)))),
    ]),
  );
}

/** Every so many powers of two are shown. */
const SHOWN_POWERS = 4;

function printEffects(scales: Calibration['scales'], output: Output): void {
  const shown = scales.filter((_, power) => power % SHOWN_POWERS === 0);
  output.table(
    ['  at scale', 'vanish', 'gradients that overflow'],
    shown.map(({ scale, lost, overflowing }) => [`  ${formatCount(scale)}`, formatPercent(lost), String(overflowing)]),
  );
}

function printScale({ advice, scale, scales, lost, proved_scale }: Calibration, output: Output): void {
  if (advice === null) {
    output.line('no gradient is in fp16: no loss scale is needed');
    return;
  }
  output.line(
    `${output.style('bold', 'loss scale')}: the file starts at ${formatScale(scale)}, where ${formatPercent(lost)} of the gradients ` +
      'in fp16 vanish',
  );
  const { largest, best, largestGradient } = advice;
  if (largest === undefined || best === undefined) output.line(`  no scale fits: the largest gradient is ${number(largestGradient)}`);
  else {
    output.line(
      `  ${formatScale(largest.scale)} is the largest that overflowed nothing here (largest gradient ${number(largestGradient)}); ` +
        `${formatPercent(largest.lost)} vanish`,
    );
    if (best.scale !== largest.scale)
      output.line(`  ${formatScale(best.scale)} is the smallest that loses no more: the one with the most room`);
  }
  printEffects(scales, output);
  output.line(
    proved_scale === null
      ? '  none can be proved to overflow nothing with these weights, whatever the images'
      : `  ${formatScale(proved_scale)} provably overflows nothing with these weights, whatever the images`,
  );
}

/** In f32 already: no format and no loss scale helps. */
function printNonFinite(values: readonly ValueCalibration[], output: Output): void {
  const broken = values.filter(({ non_finite }) => non_finite > 0);
  if (broken.length === 0) return;
  const names = broken.slice(0, 3).map(({ value, place }) => `${value}${place === null ? '' : ` (${place.line}:${place.column})`}`);
  const more = broken.length > 3 ? ` and ${broken.length - 3} more` : '';
  output.line(
    `${output.style('bold', 'infinite or NaN in f32')}: ${names.join(', ')}${more}: lower the learning rate, clip the gradients, or ` +
      'check the data',
  );
}

/** Of a plan that has nothing in fp16 that overflows: what would, if it were in fp16. */
function printFit(values: readonly ValueCalibration[], output: Output): void {
  const found = values.filter(({ phase, f16_overflow }) => phase === 'forward' && f16_overflow);
  // A cast has the name of what it casts.
  const large = [...new Map(found.map((value) => [value.value, value])).values()];
  const listed = large.slice(0, 3).map(({ value, max }) => `${value} (${number(max)})`);
  if (large.length === 0) output.line('no value of the forward pass overflows fp16');
  else
    output.line(
      `not in fp16 here, where they would overflow: ${listed.join(', ')}${large.length > 3 ? ` and ${large.length - 3} more` : ''}`,
    );
}

/** Every measured value, forward then backward, and what to do. */
export function printCalibration(result: Calibration, output: Output): void {
  const { model, precision, policy, backend, steps, batch, file_batch, values, pins, scale } = result;
  const times = batch === file_batch ? '' : `, gradients as at the file's ${file_batch}`;
  output.line(
    `${output.style('bold', model)}: ${precision}, policy ${policy}; measured in f32 on ${backend}, ${steps} ` +
      `${steps === 1 ? 'step' : 'steps'} of ${batch} ${batch === 1 ? 'image' : 'images'}${times}`,
  );
  for (const phase of ['forward', 'backward'] as const) {
    const own = values.filter((value) => value.phase === phase);
    if (own.length === 0) continue;
    output.line();
    output.line(output.style('bold', phase === 'forward' ? 'forward' : `backward, times the loss scale ${formatScale(scale)}`));
    printValues(own, scale, output);
  }
  output.line(
    output.style('dim', 'proved below: with the weights after the last step, whatever the image; lost in fp16: would be 0 there'),
  );
  output.line();
  printNonFinite(values, output);
  for (const { value, max, line } of pins)
    output.line(
      `${output.style('bold', line)}   # ${value} reaches ${formatCount(Math.round(max))}; fp16 ends at ${formatCount(LIMITS.f16.largest)}`,
    );
  if (pins.length === 0) printFit(values, output);
  printScale(result, output);
}
