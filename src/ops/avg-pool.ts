import { numbersAttr } from '../ir/types.js';
import { elements, hasShape, isImage, isMatrix } from './constraints.js';
import type { OpDefinition } from './op.js';
import { POOL_ATTRS, poolFlops, poolOutput, SIZE_ATTR, samplePool } from './pool-window.js';
import { f32, sampleImage } from './sample.js';

/** y[n,i,j,c] = sum over (p,q) of x[n, i*sh+p-top, j*sw+q-left, c] / (rows * columns); padding counts as zeros. */
export const avgPool2d: OpDefinition<'pool'> = {
  doc: 'Mean over each window of an image; padding counts as zeros (as PyTorch with count_include_pad).',
  kind: 'pool',
  constraints: {
    avg_pool2d_c1: 'x is an image [batch, height, width, channels]',
    avg_pool2d_c4: 'the window fits the padded image',
  },
  operands: [{ name: 'x', format: 'class' }],
  attrs: POOL_ATTRS,
  precision: 'follow',
  result: 'class',
  shape: ([x], attrs) => {
    isImage('avg_pool2d_c1', 'the input', x);
    return poolOutput('avg_pool2d', x.shape, attrs);
  },
  gradient: ({ node, dy, emit, builder }) => {
    const [, height, width] = builder.type(node.inputs[0]).shape;
    return [emit('avg_pool2d_grad', [dy], { ...node.attrs, size: [height, width] }, 0)];
  },
  flops: poolFlops,
  sample: (random) => {
    const { x, attrs } = samplePool(random);
    return { types: [x], attrs };
  },
};

/** dx[n,h,w,c] = sum of dy over the windows that hold (h,w), divided by rows * columns. */
export const avgPool2dGrad: OpDefinition<'pool'> = {
  doc: 'Gradient of avg_pool2d: each dy is spread evenly over its window.',
  kind: 'pool',
  gradientOf: { op: 'avg_pool2d', operand: 'x' },
  constraints: {
    avg_pool2d_grad_c1: 'dy is an image [batch, height, width, channels]',
    avg_pool2d_grad_c3: 'dy has the shape of the forward result',
    avg_pool2d_grad_c4: 'the window fits the padded image',
  },
  operands: [{ name: 'dy', format: 'class' }],
  attrs: { ...POOL_ATTRS, ...SIZE_ATTR },
  precision: 'follow',
  result: 'class',
  shape: ([dy], attrs) => {
    isImage('avg_pool2d_grad_c1', 'dy', dy);
    const [height, width] = numbersAttr(attrs, 'size');
    const shape = [dy.shape[0], height, width, dy.shape[3]];
    hasShape('avg_pool2d_grad_c3', 'dy', dy, poolOutput('avg_pool2d_grad', shape, attrs));
    return shape;
  },
  gradient: 'none',
  flops: ([dy], attrs) => poolFlops([dy], attrs, dy),
  sample: (random) => {
    const { x, attrs } = samplePool(random);
    return { types: [f32(...avgPool2d.shape([x], attrs))], attrs: { ...attrs, size: [x.shape[1], x.shape[2]] } };
  },
};

/** y[n,c] = mean over (h,w) of x[n,h,w,c]. */
export const globalAvgPool: OpDefinition<'pool'> = {
  doc: 'Mean of each channel over the whole image.',
  kind: 'pool',
  constraints: { global_avg_pool_c1: 'x is an image [batch, height, width, channels]' },
  operands: [{ name: 'x', format: 'class' }],
  attrs: {},
  precision: 'follow',
  result: 'class',
  shape: ([x]) => {
    isImage('global_avg_pool_c1', 'the input', x);
    return [x.shape[0], x.shape[3]];
  },
  gradient: ({ node, dy, emit, builder }) => {
    const [, height, width] = builder.type(node.inputs[0]).shape;
    return [emit('global_avg_pool_grad', [dy], { size: [height, width] }, 0)];
  },
  flops: ([x]) => elements(x),
  sample: (random) => ({ types: [f32(...sampleImage(random))], attrs: {} }),
};

/** dx[n,h,w,c] = dy[n,c] / (height * width). */
export const globalAvgPoolGrad: OpDefinition<'pool'> = {
  doc: 'Gradient of global_avg_pool: each dy is spread evenly over its image.',
  kind: 'pool',
  gradientOf: { op: 'global_avg_pool', operand: 'x' },
  constraints: { global_avg_pool_grad_c1: 'dy is [batch, channels]' },
  operands: [{ name: 'dy', format: 'class' }],
  attrs: SIZE_ATTR,
  precision: 'follow',
  result: 'class',
  shape: ([dy], attrs) => {
    isMatrix('global_avg_pool_grad_c1', 'dy', dy);
    const [height, width] = numbersAttr(attrs, 'size');
    return [dy.shape[0], height, width, dy.shape[1]];
  },
  gradient: 'none',
  sample: (random) => {
    const [batch, height, width, channels] = sampleImage(random);
    return { types: [f32(batch, channels)], attrs: { size: [height, width] } };
  },
};
