import { numbersAttr, sameShape } from '../ir/types.js';
import { hasShape, isImage } from './constraints.js';
import { type ContractionDefinition, convolutionGeometry, flopsOf, type GeometryRule } from './contraction-geometry.js';
import { CONVOLUTION_ATTRS, checkGroups, conv2d, sampleConvolution } from './conv2d.js';
import { constrain } from './op.js';
import { SIZE_ATTR } from './pool-window.js';
import { f32 } from './sample.js';
import { formatShape, windowOutput } from './window.js';

/** The transposed convolution is the derivative of one from its result's image to its input's. */
const geometry: GeometryRule = ([x, w, bias], attrs, y) =>
  convolutionGeometry(
    { computes: 'x', operands: bias === undefined ? ['y', 'w'] : ['y', 'w', 'bias'] },
    y.shape,
    w!.shape,
    x!.shape,
    attrs,
  );

/**
 * y[n, i*sh+p*dh-top, j*sw+q*dw-left, o] = b[o] + the sum over all such (i,j,p,q) and the channels c of o's group of x[n,i,j,c] *
 * w[p,q,o,c].
 */
export const convTranspose2d: ContractionDefinition = {
  doc: 'Transposed convolution: spreads each element of an NHWC image over a window, as the gradient of conv2d does, accumulated in f32.',
  kind: 'contraction',
  epilogue: 'elements',
  constraints: {
    conv_transpose2d_c1: 'x is an image [batch, height, width, channels]',
    conv_transpose2d_c2: 'weight is [rows, columns, out / groups, in]',
    conv_transpose2d_c3: 'the weight takes as many channels as the image has',
    conv_transpose2d_c4: 'the window fits the padded result',
    conv_transpose2d_c5: 'bias is [out]',
    conv_transpose2d_c6: 'the groups divide the channels of image and result',
    conv_transpose2d_c7: 'a convolution of the result has the size of the image',
  },
  operands: [
    { name: 'x', format: 'class' },
    { name: 'weight', format: 'class' },
    { name: 'bias', format: 'accumulator', optional: true },
  ],
  attrs: { ...CONVOLUTION_ATTRS, size: { ...SIZE_ATTR.size, doc: "the result's height and width" } },
  precision: 'low',
  result: 'class',
  shape: ([x, w, bias], attrs) => {
    isImage('conv_transpose2d_c1', 'the input', x!);
    constrain(
      w!.shape.length === 4,
      'conv_transpose2d_c2',
      () => `the weight must be [rows, columns, out / groups, in], not ${formatShape(w!.shape)}`,
    );
    const [batch, height, width, channels] = x!.shape as [number, number, number, number];
    const [kh, kw, outputs, inputs] = w!.shape as [number, number, number, number];
    constrain(inputs === channels, 'conv_transpose2d_c3', () => `the weight takes ${inputs} channels, the input has ${channels}`);
    const groups = checkGroups('conv_transpose2d', attrs, channels);
    const result = [batch, ...numbersAttr(attrs, 'size'), outputs * groups];
    const image = windowOutput('conv_transpose2d', result, [kh, kw], attrs);
    constrain(
      sameShape(image, [height, width]),
      'conv_transpose2d_c7',
      () => `a convolution of ${formatShape(result)} gives ${formatShape(image)}, not ${formatShape([height, width])}`,
    );
    if (bias !== undefined) hasShape('conv_transpose2d_c5', 'the bias', bias, [outputs * groups]);
    return result;
  },
  gradient: ({ node, dy, needs, emit, builder }) => {
    const [x, w] = node.inputs as [number, number];
    const { size: _, ...attrs } = node.attrs;
    const [kh, kw] = builder.type(w).shape as [number, number];
    return [
      needs(0) ? emit('conv2d', [dy, w], attrs, 0) : undefined,
      needs(1) ? emit('conv2d_weight_grad', [dy, x], { ...attrs, kernel: [kh, kw] }, 1) : undefined,
      node.inputs.length > 2 && needs(2) ? emit('sum_to_channel', [dy], {}, 2) : undefined,
    ];
  },
  geometry,
  flops: flopsOf(geometry),
  sample: (random) => {
    const { x: y, w, attrs } = sampleConvolution(random);
    const x = f32(...conv2d.shape([y, w], attrs));
    const types = random.pick([true, false]) ? [x, w, f32(y.shape[3])] : [x, w];
    return { types, attrs: { ...attrs, size: [y.shape[1], y.shape[2]] } };
  },
};
