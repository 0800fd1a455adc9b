import { type BenchOptions, bench } from '../../index.js';
import { integer, options } from '../options.js';
import { formatCount } from '../output.js';
import type { AddCommand } from './command.js';

export const addBench: AddCommand = (program, output) => {
  program
    .command('bench')
    .description('time the training step alone, with its data in memory')
    .argument('<file>', '.amp file')
    .addOption(options.backend())
    .addOption(options.precision())
    .addOption(options.policy())
    .addOption(options.batch())
    .addOption(options.set())
    .addOption(options.threads())
    .option('--steps <n>', 'timed steps (default: 100)', integer(1))
    .option('--warmup <n>', 'steps before them (default: 10)', integer(0))
    .addOption(options.json())
    .action(async (file: string, choices: BenchOptions) => {
      const result = await bench(file, choices);
      output.event(result);
      output.line(
        `${result.backend} ${result.precision} batch ${result.batch}: ${result.step_ms_median.toFixed(2)} ms a step (best ${result.step_ms_min.toFixed(2)}), ` +
          `${formatCount(Math.round(result.images_per_second))} images/s, ${result.gflops.toFixed(1)} GFLOP/s; compiled in ${Math.round(result.compile_ms)} ms`,
      );
    });
};
