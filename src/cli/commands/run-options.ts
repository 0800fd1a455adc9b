import { type Command, Option } from 'commander';
import { WEIGHT_LAYOUTS } from '../../index.js';
import { integer, oneOf, options, positive } from '../options.js';

/** Which weights are started from. */
export function addInitOptions(command: Command): Command {
  return command
    .option('--init <weights>', 'file with the weights to start from: safetensors, or a state dict of PyTorch (.pt, .pth)')
    .addOption(options.initMap())
    .option('--init-partial', 'take the weights that fit; the rest starts as the .amp file says')
    .addOption(
      new Option(
        '--init-layout <layout>',
        `whose order of axes the weights have: ${WEIGHT_LAYOUTS.join(', ')} (default: what the file tells)`,
      ).argParser(oneOf(WEIGHT_LAYOUTS)),
    );
}

/** What decides, besides the file and `--set`, how a run trains. */
export function addRunOptions(command: Command): Command {
  command
    .addOption(options.backend())
    .addOption(options.data())
    .option('--epochs <n>', 'passes over the training images, such as 10 or 0.5', positive)
    .option('--max-steps <n>', 'stop after so many optimizer steps', integer(1))
    .addOption(options.limit('train on so many images, of every class its share, and test as many (default: all)'))
    .addOption(options.batch())
    .addOption(options.precision())
    .addOption(options.policy())
    .addOption(options.costs())
    .addOption(options.calibration())
    .addOption(options.strictRanges())
    .option('--seed <n>', 'key of the initial weights, shuffling, augmentation and dropout', integer(0));
  return addInitOptions(command)
    .option('--no-shuffle', 'take the images in the order of the data set')
    .option('--no-augment', 'training images as they are, without augmentation')
    .option('--keep-best <n>', 'keep the weights of the n best epochs (default: of the best one)', integer(1))
    .option('--log-every <n>', 'report every so many steps (default: 50)', integer(1))
    .option('--replan [n]', 'after n overflows of the same value in fp16 (default: 3) keep its layer in fp32 and go on', (text: string) =>
      integer(1)(text),
    )
    .option('--csv', 'also metrics.csv: steps and epochs as a table')
    .option('--tensorboard', 'also event files for TensorBoard: numbers, the graph, and at the end the worst mistakes')
    .option('--histograms', 'with them histograms of weights and gradients after each epoch');
}
