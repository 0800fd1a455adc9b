import { type AxisWindows, evenWindows, slidingWindows, windowsAlong } from '../../../ops/mean-windows.js';
import { type AmpBuilder, pairText } from './builder.js';
import { columnsByMatrix, rowsByMatrix } from './contractions.js';
import type { NodeView } from './node.js';
import type { Constant } from './tensors.js';
import { IMAGE_PLACES, type Value } from './values.js';

/** Sums of places along one axis: of result i, `at(i, place)` of each. */
interface Matrix {
  readonly results: number;
  readonly places: number;
  readonly at: (result: number, place: number) => number;
}

function isOf({ results, places, at }: Matrix, windows: AxisWindows): boolean {
  return windowsAlong(windows).every(({ from, to, count }, i) =>
    Array.from({ length: places }, (_, place) => (place >= from && place < to ? 1 / count : 0)).every(
      (weight, place) => i < results && Math.abs(at(i, place) - weight) < 1e-5,
    ),
  );
}

/** How an avg_pool2d treats what lies beyond its image. */
interface Form {
  readonly padding: 'same' | 'even';
  readonly ceil: boolean;
  readonly counts: boolean;
}

const FORMS: readonly Form[] = [
  { padding: 'even', ceil: false, counts: false },
  { padding: 'even', ceil: true, counts: true },
  { padding: 'even', ceil: true, counts: false },
  { padding: 'same', ceil: false, counts: false },
];

interface Window {
  readonly length: number;
  readonly stride: number;
  readonly before: number;
}

/** The windows of such a pool along an axis; undefined where it has not as many as the matrix has results. */
function windowsOf({ padding, ceil, counts }: Form, { length, stride, before }: Window, size: number, results: number) {
  const total = Math.max(0, (Math.ceil(size / stride) - 1) * stride + length - size);
  if (padding === 'same' && before !== Math.floor(total / 2)) return undefined;
  const after = padding === 'same' ? total - before : before;
  const room = size + before + after - length;
  if (room < 0 || 2 * before > length) return undefined;
  const count = (ceil ? Math.ceil : Math.floor)(room / stride) + 1;
  const begins = ceil && (count - 1) * stride >= size + before ? count - 1 : count;
  return begins === results
    ? slidingWindows(size, results, { length, stride, before, counted: counts ? [before, after] : [0, 0] })
    : undefined;
}

/** The window of a pool of that form whose means these are. */
function windowIn(matrix: Matrix, form: Form): Window | undefined {
  const { results, places, at } = matrix;
  const row = (i: number) => Array.from({ length: places }, (_, place) => at(i, place));
  const spans = Array.from({ length: results }, (_, i) => row(i).filter((weight) => weight !== 0).length);
  const counts = Array.from({ length: results }, (_, i) => Math.round(1 / Math.max(...row(i))));
  const end = row(0).findLastIndex((weight) => weight !== 0) + 1;
  for (const length of new Set([...spans, ...counts]))
    for (let stride = 1; stride <= places; stride += 1) {
      const window = { length, stride, before: length - end };
      if (window.before < 0) continue;
      const windows = windowsOf(form, window, places, results);
      if (windows !== undefined && isOf(matrix, windows)) return window;
    }
  return undefined;
}

const rowsOf = ({ shape, data }: Constant): Matrix => ({
  results: shape[0]!,
  places: shape[1]!,
  at: (result, place) => data[result * shape[1]! + place]!,
});

const columnsOf = ({ shape, data }: Constant): Matrix => ({
  results: shape[1]!,
  places: shape[0]!,
  at: (result, place) => data[place * shape[1]! + result]!,
});

/** The pool that takes these means, as a layer with its arguments. */
function poolOf(axes: readonly Matrix[]): readonly string[] | undefined {
  const results = axes.map((axis) => axis.results);
  if (axes.every((axis) => isOf(axis, evenWindows(axis.places, axis.results)))) return ['adaptive_avg_pool2d', pairText(results)];
  for (const form of FORMS) {
    const windows = axes.flatMap((axis) => windowIn(axis, form) ?? []);
    if (windows.length < axes.length) continue;
    const [kernel, stride, before] = [
      windows.map(({ length }) => length),
      windows.map((window) => window.stride),
      windows.map((window) => window.before),
    ];
    const padding = form.padding === 'same' ? 'same' : pairText(before);
    const isPadded = form.padding === 'same' || before.some((size) => size > 0);
    return [
      'avg_pool2d',
      pairText(kernel),
      ...(stride.every((step, axis) => step === kernel[axis]) ? [] : [`stride: ${pairText(stride)}`]),
      ...(isPadded ? [`padding: ${padding}`] : []),
      ...(form.ceil ? ['ceil_mode: true'] : []),
      ...(form.counts ? [] : ['count_include_pad: false']),
    ];
  }
  return undefined;
}

/** Rows and columns of an image by a matrix each: a pool whose windows are unlike, where they are its means. */
export function meanWindows(builder: AmpBuilder, node: NodeView): Value {
  const [rows, columns] = [node.constant(1), node.constant(2)];
  const given = node.value();
  const [batch, channels] = given.shape as [number, number];
  const pool = given.shape.length === 4 ? poolOf([rowsOf(rows), columnsOf(columns)]) : undefined;
  if (pool === undefined) return columnsByMatrix(builder, rowsByMatrix(builder, given, rows), columns);
  const [layer, ...args] = pool;
  const shape = [batch, channels, rows.shape[0]!, columns.shape[1]!];
  return builder.stage(builder.image(given), layer!, args, { shape, places: IMAGE_PLACES });
}
