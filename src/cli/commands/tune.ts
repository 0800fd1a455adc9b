import { type TuneOptions, type Tuning, tune } from '../../index.js';
import { integer, options } from '../options.js';
import type { Output } from '../output.js';
import type { AddCommand } from './command.js';

const ms = (value: number | null): string => (value === null ? '-' : value.toFixed(3));

function print({ model, backend, precision, batch, layers, rest, bandwidth, candidates, best, lines }: Tuning, output: Output): void {
  output.line(`${output.style('bold', model)} on ${backend}, batch ${batch}: milliseconds of a training step`);
  output.line();
  output.table(
    ['layer', 'fp32', precision, 'chosen'],
    [
      ...layers.map(({ layer, full_ms, low_ms, chosen }) => [layer, ms(full_ms), ms(low_ms), chosen]),
      ['(optimizer, finite check, call)', ms(rest.full_ms), ms(rest.low_ms), ''],
    ],
  );
  output.line(output.style('dim', `a cast between two layers costs its bytes at ${bandwidth.toFixed(1)} GB/s`));
  output.line();
  output.table(
    ['plan', 'predicted', 'measured'],
    candidates.map(({ name, predicted_ms, measured_ms }) => [name, ms(predicted_ms), ms(measured_ms)]),
  );
  output.line();
  output.line(`fastest here: ${output.style('bold', best)}. In the precision section:`);
  for (const line of lines) output.line(`  ${line}`);
}

export const addTune: AddCommand = (program, output) => {
  program
    .command('tune')
    .description('time every kernel in fp32 and in the compute format, and choose the formats that make a step fastest on this machine')
    .argument('<file>', '.amp file')
    .option('--steps <n>', 'timed steps of each plan (default: 30)', integer(3))
    .addOption(options.backend())
    .addOption(options.precision())
    .addOption(options.batch())
    .addOption(options.set())
    .addOption(options.threads())
    .addOption(options.json())
    .action(async (file: string, choices: TuneOptions) => {
      const result = await tune(file, choices);
      output.event({ event: 'tune', ...result });
      if (!output.json) print(result, output);
    });
};
