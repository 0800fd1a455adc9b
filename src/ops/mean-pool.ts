import type { Attrs, Shape } from '../ir/types.js';
import { numbersAttr } from '../ir/types.js';
import { hasShape, isImage } from './constraints.js';
import { type AxisWindows, evenWindows, slidingWindows, windowsAlong } from './mean-windows.js';
import { constrain, type OpDefinition } from './op.js';
import { checkPadding, POOL_ATTRS, poolOutput, SIZE_ATTR, samplePool } from './pool-window.js';
import { f32, sampleImage } from './sample.js';
import type { TapsDefinition } from './taps.js';

type Axes = readonly [rows: AxisWindows, columns: AxisWindows];

/** Means over windows along rows and columns: `windows` of an image of some size, to a result of some size. */
interface MeanPool {
  readonly name: 'adaptive_avg_pool2d' | 'clipped_avg_pool2d';
  readonly doc: string;
  readonly attrs: OpDefinition['attrs'];
  /** By number: what `results` checks. */
  readonly constraints: Readonly<Record<number, string>>;
  /** Height and width of the result, for the op that is called `op`. */
  readonly results: (op: string, shape: Shape, attrs: Attrs) => readonly [number, number];
  readonly windows: (shape: Shape, results: readonly [number, number], attrs: Attrs) => Axes;
  readonly sample: (random: Parameters<Exclude<OpDefinition['sample'], 'none'>>[0]) => { readonly shape: Shape; readonly attrs: Attrs };
}

function definitions({ name, doc, attrs, constraints, results, windows, sample }: MeanPool): readonly [TapsDefinition, TapsDefinition] {
  const gradientName = `${name}_grad` as const;
  const listed = (op: string, own: Readonly<Record<number, string>>) =>
    Object.fromEntries(Object.entries({ ...own, ...constraints }).map(([number, text]) => [`${op}_c${number}`, text]));
  const shared = { kind: 'pool', precision: 'follow', result: 'class' } as const;
  const op: TapsDefinition = {
    ...shared,
    doc,
    constraints: listed(name, { 1: 'x is an image [batch, height, width, channels]' }),
    operands: [{ name: 'x', format: 'class' }],
    attrs,
    shape: ([x], given) => {
      isImage(`${name}_c1`, 'the input', x);
      return [x.shape[0], ...results(name, x.shape, given), x.shape[3]];
    },
    taps: ([x], given) => {
      const [rows, columns] = windows(x.shape, results(name, x.shape, given), given);
      return [
        { kind: 'mean', windows: rows, back: false },
        { kind: 'mean', windows: columns, back: false },
      ];
    },
    gradient: ({ node, dy, emit, builder }) => {
      const [, height, width] = builder.type(node.inputs[0]).shape;
      return [emit(gradientName, [dy], { ...node.attrs, size: [height, width] }, 0)];
    },
    flops: ([x], given, result) => {
      const axes = windows(x.shape, [result.shape[1], result.shape[2]], given);
      const [rows, columns] = axes.map((axis) => windowsAlong(axis).reduce((sum, { from, to }) => sum + to - from, 0));
      return 2 * rows * columns * x.shape[0] * x.shape[3];
    },
    sample: (random) => {
      const { shape, attrs: sampled } = sample(random);
      return { types: [f32(...shape)], attrs: sampled };
    },
  };
  const imageOf = (dy: Shape, given: Attrs): Shape => [dy[0], ...numbersAttr(given, 'size'), dy[3]];
  const gradient: TapsDefinition = {
    ...shared,
    doc: `Gradient of ${name}: each dy is spread evenly over its window.`,
    gradientOf: { op: name, operand: 'x' },
    constraints: listed(gradientName, {
      1: 'dy is an image [batch, height, width, channels]',
      3: 'dy has the shape of the forward result',
    }),
    operands: [{ name: 'dy', format: 'class' }],
    attrs: { ...attrs, ...SIZE_ATTR },
    shape: ([dy], given) => {
      isImage(`${gradientName}_c1`, 'dy', dy);
      const shape = imageOf(dy.shape, given);
      hasShape(`${gradientName}_c3`, 'dy', dy, [shape[0], ...results(gradientName, shape, given), shape[3]]);
      return shape;
    },
    taps: ([dy], given) => {
      const [rows, columns] = windows(imageOf(dy.shape, given), [dy.shape[1], dy.shape[2]], given);
      return [
        { kind: 'mean', windows: rows, back: true },
        { kind: 'mean', windows: columns, back: true },
      ];
    },
    gradient: 'none',
    flops: ([dy], given, result) => op.flops!([result], given, dy),
    sample: (random) => {
      const { shape, attrs: sampled } = sample(random);
      return { types: [f32(...op.shape([f32(...shape)], sampled))], attrs: { ...sampled, size: shape.slice(1, 3) } };
    },
  };
  return [op, gradient];
}

export const [adaptiveAvgPool2d, adaptiveAvgPool2dGrad] = definitions({
  name: 'adaptive_avg_pool2d',
  doc: 'Means of windows that cover an image, floor(i * size / results) to ceil((i + 1) * size / results) along each axis.',
  attrs: { results: { kind: 'numbers', doc: "the result's height and width" } },
  constraints: { 2: 'the result has at least one row and column' },
  results: (op, _shape, attrs) => {
    const [rows, columns] = numbersAttr(attrs, 'results');
    constrain(rows >= 1 && columns >= 1, `${op}_c2`, () => `${rows}x${columns} is no size of an image`);
    return [rows, columns];
  },
  windows: (shape, [rows, columns]) => [evenWindows(shape[1], rows), evenWindows(shape[2], columns)],
  sample: (random) => ({ shape: sampleImage(random), attrs: { results: [random.int(1, 6), random.int(1, 6)] } }),
});

export const [clippedAvgPool2d, clippedAvgPool2dGrad] = definitions({
  name: 'clipped_avg_pool2d',
  doc: 'Mean of what each window of an image holds of it, and of so much padding as counts as zeros.',
  attrs: { ...POOL_ATTRS, counted: { kind: 'numbers', doc: 'top, bottom, left, right: cells of the padding that count' } },
  constraints: {
    2: 'the padding that counts is part of the padding',
    4: 'the window fits the padded image',
    5: 'every window holds an element of the image',
  },
  results: (op, shape, attrs) => {
    const [padding, counted] = [numbersAttr(attrs, 'padding'), numbersAttr(attrs, 'counted')];
    const isPart = counted.length === 4 && counted.every((cells, side) => cells >= 0 && cells <= padding[side]!);
    constrain(isPart, `${op}_c2`, () => `[${counted.join(', ')}] is no part of the padding [${padding.join(', ')}]`);
    const [, height, width] = poolOutput(op, shape, attrs);
    checkPadding(op, shape, attrs);
    return [height!, width!];
  },
  windows: (shape, results, attrs) => {
    const [window, stride, padding, counted] = ['window', 'stride', 'padding', 'counted'].map((name) => numbersAttr(attrs, name));
    const along = (axis: 0 | 1) =>
      slidingWindows(shape[axis + 1]!, results[axis], {
        length: window![axis]!,
        stride: stride![axis]!,
        before: padding![2 * axis]!,
        counted: [counted![2 * axis]!, counted![2 * axis + 1]!],
      });
    return [along(0), along(1)];
  },
  sample: (random) => {
    const { x, attrs } = samplePool(random);
    return { shape: x.shape, attrs: { ...attrs, counted: numbersAttr(attrs, 'padding').map((cells) => random.int(0, cells)) } };
  },
});
