import { type SweepOptions, sweep } from '../../index.js';
import { EXIT } from '../failure.js';
import type { LiveChoices } from '../live-page.js';
import { integer, MOST_RUNS, options } from '../options.js';
import { showSweep } from '../shown-sweep.js';
import { printSweep } from '../sweep-view.js';
import type { AddCommand } from './command.js';
import { addRunOptions } from './run-options.js';

/** Processes beyond this do nothing but take memory. */
const MOST_JOBS = 256;

export const addSweep: AddCommand = (program, output, exitWith) => {
  const declared = program
    .command('sweep')
    .description('train with every combination of settings, and say which is best; called again, it goes on where it stopped')
    .argument('<file>', '.amp file')
    .addOption(options.set('a setting, with one value or, between commas, several: train.lr=0.1,0.3,1; may be repeated'))
    .option('--seeds <n>', "train each combination with so many seeds, from the file's on", integer(1, MOST_RUNS))
    .option('--jobs <n>', 'runs that are trained side by side (default: 1)', integer(1, MOST_JOBS))
    .option('--out <dir>', 'folder of the sweep (default: runs/<file>-sweep)');
  addRunOptions(declared)
    .addOption(options.threads('threads that the jobs share out (default: every core); the results are the same'))
    .addOption(options.ui('the runs as they are trained'))
    .addOption(options.port())
    .addOption(options.quiet())
    .addOption(options.json())
    .action(async (file: string, { ui, port, ...choices }: SweepOptions & LiveChoices) => {
      const code = await showSweep(
        choices,
        { ui, port },
        output,
        (options) => sweep(file, options),
        (result) => {
          const { dir, axes, seeds, by, interrupted, rows } = result;
          output.event({ event: 'sweep', dir, axes, seeds, by, interrupted, rows });
          printSweep(result, output);
        },
      );
      if (code !== EXIT.done) exitWith(code);
    });
};
