import type { Attrs } from '../ir/types.js';
import { numbersAttr, sameShape } from '../ir/types.js';
import { type ContractionDefinition, convolutionGeometry, flopsOf, type GeometryRule, groupsOf } from './contraction-geometry.js';
import { constrain, type OpDefinition, type SampleRandom } from './op.js';
import { SIZE_ATTR } from './pool-window.js';
import { formatShape, reach, windowAttrs, windowOutput } from './window.js';

export const CONVOLUTION_ATTRS = {
  stride: { kind: 'numbers', doc: 'rows, columns' },
  padding: { kind: 'numbers', doc: 'top, bottom, left, right' },
  dilation: { kind: 'numbers', doc: 'from tap to tap of the window: rows, columns; 1 where left out', optional: true },
  groups: { kind: 'number', doc: 'parts of the channels that are convolved each by itself; 1 where left out', optional: true },
} as const satisfies OpDefinition['attrs'];

/** Of a convolution: what is 1 is left out. */
export function convolutionAttrs(window: Attrs, dilation: readonly [number, number], groups: number): Attrs {
  return { ...window, ...(sameShape(dilation, [1, 1]) ? {} : { dilation }), ...(groups === 1 ? {} : { groups }) };
}

const forward: GeometryRule = ([x, w, bias], a, y) =>
  convolutionGeometry({ computes: 'y', operands: bias === undefined ? ['x', 'w'] : ['x', 'w', 'bias'] }, x!.shape, w!.shape, y.shape, a);

const inputGradient: GeometryRule = ([dy, w], a, dx) =>
  convolutionGeometry({ computes: 'x', operands: ['y', 'w'] }, dx.shape, w!.shape, dy!.shape, a);

const weightGradient: GeometryRule = ([x, dy], a, dw) =>
  convolutionGeometry({ computes: 'w', operands: ['x', 'y'] }, x!.shape, dw.shape, dy!.shape, a);

/** Constraint `<op>_c6`: channels of x and y, as far as they are known, come in `groups` parts of equal size. Returns the groups. */
export function checkGroups(op: string, attrs: Attrs, ...channels: readonly number[]): number {
  const groups = groupsOf(attrs);
  const uneven = channels.find((count) => !(Number.isInteger(groups) && groups >= 1 && count % groups === 0));
  constrain(uneven === undefined, `${op}_c6`, () => `${uneven} channels do not make ${groups} groups of equal size`);
  return groups;
}

/** Groups, and channels of x and y in each: none, some, or one group for each channel of x (depthwise). */
function sampleChannelsOf(random: SampleRandom): readonly [groups: number, inputs: number, outputs: number] {
  const groups = random.pick([1, 1, 2, 3, 5, 16, 33]);
  if (groups === 1) return [1, random.pick([1, 2, 3, 5, 8, 17]), random.pick([1, 3, 7, 16, 33])];
  if (groups > 3) return [groups, 1, random.pick([1, 1, 2])];
  return [groups, random.pick([1, 2, 3, 8]), random.pick([1, 2, 5, 16])];
}

export function sampleConvolution(random: SampleRandom) {
  const kernel = [random.int(1, 3), random.int(1, 3)] as const;
  const stride = random.pick([
    [1, 1],
    [1, 1],
    [2, 2],
    [2, 1],
  ]);
  const padding = [random.int(0, 1), random.int(0, 1), random.int(0, 1), random.int(0, 1)];
  const dilation = random.pick([
    [1, 1],
    [1, 1],
    [2, 2],
    [1, 3],
  ] as const);
  const [groups, inputs, outputs] = sampleChannelsOf(random);
  const [height, width] = reach(kernel, dilation).map((size) => Math.max(size, random.int(3, 9))) as [number, number];
  const x = { dtype: 'f32', shape: [random.int(1, 3), height, width, groups * inputs] } as const;
  const w = { dtype: 'f32', shape: [...kernel, inputs, groups * outputs] } as const;
  return { x, w, attrs: convolutionAttrs(windowAttrs(stride, padding), dilation, groups) };
}

/**
 * y[n,i,j,o] = b[o] + sum over (p,q,c) of x[n, i*sh+p*dh-top, j*sw+q*dw-left, g*C+c] * w[p,q,c,o], C channels of x in a group and g the
 * group of o.
 */
export const conv2d: ContractionDefinition = {
  doc: 'Two-dimensional convolution (cross-correlation, as PyTorch) of NHWC activations with HWIO weights, accumulated in f32.',
  kind: 'contraction',
  epilogue: 'windows',
  constraints: {
    conv2d_c1: 'x is an image [batch, height, width, channels]',
    conv2d_c2: 'weight is [rows, columns, in / groups, out]',
    conv2d_c3: 'the weight takes as many channels as a group of the image has',
    conv2d_c4: 'the window fits the padded image',
    conv2d_c5: 'bias is [out]',
    conv2d_c6: 'the groups divide the channels of image and result',
  },
  operands: [
    { name: 'x', format: 'class' },
    { name: 'weight', format: 'class' },
    { name: 'bias', format: 'accumulator', optional: true },
  ],
  attrs: CONVOLUTION_ATTRS,
  precision: 'low',
  result: 'class',
  shape: ([x, w, b], a) => {
    constrain(
      x!.shape.length === 4,
      'conv2d_c1',
      `the input must be an image [batch, height, width, channels], not ${formatShape(x!.shape)}`,
    );
    constrain(
      w!.shape.length === 4,
      'conv2d_c2',
      () => `the weight must be [rows, columns, in / groups, out], not ${formatShape(w!.shape)}`,
    );
    const [kh, kw, inChannels, outChannels] = w!.shape as [number, number, number, number];
    const channels = x!.shape[3]! / checkGroups('conv2d', a, x!.shape[3]!, outChannels);
    constrain(inChannels === channels, 'conv2d_c3', () => `the weight takes ${inChannels} channels, the input has ${channels}`);
    const [h, wd] = windowOutput('conv2d', x!.shape, [kh, kw], a);
    constrain(
      b === undefined || (b.shape.length === 1 && b.shape[0] === outChannels),
      'conv2d_c5',
      () => `the bias must be [${outChannels}]`,
    );
    return [x!.shape[0]!, h, wd, outChannels];
  },
  gradient: ({ node, dy, needs, emit, builder }) => {
    const [x, w] = node.inputs as [number, number];
    const [, h, wd] = builder.type(x).shape as [number, number, number, number];
    const [kh, kw] = builder.type(w).shape as [number, number];
    return [
      needs(0) ? emit('conv2d_input_grad', [dy, w], { ...node.attrs, size: [h, wd] }, 0) : undefined,
      needs(1) ? emit('conv2d_weight_grad', [x, dy], { ...node.attrs, kernel: [kh, kw] }, 1) : undefined,
      node.inputs.length > 2 && needs(2) ? emit('sum_to_channel', [dy], {}, 2) : undefined,
    ];
  },
  geometry: forward,
  flops: flopsOf(forward),
  sample: (random) => {
    const { x, w, attrs: a } = sampleConvolution(random);
    const bias = { dtype: 'f32', shape: [w.shape[3]] } as const;
    return { types: random.pick([true, false]) ? [x, w, bias] : [x, w], attrs: a };
  },
};

/** dx of conv2d: the transposed convolution of dy with w. */
export const conv2dInputGrad: ContractionDefinition = {
  doc: 'Gradient of conv2d with respect to its input: the transposed convolution of dy with the weight, accumulated in f32.',
  kind: 'contraction',
  gradientOf: { op: 'conv2d', operand: 'x' },
  epilogue: 'elements',
  stagedOperand: 0,
  constraints: {
    conv2d_input_grad_c4: 'the window fits the padded image',
    conv2d_input_grad_c5: 'dy has the shape of the forward result',
    conv2d_input_grad_c6: 'the groups divide the channels of image and result',
  },
  operands: [
    { name: 'dy', format: 'class' },
    { name: 'weight', format: 'class' },
  ],
  attrs: { ...CONVOLUTION_ATTRS, ...SIZE_ATTR },
  precision: 'low',
  result: 'class',
  shape: ([dy, w], a) => {
    const [h, wd] = numbersAttr(a, 'size') as [number, number];
    const [kh, kw, inChannels, outChannels] = w!.shape as [number, number, number, number];
    const expected = [dy!.shape[0]!, ...windowOutput('conv2d_input_grad', [0, h, wd, 0], [kh, kw], a), outChannels];
    constrain(
      formatShape(expected) === formatShape(dy!.shape),
      'conv2d_input_grad_c5',
      `dy is ${formatShape(dy!.shape)}, the forward result ${formatShape(expected)}`,
    );
    return [dy!.shape[0]!, h, wd, inChannels * checkGroups('conv2d_input_grad', a, outChannels)];
  },
  gradient: 'none',
  geometry: inputGradient,
  flops: flopsOf(inputGradient),
  sample: (random) => {
    const { x, w, attrs: a } = sampleConvolution(random);
    const dy = { dtype: 'f32', shape: conv2d.shape([x, w], a) } as const;
    return { types: [dy, w], attrs: { ...a, size: [x.shape[1], x.shape[2]] } };
  },
};

/** dw[p,q,c,o] = sum over (n,i,j) of x[n, i*sh+p*dh-top, j*sw+q*dw-left, g*C+c] * dy[n,i,j,o]. */
export const conv2dWeightGrad: ContractionDefinition = {
  doc: 'Gradient of conv2d with respect to its weight, accumulated in f32 over the batch and all positions.',
  kind: 'contraction',
  gradientOf: { op: 'conv2d', operand: 'weight' },
  stagedOperand: 1,
  constraints: {
    conv2d_weight_grad_c4: 'the window fits the padded image',
    conv2d_weight_grad_c5: 'dy has the shape of the forward result',
    conv2d_weight_grad_c6: 'the groups divide the channels of image and result',
  },
  operands: [
    { name: 'x', format: 'class' },
    { name: 'dy', format: 'class' },
  ],
  attrs: { ...CONVOLUTION_ATTRS, kernel: { kind: 'numbers', doc: 'rows, columns' } },
  precision: 'low',
  result: 'accumulator',
  shape: ([x, dy], a) => {
    const kernel = numbersAttr(a, 'kernel') as [number, number];
    const expected = [x!.shape[0]!, ...windowOutput('conv2d_weight_grad', x!.shape, kernel, a), dy!.shape[3]!];
    constrain(
      formatShape(expected) === formatShape(dy!.shape),
      'conv2d_weight_grad_c5',
      `dy is ${formatShape(dy!.shape)}, the forward result ${formatShape(expected)}`,
    );
    const channels = x!.shape[3]! / checkGroups('conv2d_weight_grad', a, x!.shape[3]!, dy!.shape[3]!);
    return [...kernel, channels, dy!.shape[3]!];
  },
  gradient: 'none',
  geometry: weightGradient,
  flops: flopsOf(weightGradient),
  sample: (random) => {
    const { x, w, attrs: a } = sampleConvolution(random);
    const dy = { dtype: 'f32', shape: conv2d.shape([x, w], a) } as const;
    return { types: [x, dy], attrs: { ...a, kernel: [w.shape[0], w.shape[1]] } };
  },
};
