import { type Command, Option } from 'commander';
import { shellWord } from '../../diagnostics/shell-word.js';
import { renderDiagnostics, type TrainOptions, train, WEIGHT_LAYOUTS } from '../../index.js';
import { EXIT } from '../failure.js';
import { onInterrupt } from '../interrupt.js';
import { integer, oneOf, options } from '../options.js';
import { formatDuration, formatLoss, formatPercent } from '../output.js';
import { TrainReport } from '../train-report.js';
import type { AddCommand } from './command.js';

export const addTrain: AddCommand = (program, output, exitWith) => {
  program
    .command('train')
    .description('train the model of a .amp file')
    .argument('<file>', '.amp file')
    .addOption(options.backend())
    .addOption(options.data())
    .option('--out <dir>', 'run folder (default: runs/<file>-<number>)')
    .addOption(
      new Option('--resume [dir]', 'continue a run: the one in the folder, in --out, or the newest of this file').conflicts('init'),
    )
    .option('--epochs <n>', 'passes over the training images', integer(1))
    .option('--max-steps <n>', 'stop after so many optimizer steps', integer(1))
    .addOption(options.batch())
    .addOption(options.precision())
    .addOption(options.policy())
    .addOption(options.costs())
    .addOption(options.calibration())
    .addOption(options.strictRanges())
    .option('--seed <n>', 'key of the initial weights, shuffling, augmentation and dropout', integer(0))
    .option('--init <weights>', 'file with the weights to start from: safetensors, or a state dict of PyTorch (.pt, .pth)')
    .addOption(options.initMap())
    .option('--init-partial', 'take the weights that fit; the rest starts as the .amp file says')
    .addOption(
      new Option(
        '--init-layout <layout>',
        `whose order of axes the weights have: ${WEIGHT_LAYOUTS.join(', ')} (default: what the file tells)`,
      ).argParser(oneOf(WEIGHT_LAYOUTS)),
    )
    .addOption(options.set())
    .option('--no-shuffle', 'take the images in the order of the data set')
    .option('--no-augment', 'training images as they are, without augmentation')
    .option('--log-every <n>', 'report every so many steps (default: 50)', integer(1))
    .option('--replan [n]', 'after n overflows of the same value in fp16 (default: 3) keep its layer in fp32 and go on', (text: string) =>
      integer(1)(text),
    )
    .addOption(options.threads())
    .addOption(options.workers())
    .addOption(options.json())
    .action(async (file: string, choices: TrainOptions, command: Command) => {
      if (typeof choices.resume === 'string' && choices.out !== undefined)
        command.error('error: --resume DIR names the folder, as --out does');
      const report = new TrainReport(output);
      const interrupt = onInterrupt(output, 'finishing the step and saving');
      try {
        const result = await train(file, {
          ...choices,
          onNotice: output.notice,
          onWarnings: (warnings, source) => output.error(renderDiagnostics(warnings, source, { color: output.errorColor })),
          // Commander sets these to true when they are not given; a resumed run then keeps its own.
          shuffle: choices.shuffle === false ? false : undefined,
          augment: choices.augment === false ? false : undefined,
          signal: interrupt.signal,
          onEvent: (event) => report.onEvent(event),
          onProgress: (progress) => report.onProgress(progress),
        });
        report.finish();
        if (result.interrupted) {
          const data = choices.data === undefined ? '' : ` --data ${shellWord(choices.data)}`;
          const next = `ampc train ${shellWord(file)} --resume ${shellWord(result.run)}${data}`;
          output.line(`interrupted after step ${result.steps}; continue with: ${next}`);
          exitWith(interrupt.exitCode);
          return;
        }
        const isLost = result.testLoss !== undefined && !Number.isFinite(result.testLoss);
        const score =
          result.testAccuracy === undefined
            ? result.testLoss === undefined
              ? ''
              : `, test loss ${formatLoss(result.testLoss)}`
            : `, test accuracy ${output.style(isLost ? 'red' : 'green', formatPercent(result.testAccuracy))}`;
        const saved = result.hasWeights ? 'weights and metrics' : 'no weights, for none were finite, but metrics';
        output.line(
          `${result.steps} ${result.steps === 1 ? 'step' : 'steps'} in ${formatDuration(result.seconds)}${score}; ${saved} in ` +
            `${result.run}`,
        );
        // Its warning has been printed.
        if (isLost) exitWith(EXIT.failed);
      } catch (error) {
        report.stop();
        throw error;
      } finally {
        interrupt.release();
      }
    });
};
