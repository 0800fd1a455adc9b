import { REPORT_FORMATS, type ReportOptions, reportRuns } from '../../index.js';
import { onInterrupt } from '../interrupt.js';
import { progressBar, progressShare } from '../live-line.js';
import { ofCall, oneOf, options } from '../options.js';
import type { AddCommand } from './command.js';

export const addReport: AddCommand = (program, output, exitWith) => {
  program
    .command('report')
    .description('write a page that shows a run: curves, the plan with its formats, the test, mistakes; several runs over each other')
    .argument('<run...>', 'run folders')
    .option('--out <path>', "file of the page, or folder of the figures (default: report.html, or figures, in the first run's folder)")
    .option('--format <format>', `${REPORT_FORMATS.join(', ')}: a page, or each figure as a file`, oneOf(REPORT_FORMATS), 'html')
    .option('--no-test', 'do not test the run for it; a report of several runs never does')
    .addOption(options.backend())
    .addOption(options.data())
    .addOption(options.threads())
    .addOption(options.quiet())
    .addOption(options.json())
    .action(async (runs: readonly string[], choices: ReportOptions) => {
      const interrupt = onInterrupt(output, 'stopping');
      const onProgress = (done: number, total: number) =>
        output.progress(() => `testing ${progressBar(done, total, 24)} ${progressShare(done, total)}`);
      try {
        const result = await reportRuns(runs, { ...ofCall(choices), onNotice: output.notice, signal: interrupt.signal, onProgress });
        output.endProgress();
        if (result === undefined) {
          exitWith(interrupt.exitCode);
          return;
        }
        output.event({ event: 'report', ...result });
        for (const file of result.files) output.line(file);
      } finally {
        output.endProgress();
        interrupt.release();
      }
    });
};
