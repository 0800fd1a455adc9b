import { type FileCosts, fileCosts, type TuneOptions, type Tuning, tune } from '../../index.js';
import { integer, options } from '../options.js';
import type { Output } from '../output.js';
import type { AddCommand } from './command.js';

const ms = (value: number | null): string => (value === null ? '-' : value.toFixed(3));

function print({ model, batch, costs, precision, layers, rest, bandwidth, candidates, taken, best, lines }: Tuning, output: Output): void {
  output.line(`${output.style('bold', model)}, batch ${batch}: milliseconds of a training step on ${costs}`);
  output.line();
  output.table(
    ['layer', 'fp32', precision, 'min-cut'],
    [
      ...layers.map(({ layer, full_ms, low_ms, chosen }) => [layer, ms(full_ms), ms(low_ms), chosen]),
      ['(optimizer, finite check, call)', ms(rest.full_ms), ms(rest.low_ms), ''],
    ],
  );
  output.line(output.style('dim', `a cast between two layers costs its bytes at ${bandwidth.toFixed(1)} GB/s`));
  output.line();
  output.table(
    ['plan', 'predicted', 'kernels', 'measured', 'median', ''],
    candidates.map(({ name, predicted_ms, kernels_ms, measured_ms, measured_median_ms }) => [
      name,
      ms(predicted_ms),
      ms(kernels_ms),
      ms(measured_ms),
      ms(measured_median_ms),
      name === taken ? 'taken by policy fastest' : '',
    ]),
  );
  output.line(
    output.style(
      'dim',
      'predicted before; kernels: steps whose kernels are timed, in turns with the measured ones, quick ones of both; median: of all steps',
    ),
  );
  output.line();
  output.line(`fastest here: ${output.style('bold', best)}. In the precision section:`);
  for (const line of lines) output.line(`  ${line}`);
}

function printCosts({ name, rows, table }: FileCosts, output: Output): void {
  output.line(`costs of ${output.style('bold', name)}: ${Object.keys(table.kernels).length} kernels of the file's plans`);
  output.line();
  output.table(
    ['kernel', 'ms', 'in'],
    rows.map(({ kernel, ms: time, uses }) => [
      kernel,
      time.toFixed(4),
      uses.map(({ plan, times }) => (times === 1 ? plan : `${plan} x ${times}`)).join(', '),
    ]),
  );
  const { launch, memory, cast, flops } = table.rates;
  const rate = (perSecond: number) => (perSecond * 1e-9).toFixed(1);
  output.line();
  output.line(
    `a cast: ${rate(cast)} GB/s. For kernels that were not measured: ${(launch * 1e6).toFixed(1)} us each, memory ${rate(memory)} GB/s,`,
  );
  output.line(
    `contractions ${Object.entries(flops)
      .map(([format, value]) => `${format} ${rate(value)}`)
      .join(', ')} GFLOP/s`,
  );
}

export const addTune: AddCommand = (program, output) => {
  program
    .command('tune')
    .description('time every kernel in fp32 and in the compute format, and choose the formats that make a step fastest on this machine')
    .argument('<file>', '.amp file')
    .option('--steps <n>', 'timed steps of each plan (default: one and a half seconds of them)', integer(3))
    .option('--table', 'show the table of costs that policy fastest decides by; times only what it lacks', false)
    .addOption(options.backend())
    .addOption(options.precision())
    .addOption(options.batch())
    .addOption(options.set())
    .addOption(options.threads())
    .addOption(options.json())
    .action(async (file: string, choices: TuneOptions & { readonly table: boolean }) => {
      if (choices.table) {
        const costs = await fileCosts(file, { ...choices, onNotice: output.notice });
        output.event(costs.table);
        if (!output.json) printCosts(costs, output);
        return;
      }
      const result = await tune(file, { ...choices, onNotice: output.notice });
      output.event({ event: 'tune', ...result });
      if (!output.json) print(result, output);
    });
};
