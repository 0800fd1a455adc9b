import { compareRuns } from '../../index.js';
import { printComparison } from '../compare-view.js';
import { options } from '../options.js';
import { printRunNotes } from '../runs-view.js';
import type { AddCommand } from './command.js';

export const addCompare: AddCommand = (program, output) => {
  const command = program
    .command('compare')
    .description('runs beside each other: results, settings that differ, curves by epoch, and how their plans differ from the first')
    .argument('<run...>', 'two run folders or more')
    .option('--all', 'every epoch, and every change of the plans', false)
    .addOption(options.json());
  command.action(async (runs: readonly string[], { all }: { readonly all: boolean }) => {
    if (runs.length < 2) {
      command.error('error: it takes two runs to compare: ampc compare RUN RUN; ampc runs lists them');
      return;
    }
    const comparison = await compareRuns(runs);
    output.event({ event: 'compare', ...comparison });
    if (!output.json) printComparison(comparison, all, output);
    printRunNotes(comparison.runs, output);
  });
};
