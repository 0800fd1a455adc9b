import { renderDiagnostics, type SweepOptions, type SweepOutcome, sweep } from '../../index.js';
import { EXIT } from '../failure.js';
import { onInterrupt } from '../interrupt.js';
import { integer, ofCall, options } from '../options.js';
import type { Output } from '../output.js';
import { printSweep, SweepReport } from '../sweep-view.js';
import type { AddCommand } from './command.js';
import { addRunOptions } from './run-options.js';

/** Processes beyond this do nothing but take memory. */
const MOST_JOBS = 256;

function printRest({ interrupted, dir, runs }: SweepOutcome, output: Output): void {
  const failed = runs.filter(({ state }) => state === 'failed');
  if (failed.length > 0) output.error(`${failed.length} of ${runs.length} runs failed; the same command tries them again`);
  if (!interrupted) return;
  const over = runs.filter(({ state }) => state === 'complete' || state === 'lost').length;
  output.line(`interrupted with ${over} of ${runs.length} runs done; the same command goes on with ${dir}`);
}

export const addSweep: AddCommand = (program, output, exitWith) => {
  const declared = program
    .command('sweep')
    .description('train with every combination of settings, and say which is best; called again, it goes on where it stopped')
    .argument('<file>', '.amp file')
    .addOption(options.set('a setting, with one value or, between commas, several: train.lr=0.1,0.3,1; may be repeated'))
    .option('--seeds <n>', "train each combination with so many seeds, from the file's on", integer(1, 10_000))
    .option('--jobs <n>', 'runs that are trained side by side (default: 1)', integer(1, MOST_JOBS))
    .option('--out <dir>', 'folder of the sweep (default: runs/<file>-sweep)');
  addRunOptions(declared)
    .addOption(options.threads('threads that the jobs share out (default: every core); the results are the same'))
    .addOption(options.quiet())
    .addOption(options.json())
    .action(async (file: string, { shuffle, augment, ...choices }: SweepOptions) => {
      const report = new SweepReport(output);
      const interrupt = onInterrupt(output, 'finishing the steps and saving');
      try {
        const result = await sweep(file, {
          ...ofCall(choices),
          // Commander sets these to true when they are not given.
          ...(shuffle === false && { shuffle }),
          ...(augment === false && { augment }),
          signal: interrupt.signal,
          onNotice: output.notice,
          onWarnings: (warnings, source) => output.error(renderDiagnostics(warnings, source, { color: output.errorColor })),
          onEvent: (event) => report.onEvent(event),
          onProgress: (progress) => report.onProgress(progress),
        });
        output.endProgress();
        const { dir, axes, seeds, by, interrupted, rows } = result;
        output.event({ event: 'sweep', dir, axes, seeds, by, interrupted, rows });
        printSweep(result, output);
        printRest(result, output);
        if (interrupted) exitWith(interrupt.exitCode);
        else if (result.runs.some(({ state }) => state === 'failed')) exitWith(EXIT.failed);
      } finally {
        output.endProgress();
        interrupt.release();
      }
    });
};
