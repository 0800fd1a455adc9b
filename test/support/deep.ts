import type { ValueId } from '../../src/ir/types.js';
import type { Layers, Model } from './network.js';

const convolution = ({ call }: Layers, x: ValueId, channels: number, kernel: number, stride = 1): ValueId =>
  call('conv2d', x, { channels, kernel, stride, padding: (kernel - 1) / 2, bias: false });

const normRelu = ({ call }: Layers, x: ValueId): ValueId => call('relu', call('batch_norm', x));

/** `depth` layers of a linear map, a norm and a relu, all of the same size. */
export function linearStack(depth: number): Model {
  return ({ image, call }) => {
    let x = call('flatten', call('avg_pool2d', image, { kernel: 4 }));
    for (let i = 0; i < depth; i += 1) x = call('relu', call('batch_norm', call('linear', x, { features: 8 })));
    return call('linear', x, { features: 10 });
  };
}

/** Dense blocks of so many layers (Huang et al. 2016), each a pair of convolutions behind norms, joined by halvings. */
export function denseNet(blocks: readonly number[], growth = 2): Model {
  return (layers) => {
    const { image, call, shape } = layers;
    let x = convolution(layers, image, 2 * growth, 3);
    for (const [index, depth] of blocks.entries()) {
      if (index > 0) x = call('avg_pool2d', convolution(layers, normRelu(layers, x), shape(x).at(-1)! / 2, 1), { kernel: 2 });
      for (let i = 0; i < depth; i += 1) {
        const narrow = convolution(layers, normRelu(layers, x), 4 * growth, 1);
        x = call('concat', convolution(layers, normRelu(layers, narrow), growth, 3), {}, { values: [x] });
      }
    }
    return call('linear', call('global_avg_pool', normRelu(layers, x)), { features: 10 });
  };
}

/** Three stages of `units` bottlenecks behind norms (He et al. 2016): 9 x units + 2 layers. */
export function preActResnet(units: number, width = 4): Model {
  return (layers) => {
    const { image, call, shape } = layers;
    let x = convolution(layers, image, width, 3);
    for (const [stage, channels] of [width, 2 * width, 4 * width].entries()) {
      for (let i = 0; i < units; i += 1) {
        const stride = stage > 0 && i === 0 ? 2 : 1;
        const h = normRelu(layers, x);
        const shortcut = shape(x).at(-1) === 4 * channels && stride === 1 ? x : convolution(layers, h, 4 * channels, 1, stride);
        const middle = convolution(layers, normRelu(layers, convolution(layers, h, channels, 1)), channels, 3, stride);
        const wide = convolution(layers, normRelu(layers, middle), 4 * channels, 1);
        x = call('add', wide, {}, { values: [shortcut] });
      }
    }
    return call('linear', call('global_avg_pool', normRelu(layers, x)), { features: 10 });
  };
}
