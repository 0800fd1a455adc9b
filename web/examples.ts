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
import { FIRST_NAME, FIRST_PROGRAM } from './first-program.js';

/** Programs to begin with. */
export const EXAMPLES: Readonly<Record<string, string>> = {
  [FIRST_NAME]: FIRST_PROGRAM,
  'SimpleCNN on CIFAR-10': simple as string,
  'ResNet-18': resnet as string,
  'an overflow forward': forward as string,
  'an overflow backward': backward as string,
  'gradients that underflow': underflow as string,
};
