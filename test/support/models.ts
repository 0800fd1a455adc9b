import type { ValueId } from '../../src/ir/types.js';
import { namedRandom } from '../ops/random.js';
import type { Layers, Model } from './network.js';

/** The network of the PyTorch tutorial: two convolutions and two linear layers. */
export const simpleCnn: Model = ({ image, call }) => {
  let x = call('conv2d', image, { channels: 32, kernel: 3, padding: 1 }, { as: 'conv1' });
  x = call('relu', call('max_pool2d', x, { kernel: 2 }));
  x = call('conv2d', x, { channels: 64, kernel: 3, padding: 1 }, { as: 'conv2' });
  x = call('relu', call('max_pool2d', x, { kernel: 2 }));
  x = call('relu', call('linear', call('flatten', x), { features: 128 }, { as: 'fc1' }));
  return call('linear', x, { features: 10 }, { as: 'fc2' });
};

function residual({ call }: Layers, input: ValueId, channels: number, stride: number, path: string): ValueId {
  const conv = (x: ValueId, kernel: number, step: number, name: string) =>
    call('conv2d', x, { channels, kernel, stride: step, padding: (kernel - 1) / 2, bias: false }, { as: `${path}.${name}` });
  const norm = (x: ValueId, name: string) => call('batch_norm', x, {}, { as: `${path}.${name}` });
  const hidden = call('relu', norm(conv(input, 3, stride, 'conv1'), 'bn1'), {}, { as: `${path}.relu` });
  const main = norm(conv(hidden, 3, 1, 'conv2'), 'bn2');
  const shortcut = stride === 1 ? input : norm(conv(input, 1, stride, 'shortcut'), 'bn3');
  return call('relu', call('add', main, {}, { values: [shortcut], as: `${path}.add` }), {}, { as: `${path}.out` });
}

/** Stem and two stages in the manner of ResNet-18, narrow enough to run in a test. */
export const miniResnet: Model = (layers) => {
  const { image, call } = layers;
  const stem = call('conv2d', image, { channels: 4, kernel: 3, padding: 1, bias: false }, { as: 'stem.conv' });
  let x = call('relu', call('batch_norm', stem, {}, { as: 'stem.bn' }));
  x = residual(layers, x, 4, 1, 'stage1.0');
  x = residual(layers, x, 6, 2, 'stage2.0');
  return call('linear', call('global_avg_pool', x), { features: 10 }, { as: 'fc' });
};

/** Layer norms of images and of features, of channels off the width of vectors, with a sum in the manner of ConvNeXt. */
export const layerNorms: Model = ({ image, call }) => {
  const x = call('layer_norm', call('conv2d', image, { channels: 21, kernel: 2, stride: 2 }, { as: 'stem' }), {}, { as: 'norm1' });
  const branch = call(
    'layer_norm',
    call('conv2d', x, { channels: 21, kernel: 3, padding: 1 }, { as: 'conv' }),
    { eps: 1e-3 },
    { as: 'norm2' },
  );
  const pooled = call('global_avg_pool', call('add', call('gelu', branch), {}, { values: [x] }));
  return call('linear', call('layer_norm', pooled, {}, { as: 'norm3' }), { features: 10 }, { as: 'fc' });
};

/** A group norm, a norm of each channel by itself and one over neighbouring channels, of channels off the width of vectors. */
export const channelNorms: Model = ({ image, call }) => {
  let x = call('conv2d', image, { channels: 15, kernel: 2, stride: 2, bias: false }, { as: 'stem' });
  x = call('silu', call('group_norm', x, { groups: 5 }, { as: 'norm1' }));
  x = call('local_response_norm', call('conv2d', x, { channels: 9, kernel: 3, padding: 1, bias: false }, { as: 'conv' }), {
    size: 4,
    alpha: 0.5,
  });
  x = call('gelu', call('instance_norm', x, { shift: true }, { as: 'norm2' }));
  return call('linear', call('global_avg_pool', x), { features: 10 }, { as: 'fc' });
};

/** `length` layers in a row: convolutions, pools, sums with an earlier value, activations. */
export function chain(length: number): Model {
  return ({ image, call }) => {
    let x = image;
    for (let i = 0; i < length / 4; i += 1) {
      const y = call('conv2d', x, { channels: 3, kernel: 1 });
      x = call('relu', call('add', call('max_pool2d', y, { kernel: 3, stride: 1, padding: 1 }), {}, { values: [x] }));
    }
    return call('linear', call('flatten', x), { features: 10 });
  };
}

const ACTIVATIONS = ['relu', 'relu6', 'gelu', 'silu', 'sigmoid', 'tanh', 'leaky_relu', 'softmax', 'log_softmax'] as const;

/** A random network: every layer of the language can occur, values are used several times. */
export function randomModel(seed: number): Model {
  return (layers) => {
    const { image, call, shape } = layers;
    const random = namedRandom('model', seed);
    const seen: ValueId[] = [image];
    let x = image;
    const sameShape = (value: ValueId) => shape(value).join() === shape(x).join();
    const sameSize = (value: ValueId) => shape(value).slice(0, 2).join() === shape(x).slice(0, 2).join();
    const steps: readonly (() => ValueId)[] = [
      () =>
        call('conv2d', x, {
          channels: random.int(1, 6),
          kernel: random.pick([1, 3]),
          stride: random.pick([1, 1, 2]),
          padding: 1,
          bias: random.pick([true, false]),
        }),
      () => call('max_pool2d', x, { kernel: 3, stride: random.pick([1, 2]), padding: 1 }),
      () => call('max_pool2d', call('conv2d', x, { channels: 3, kernel: 3, padding: 'same' }), { kernel: 2, padding: 'same' }),
      () => call('avg_pool2d', x, { kernel: 2, stride: 1, padding: 1 }),
      () => call('batch_norm', x),
      () => call('dropout', x, { rate: 0.25 }),
      () => call('scale', x, { factor: 0.5 }),
      () => call(random.pick(ACTIVATIONS), x),
      () => call(random.pick(ACTIVATIONS), x),
      () => call(random.pick(['add', 'sub', 'mul']), x, {}, { values: [random.pick(seen.filter(sameShape))] }),
      () => call('concat', x, {}, { values: [random.pick(seen.filter(sameSize))] }),
      () => random.pick(seen),
    ];
    for (let i = random.int(1, 12); i > 0; i -= 1) {
      x = random.pick(steps)();
      seen.push(x);
    }
    x = random.pick([() => call('flatten', x), () => call('global_avg_pool', x)])();
    if (random.pick([true, false])) x = call(random.pick(ACTIVATIONS), call('linear', x, { features: 5 }));
    return call('linear', x, { features: 10, bias: random.pick([true, false]) });
  };
}
