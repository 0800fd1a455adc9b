import { type EvaluateOptions, evaluate } from '../../index.js';
import { onInterrupt } from '../interrupt.js';
import { progressBar, progressShare } from '../live-line.js';
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
      const onProgress = (done: number, total: number) =>
        output.progress(() => `testing ${progressBar(done, total, 24)} ${progressShare(done, total)}`);
      try {
        const result = await evaluate(target, { ...choices, onNotice: output.notice, signal: interrupt.signal, onProgress });
        output.endProgress();
        if (result === undefined) {
          exitWith(interrupt.exitCode);
          return;
        }
        const accuracy = result.accuracy === undefined ? '' : `test accuracy ${output.style('green', formatPercent(result.accuracy))}, `;
        output.event({ event: 'eval', test_accuracy: result.accuracy ?? null, test_loss: result.loss, images: result.images });
        output.line(`${accuracy}test loss ${result.loss.toFixed(4)}, ${formatCount(result.images)} images`);
      } finally {
        output.endProgress();
        interrupt.release();
      }
    });
};
