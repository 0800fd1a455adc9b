import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  type FileCosts,
  fileCosts,
  findLearningRate,
  type LargestBatchOptions,
  type LearningRateOptions,
  largestBatch,
  measureNetwork,
  type TuneOptions,
  type Tuning,
  tune,
} from '../../index.js';
import { onInterrupt } from '../interrupt.js';
import { progressBar, progressShare } from '../live-line.js';
import { integer, ofCall, options } from '../options.js';
import type { Output } from '../output.js';
import { formatNetwork } from '../ranks-view.js';
import { printLargestBatch, printRateTest } from '../rate-view.js';
import type { AddCommand } from './command.js';
import { addInitOptions } from './run-options.js';

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

/** Reads `1e-5:1`. */
function range(text: string): readonly [number, number] {
  const [from, to, ...rest] = text.split(':').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (rest.length > 0 || !(from! > 0) || !(to! > from!) || !Number.isFinite(to))
    throw new InvalidArgumentError('Two rates are needed, the lower one first, such as 1e-5:1.');
  return [from!, to!];
}

interface Choices extends TuneOptions, LearningRateOptions {
  readonly table: boolean;
  readonly network?: boolean;
  readonly lr?: readonly [number, number] | true;
  readonly largestBatch?: string | true;
}

/** Options that belong to the test of learning rates alone. */
const OF_RATES = ['data', 'seed', 'workers', 'init', 'initMap', 'initPartial', 'initLayout'] as const;

function refuseForeign(command: Command, { lr, largestBatch: fits, steps, policy }: Choices): void {
  const found = lr === undefined ? OF_RATES.find((name) => command.getOptionValueSource(name) === 'cli') : undefined;
  const option = command.options.find((one) => one.attributeName() === found);
  if (option !== undefined) command.error(`error: ${option.long} goes with --lr`);
  if (lr === undefined && fits === undefined && policy !== undefined)
    command.error('error: --policy goes with --lr or --largest-batch: of formats every policy is timed');
  if (fits !== undefined && steps !== undefined) command.error('error: --largest-batch takes no steps: it goes by forecasts');
}

function withoutRates<T extends Partial<Record<(typeof OF_RATES)[number], unknown>>>(choices: T): Omit<T, (typeof OF_RATES)[number]> {
  const rest = { ...choices };
  for (const name of OF_RATES) delete rest[name];
  return rest;
}

async function testRates(file: string, { lr, ...choices }: Choices, output: Output, exitWith: (code: number) => void): Promise<void> {
  const interrupt = onInterrupt(output, 'stopping');
  const [from, to] = lr === true || lr === undefined ? [] : lr;
  const { table: _, network: _network, largestBatch: _fits, ...others } = choices;
  const onStep = (step: number, steps: number) =>
    output.progress(() => `learning rates ${progressBar(step, steps, 24)} ${progressShare(step, steps)}`);
  try {
    const test = await findLearningRate(file, {
      ...ofCall(others),
      from,
      to,
      signal: interrupt.signal,
      onNotice: output.notice,
      onStep,
    });
    output.endProgress();
    if (test === undefined) {
      exitWith(interrupt.exitCode);
      return;
    }
    output.event({ event: 'learning_rate', ...test });
    if (!output.json) printRateTest(test, output);
  } finally {
    output.endProgress();
    interrupt.release();
  }
}

async function findBatch(file: string, choices: LargestBatchOptions, output: Output): Promise<void> {
  const found = await largestBatch(file, { ...choices, onNotice: output.notice });
  output.event({ event: 'largest_batch', ...found });
  if (!output.json) printLargestBatch(found, output);
}

/** Times the ways between the ranks that run this together; the first one keeps it. */
async function timeNetwork(file: string | undefined, command: Command, output: Output): Promise<void> {
  const other = command.options.find(
    (option) => command.getOptionValueSource(option.attributeName()) === 'cli' && !['network', 'json'].includes(option.attributeName()),
  );
  if (file !== undefined || other !== undefined)
    command.error(`error: --network measures what is between ranks, whatever they train: leave ${file ?? other!.long} away`);
  const measurement = await measureNetwork(output.notice);
  output.event({ event: 'network', ...measurement });
  if (output.json) return;
  const { ranks, machines, library } = measurement.measured;
  const where = machines === 1 ? 'one machine' : `${machines} machines`;
  output.line(`${ranks} ranks of ${library} on ${where}: ${output.style('bold', formatNetwork(measurement))}`);
  if (machines === 1) output.line('these share the memory of one machine: for a network between machines start ranks on several of them');
  if (measurement.kept !== null) output.line(`kept in ${measurement.kept}, where ampc plan FILE --ranks N finds it`);
}

export const addTune: AddCommand = (program, output, exitWith) => {
  const command = program
    .command('tune')
    .description(
      'find the formats that make a step fastest on this machine; or a learning rate, the largest batch that fits, or what a network takes',
    )
    .argument('[file]', '.amp file; --network takes none')
    .addOption(
      new Option('--lr [from:to]', 'look for a learning rate: steps with a rising rate, until the loss is lost (default: 1e-6:10)')
        .argParser(range)
        .conflicts(['table', 'largestBatch']),
    )
    .addOption(
      new Option(
        '--largest-batch [memory]',
        'the largest batch that fits in so much memory, such as 8GiB (default: what is free)',
      ).conflicts('table'),
    )
    .option(
      '--steps <n>',
      'timed steps of each plan (default: one and a half seconds of them); with --lr: steps (default: 100)',
      integer(3),
    )
    .option('--network', 'under mpirun: latency and bandwidth between the ranks, for ampc plan --ranks')
    .option('--table', 'show the table of costs that policy fastest decides by; times only what it lacks')
    .addOption(options.backend())
    .addOption(options.precision())
    .addOption(options.policy())
    .addOption(options.batch())
    .addOption(options.set())
    .addOption(options.data())
    .option('--seed <n>', 'with --lr: key of the initial weights, shuffling, augmentation and dropout', integer(0));
  addInitOptions(command)
    .addOption(options.threads())
    .addOption(options.workers())
    .addOption(options.json())
    .action(async (file: string | undefined, choices: Choices) => {
      if (choices.network) return timeNetwork(file, command, output);
      if (file === undefined) {
        command.error("error: missing required argument 'file'");
        return;
      }
      refuseForeign(command, choices);
      if (choices.lr !== undefined) return testRates(file, choices, output, exitWith);
      const { table, network: _network, lr: _, largestBatch: fits, ...given } = ofCall(choices);
      const others = withoutRates(given);
      if (fits !== undefined) return findBatch(file, { ...others, memory: fits === true ? undefined : fits }, output);
      if (table) {
        const costs = await fileCosts(file, { ...others, onNotice: output.notice });
        output.event(costs.table);
        if (!output.json) printCosts(costs, output);
        return;
      }
      const result = await tune(file, { ...others, onNotice: output.notice });
      output.event({ event: 'tune', ...result });
      if (!output.json) print(result, output);
    });
};
