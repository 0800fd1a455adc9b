import { SingleBar } from 'cli-progress';
import { type EvaluateOptions, evaluate } from '../../index.js';
import { EXIT } from '../failure.js';
import { onInterrupt } from '../interrupt.js';
import { options } from '../options.js';
import { formatCount, formatPercent } from '../output.js';
import type { AddCommand } from './command.js';

export const addEval: AddCommand = (program, output, exitWith) => {
  program
    .command('eval')
    .description('measure accuracy and loss on the test images')
    .argument('<run-or-file>', 'run folder, or .amp file with --weights')
    .option('--weights <file>', "safetensors file (default: the run's last.safetensors)")
    .addOption(options.backend())
    .addOption(options.data())
    .addOption(options.costs())
    .addOption(options.threads())
    .addOption(options.json())
    .action(async (target: string, choices: EvaluateOptions) => {
      const interrupt = onInterrupt(output, 'stopping');
      const bar = output.terminal
        ? new SingleBar({ format: 'testing {bar} {percentage}%', hideCursor: true, clearOnComplete: true })
        : undefined;
      let started = false;
      const onProgress = (done: number, total: number) => {
        if (started) bar?.update(done);
        else bar?.start(total, done);
        started = true;
      };
      try {
        const result = await evaluate(target, { ...choices, onNotice: output.notice, signal: interrupt.signal, onProgress });
        bar?.stop();
        if (result === undefined) {
          exitWith(EXIT.interrupted);
          return;
        }
        output.event({ event: 'eval', test_accuracy: result.accuracy, test_loss: result.loss, images: result.images });
        output.line(
          `test accuracy ${output.style('green', formatPercent(result.accuracy))}, test loss ${result.loss.toFixed(4)}, ${formatCount(result.images)} images`,
        );
      } finally {
        bar?.stop();
        interrupt.release();
      }
    });
};
