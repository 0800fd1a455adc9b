// @ts-expect-error: the bundler gives their texts
import backward from '../examples/precision/backward.amp';
// @ts-expect-error: the bundler gives their texts
import forward from '../examples/precision/forward.amp';
// @ts-expect-error: the bundler gives their texts
import underflow from '../examples/precision/underflow.amp';
// @ts-expect-error: the bundler gives their texts
import resnet from '../examples/resnet18.amp';
// @ts-expect-error: the bundler gives their texts
import simple from '../examples/simple-cnn.amp';

const SHAPES = `# Ten kinds of drawn shapes: nothing to download. Change something, and look at the plan.
dataset shapes(images: 2000) { normalize(mean: 0.5, std: 0.5) }

model Shapes(image: [32, 32, 3]) -> [10] {
  image
  |> conv2d(16, kernel: 3, stride: 2, padding: 1) as conv1 |> batch_norm |> relu
  |> conv2d(32, kernel: 3, stride: 2, padding: 1) as conv2 |> batch_norm |> relu
  |> global_avg_pool |> linear(10) as head
}

precision { compute fp16 }

train { loss cross_entropy  optimizer adam(lr: 3e-3)  batch 32  epochs 3  seed 0 }
`;

/** Programs to begin with. */
export const EXAMPLES: Readonly<Record<string, string>> = {
  'shapes, a small CNN': SHAPES,
  'SimpleCNN on CIFAR-10': simple as string,
  'ResNet-18': resnet as string,
  'an overflow forward': forward as string,
  'an overflow backward': backward as string,
  'gradients that underflow': underflow as string,
};
