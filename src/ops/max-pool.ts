import type { Attrs, TensorType } from '../ir/types.js';
import { numbersAttr } from '../ir/types.js';
import { hasShape, isImage } from './constraints.js';
import type { OpDefinition, SampleRandom } from './op.js';
import { checkPadding, POOL_ATTRS, poolFlops, poolOutput, SIZE_ATTR, samplePool } from './pool-window.js';
import { tensor } from './sample.js';

function sampleBackward(random: SampleRandom): { types: TensorType[]; attrs: Attrs } {
  const { x, attrs } = samplePool(random);
  const shape = maxPool2d.shape([x], attrs);
  return { types: [tensor('f32', ...shape), tensor('u8', ...shape)], attrs: { ...attrs, size: [x.shape[1], x.shape[2]] } };
}

/** y[n,i,j,c] = max over (p,q) of x[n, i*sh+p-top, j*sw+q-left, c]; padding is -infinity; a NaN in the window is the maximum. */
export const maxPool2d: OpDefinition<'pool'> = {
  doc: 'Maximum over each window of an image; padding never wins, and a NaN in the window gives NaN (as PyTorch).',
  kind: 'pool',
  selects: true,
  poolsEpilogue: true,
  constraints: {
    max_pool2d_c1: 'x is an image [batch, height, width, channels]',
    max_pool2d_c4: 'the window fits the padded image',
    max_pool2d_c5: 'every window holds an element of the image',
  },
  operands: [{ name: 'x', format: 'class' }],
  attrs: POOL_ATTRS,
  precision: 'follow',
  result: 'class',
  shape: ([x], attrs) => {
    isImage('max_pool2d_c1', 'the input', x);
    checkPadding('max_pool2d', x.shape, attrs);
    return poolOutput('max_pool2d', x.shape, attrs);
  },
  gradient: ({ node, dy, emit, builder }) => {
    const [x] = node.inputs;
    const [, height, width] = builder.type(x).shape;
    const index = emit('max_pool2d_index', [x], node.attrs, undefined);
    return [emit('max_pool2d_grad', [dy, index], { ...node.attrs, size: [height, width] }, 0)];
  },
  flops: poolFlops,
  sample: (random) => {
    const { x, attrs } = samplePool(random);
    return { types: [x], attrs };
  },
};

/** index = p * columns + q of the first window position, row by row, that holds the maximum. */
export const maxPool2dIndex: OpDefinition<'pool'> = {
  doc: 'Position of the maximum within each window, row * columns + column; the first one of equal values, or the first NaN.',
  kind: 'pool',
  selects: true,
  computedWith: 'max_pool2d',
  constraints: {
    max_pool2d_index_c1: 'x is an image [batch, height, width, channels]',
    max_pool2d_index_c4: 'the window fits the padded image',
    max_pool2d_index_c5: 'every window holds an element of the image',
  },
  operands: [{ name: 'x', format: 'exact' }],
  attrs: POOL_ATTRS,
  precision: 'fixed',
  result: 'u8',
  shape: ([x], attrs) => {
    isImage('max_pool2d_index_c1', 'the input', x);
    checkPadding('max_pool2d_index', x.shape, attrs);
    return poolOutput('max_pool2d_index', x.shape, attrs);
  },
  gradient: 'none',
  flops: poolFlops,
  sample: (random) => {
    const { x, attrs } = samplePool(random);
    return { types: [x], attrs };
  },
};

/** dx[n,h,w,c] = sum of dy over the windows whose maximum was (h,w); windows overlap when the stride is smaller than the window. */
export const maxPool2dGrad: OpDefinition<'pool'> = {
  doc: 'Gradient of max_pool2d: each dy goes to the position that its index names.',
  kind: 'pool',
  gradientOf: { op: 'max_pool2d', operand: 'x' },
  placesAmongZeros: true,
  stagedAs: 'placed_in_windows',
  constraints: {
    max_pool2d_grad_c1: 'dy is an image [batch, height, width, channels]',
    max_pool2d_grad_c2: 'index has the shape of dy',
    max_pool2d_grad_c3: 'dy has the shape of the forward result',
    max_pool2d_grad_c4: 'the window fits the padded image',
  },
  operands: [
    { name: 'dy', format: 'class' },
    { name: 'index', format: 'u8' },
  ],
  attrs: { ...POOL_ATTRS, ...SIZE_ATTR },
  precision: 'follow',
  result: 'class',
  shape: ([dy, index], attrs) => {
    isImage('max_pool2d_grad_c1', 'dy', dy);
    hasShape('max_pool2d_grad_c2', 'the index', index, dy.shape);
    const [height, width] = numbersAttr(attrs, 'size');
    const shape = [dy.shape[0], height, width, dy.shape[3]];
    hasShape('max_pool2d_grad_c3', 'dy', dy, poolOutput('max_pool2d_grad', shape, attrs));
    return shape;
  },
  gradient: 'none',
  sample: sampleBackward,
};
