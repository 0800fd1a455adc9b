import { assertNever } from '../ir/types.js';
import { type AxisWindows, commonCount } from '../ops/mean-windows.js';
import type { AxisTaps } from '../ops/taps.js';
import { type Code, emit, fixed } from './code.js';
import { type IndexWriter, plus } from './copy-index.js';

/** Places of the operand along an axis, one behind the other, that count for a result. */
export interface TapRange {
  /** Whole numbers: the first place, and the one behind the last. */
  readonly from: Code;
  readonly to: Code;
  /** Left out: always. */
  readonly when?: Code;
  /** How many parts of a whole the place `k` counts, as a whole number; left out: it counts as it is. */
  readonly weight?: (k: string, writer: IndexWriter) => Code;
}

/** The parts that make a whole weight. */
export function wholeOf(taps: AxisTaps): number {
  switch (taps.kind) {
    case 'resample':
      return 2 * taps.factor;
    case 'mean':
      return commonCount(taps.windows);
    case 'block':
    case 'unpad':
      return 1;
    default:
      return assertNever(taps);
  }
}

/** `2 * factor` times where element `i` of the larger axis lies on the smaller one. */
function placeOf(i: string, factor: number, size: number, writer: IndexWriter): Code {
  const place = writer.declare(plus(emit`2 * ${i}`, 1 - factor));
  const last = 2 * factor * (size - 1);
  return writer.select(`${place} < 0`, '0', writer.select(emit`${place} > ${last}`, emit`${last}`, place));
}

/** Parts of a whole that an element counts at a distance from its place. */
function tent(place: string, small: string, factor: number, writer: IndexWriter): Code {
  const distance = writer.declare(emit`${place} - ${2 * factor} * ${small}`);
  return emit`(${2 * factor} - ${writer.select(`${distance} < 0`, `-${distance}`, distance)})`;
}

/** The places that count for result `i` along an axis. */
export function tapRanges(taps: AxisTaps, i: string, writer: IndexWriter): readonly TapRange[] {
  switch (taps.kind) {
    case 'block':
      return [{ from: emit`${i} * ${taps.factor}`, to: emit`(${i} + 1) * ${taps.factor}` }];
    case 'resample':
      return [taps.back ? resampledBack(taps, i, writer) : resampled(taps, i, writer)];
    case 'mean':
      return [taps.back ? spreadBack(taps.windows, i, writer) : meanOver(taps.windows, i, writer)];
    case 'unpad':
      return taps.reflects ? mirrored(taps, i) : repeated(taps, i, writer);
    default:
      return assertNever(taps);
  }
}

type Resample = Extract<AxisTaps, { kind: 'resample' }>;

function resampled({ factor, size }: Resample, i: string, writer: IndexWriter): TapRange {
  const place = writer.declare(placeOf(i, factor, size, writer));
  const first = writer.declare(`${place} / ${2 * factor}`);
  const to = emit`${first} + ${writer.select(`${place} % ${2 * factor} == 0`, '1', '2')}`;
  return { from: first, to, weight: (k, inner) => tent(place, k, factor, inner) };
}

function resampledBack({ factor, size }: Resample, i: string, writer: IndexWriter): TapRange {
  const before = Math.floor((factor + 1) / 2) - factor;
  const behind = factor + Math.floor(factor / 2);
  return {
    from: writer.select(`${i} == 0`, '0', plus(emit`${i} * ${factor}`, before)),
    to: writer.select(emit`${i} == ${size - 1}`, emit`${size * factor}`, emit`${i} * ${factor} + ${behind}`),
    weight: (k, inner) => tent(inner.declare(placeOf(k, factor, size, inner)), i, factor, inner),
  };
}

/** Where window `i` begins and ends, within the axis or not. */
function endsOf({ step, per, reach, before }: AxisWindows, i: string, writer: IndexWriter): readonly [first: string, end: string] {
  const over = (text: Code) => (per === 1 ? text : emit`(${text}) / ${fixed(per)}`);
  const behind = before === 0 ? '' : emit` - ${before}`;
  return [
    writer.declare(emit`${over(emit`${i} * ${step}`)}${behind}`),
    writer.declare(emit`${over(emit`${i} * ${step} + ${reach}`)}${behind}`),
  ];
}

/** Parts of a whole that a place counts in the mean over window `i`. */
function shareOf(windows: AxisWindows, [first, end]: readonly [string, string], writer: IndexWriter): Code {
  const { low, high } = windows;
  const [from, to] = [
    writer.select(emit`${first} < ${low}`, emit`${low}`, first),
    writer.select(emit`${end} > ${high}`, emit`${high}`, end),
  ];
  return writer.declare(emit`${commonCount(windows)} / (${to} - ${from})`);
}

function meanOver(windows: AxisWindows, i: string, writer: IndexWriter): TapRange {
  const [first, end] = endsOf(windows, i, writer);
  const share = shareOf(windows, [first, end], writer);
  return {
    from: writer.select(`${first} < 0`, '0', first),
    to: writer.select(emit`${end} > ${windows.size}`, emit`${windows.size}`, end),
    weight: () => share,
  };
}

/** The windows that have place `k`, each by the share that places have in its mean. */
function spreadBack(windows: AxisWindows, k: string, writer: IndexWriter): TapRange {
  const { step, per, reach, before, results } = windows;
  const behind = writer.declare(emit`(${k} + ${before + 1}) * ${per}`);
  const last = writer.declare(`(${behind} - 1) / ${step} + 1`);
  return {
    from: writer.select(emit`${behind} <= ${reach}`, '0', emit`(${behind} - ${reach} + ${step - 1}) / ${fixed(step)}`),
    to: writer.select(emit`${last} > ${results}`, emit`${results}`, last),
    weight: (i, inner) => shareOf(windows, endsOf(windows, i, inner), inner),
  };
}

type Unpad = Extract<AxisTaps, { kind: 'unpad' }>;

function mirrored({ before, after, size }: Unpad, i: string): readonly TapRange[] {
  const at = (place: Code, when?: Code): TapRange => ({ from: place, to: emit`${place} + 1`, ...(when !== undefined && { when }) });
  const end = before + 2 * (size - 1);
  return [
    at(emit`${i} + ${before}`),
    ...(before > 0 ? [at(emit`${before} - ${i}`, emit`${i} >= 1 && ${i} <= ${before}`)] : []),
    ...(after > 0 ? [at(emit`${end} - ${i}`, emit`${i} >= ${size - 1 - after} && ${i} <= ${size - 2}`)] : []),
  ];
}

function repeated({ before, after, size }: Unpad, i: string, writer: IndexWriter): readonly TapRange[] {
  const [from, to] = [emit`${i} + ${before}`, emit`${i} + ${before + 1}`];
  return [
    {
      from: before === 0 ? from : writer.select(`${i} == 0`, '0', from),
      to: after === 0 ? to : writer.select(emit`${i} == ${size - 1}`, emit`${before + size + after}`, to),
    },
  ];
}
