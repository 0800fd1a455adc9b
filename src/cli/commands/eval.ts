import { BESIDES, besidesScores, type EvaluateOptions, evaluate } from '../../index.js';
import { besidesLine, detailLine, printDetails } from '../eval-view.js';
import { onInterrupt } from '../interrupt.js';
import { progressBar, progressShare } from '../live-line.js';
import { integer, ofCall, options } from '../options.js';
import { formatCount, formatPercent } from '../output.js';
import type { AddCommand } from './command.js';

export const addEval: AddCommand = (program, output, exitWith) => {
  program
    .command('eval')
    .description('measure accuracy and loss on the test images, and how well each class is recognized')
    .argument('<run-or-file>', 'run folder, or .amp file with --weights')
    .option('--weights <file>', "safetensors file (default: the run's last.safetensors)")
    .option(
      '--data-set <set>',
      'test on another data set, written as in a file: folder("photos"), or the path of a folder; classes by name',
    )
    .addOption(options.limit('test so many images, of every class its share (default: all)'))
    .option('--report', 'also by class, the confusion matrix, calibration and the worst mistakes', false)
    .option('--worst <n>', 'mistakes that --report and --json tell (default: 20)', integer(0, 100_000))
    .addOption(options.backend())
    .addOption(options.data())
    .addOption(options.costs())
    .addOption(options.threads())
    .addOption(options.workers())
    .addOption(options.quiet())
    .addOption(options.json())
    .action(async (target: string, { report, ...choices }: EvaluateOptions & { readonly report: boolean }) => {
      const interrupt = onInterrupt(output, 'stopping');
      const onProgress = (done: number, total: number) =>
        output.progress(() => `testing ${progressBar(done, total, 24)} ${progressShare(done, total)}`);
      try {
        const result = await evaluate(target, { ...ofCall(choices), onNotice: output.notice, signal: interrupt.signal, onProgress });
        output.endProgress();
        if (result === undefined) {
          exitWith(interrupt.exitCode);
          return;
        }
        const accuracy = result.accuracy === undefined ? '' : `test accuracy ${output.style('green', formatPercent(result.accuracy))}, `;
        const { loss, images, dataSet, details } = result;
        output.event({
          event: 'eval',
          test_accuracy: result.accuracy ?? null,
          test_loss: loss,
          images,
          ...besidesScores(result),
          ...(dataSet !== undefined && { data_set: dataSet }),
          ...details,
        });
        output.line(
          `${accuracy}test loss ${loss.toFixed(4)}, ${formatCount(images)} images${dataSet === undefined ? '' : ` of ${dataSet}`}`,
        );
        for (const name of BESIDES) {
          const scores = result.besides?.[name];
          if (scores !== undefined) output.line(besidesLine(name, scores));
        }
        if (details !== undefined) output.line(detailLine(details));
        if (report && details !== undefined) printDetails(details, output);
        else if (report) output.line('its results are no classes: there is nothing more to report');
      } finally {
        output.endProgress();
        interrupt.release();
      }
    });
};
