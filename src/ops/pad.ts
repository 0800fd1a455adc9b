import type { Attrs, Shape, ValueId } from '../ir/types.js';
import { numbersAttr, stringAttr } from '../ir/types.js';
import { elements, isImage } from './constraints.js';
import { along, type Beyond, type CopyDefinition, copyOf } from './copy-map.js';
import { constrain, type OpDefinition, type SampleRandom } from './op.js';
import { f32, sampleImage, sampleShape } from './sample.js';
import type { AxisTaps, TapsDefinition } from './taps.js';
import { formatShape } from './window.js';

/** What stands around the tensor: zeros, the tensor mirrored at its end, which is not repeated, or its end. */
export const PAD_MODES = ['zero', 'reflect', 'replicate'] as const;
type PadMode = (typeof PAD_MODES)[number];

const BEYOND: Readonly<Record<PadMode, Beyond>> = { zero: 'leaves', reflect: 'reflects', replicate: 'clamps' };

const AMOUNTS = {
  before: { kind: 'numbers', doc: 'by axis: how many elements come before it' },
  after: { kind: 'numbers', doc: 'by axis: how many come behind it' },
  mode: { kind: 'string', doc: PAD_MODES.join(', ') },
} as const satisfies OpDefinition['attrs'];

function modeOf(label: string, attrs: Attrs): PadMode {
  const mode = stringAttr(attrs, 'mode');
  constrain((PAD_MODES as readonly string[]).includes(mode), label, () => `${mode} is no mode of padding`);
  return mode as PadMode;
}

function checkedAmounts(label: string, rank: number, attrs: Attrs): readonly [before: readonly number[], after: readonly number[]] {
  const amounts = [numbersAttr(attrs, 'before'), numbersAttr(attrs, 'after')] as const;
  for (const amount of amounts)
    constrain(
      amount.length === rank && amount.every((size) => Number.isInteger(size) && size >= 0),
      label,
      () => `${formatShape(amount)} is no amount for each of ${rank} axes`,
    );
  return amounts;
}

/**
 * Constraint `label`: a mirrored axis has as many elements besides its end; only rows and columns of an image have something around them.
 */
function isMirrored(label: string, shape: Shape, before: readonly number[], after: readonly number[], mode: PadMode): void {
  if (mode === 'zero') return;
  const inside = shape.length === 4 && [0, 3].every((axis) => before[axis] === 0 && after[axis] === 0);
  constrain(inside, label, () => `${mode} pads rows and columns of an image, not ${formatShape(shape)}`);
  const most = mode === 'reflect' ? shape.map((size) => size - 1) : shape.map(() => Number.POSITIVE_INFINITY);
  const fits = shape.every((_, axis) => Math.max(before[axis], after[axis]) <= most[axis]);
  constrain(fits, label, () => `an image of ${shape[1]}x${shape[2]} has too few rows or columns to reflect so many`);
}

function sampleAmounts(random: SampleRandom, shape: Shape, mode: PadMode): Attrs {
  const amount = () => shape.map((size, axis) => (mode === 'zero' || axis === 1 || axis === 2 ? random.int(0, Math.min(3, size - 1)) : 0));
  return { before: amount(), after: amount(), mode };
}

/** y[i] = x[i - before] where that is an element, along each axis; elsewhere by the mode. */
export const pad: CopyDefinition = {
  doc: 'A tensor with zeros, its mirror image, or its last elements around it.',
  kind: 'copy',
  constraints: {
    pad_c1: 'there is an amount of 0 or more before and behind each axis',
    pad_c2: 'the mode is one of those listed',
    pad_c3: 'reflect and replicate pad rows and columns of an image, and reflect by less than there are',
  },
  operands: [{ name: 'x', format: 'class' }],
  attrs: AMOUNTS,
  precision: 'follow',
  result: 'class',
  shape: ([x], attrs) => {
    const [before, after] = checkedAmounts('pad_c1', x.shape.length, attrs);
    isMirrored('pad_c3', x.shape, before, after, modeOf('pad_c2', attrs));
    return x.shape.map((size, axis) => before[axis] + size + after[axis]);
  },
  map: ([x], attrs, shape) => {
    const before = numbersAttr(attrs, 'before');
    const beyond = BEYOND[modeOf('pad_c2', attrs)];
    return copyOf(
      shape,
      x.shape.map((size, axis) => along(axis, size, -before[axis], size === shape[axis] ? 'never' : beyond)),
    );
  },
  gradient: ({ node, dy, emit, builder }) => {
    if (node.attrs.mode !== 'zero') return [emit('pad_grad', [dy], node.attrs, 0)];
    const { shape } = builder.type(node.inputs[0]);
    const before = numbersAttr(node.attrs, 'before');
    const cut = (x: ValueId, size: number, axis: number): ValueId =>
      size === node.type.shape[axis] ? x : emit('slice', [x], { axis, start: before[axis], size }, 0);
    return [shape.reduce(cut, dy)];
  },
  flops: () => 0,
  sample: (random) => {
    const mode = random.pick(PAD_MODES);
    const shape = mode === 'zero' ? sampleShape(random) : sampleImage(random);
    return { types: [f32(...shape)], attrs: sampleAmounts(random, shape, mode) };
  },
};

/** dx[h,w] = sum of dy over the places where pad put x[h,w], which are more than one at the edges. */
export const padGrad: TapsDefinition = {
  doc: 'Gradient of pad by reflect or replicate: each dy goes to the element that stood there.',
  kind: 'pool',
  gradientOf: { op: 'pad', operand: 'x' },
  constraints: {
    pad_grad_c1: 'dy is an image [batch, height, width, channels]',
    pad_grad_c2: 'the mode is reflect or replicate',
    pad_grad_c3: 'dy is as large as what pad made',
  },
  operands: [{ name: 'dy', format: 'class' }],
  attrs: AMOUNTS,
  precision: 'follow',
  result: 'class',
  shape: ([dy], attrs) => {
    isImage('pad_grad_c1', 'dy', dy);
    const mode = modeOf('pad_grad_c2', attrs);
    constrain(mode !== 'zero', 'pad_grad_c2', 'zeros have no gradient to collect');
    const [before, after] = checkedAmounts('pad_grad_c3', dy.shape.length, attrs);
    const shape = dy.shape.map((size, axis) => size - before[axis] - after[axis]);
    constrain(
      shape.every((size) => size > 0),
      'pad_grad_c3',
      () => `${formatShape(dy.shape)} is no larger than what is around it`,
    );
    isMirrored('pad_grad_c3', shape, before, after, mode);
    return shape;
  },
  gradient: 'none',
  flops: ([dy]) => elements(dy),
  taps: ([dy], attrs) => {
    const [before, after] = [numbersAttr(attrs, 'before'), numbersAttr(attrs, 'after')];
    const axis = (at: 1 | 2): AxisTaps => ({
      kind: 'unpad',
      before: before[at],
      after: after[at],
      size: dy.shape[at] - before[at] - after[at],
      reflects: attrs.mode === 'reflect',
    });
    return [axis(1), axis(2)];
  },
  sample: (random) => {
    const shape = sampleImage(random);
    const attrs = sampleAmounts(random, shape, random.pick(['reflect', 'replicate']));
    const [before, after] = [numbersAttr(attrs, 'before'), numbersAttr(attrs, 'after')];
    return { types: [f32(...shape.map((size, axis) => before[axis] + size + after[axis]))], attrs };
  },
};
