import { type BenchOptions, type BenchResult, bench, type MachineLimits, type Profile, profile } from '../../index.js';
import { integer, ofCall, options } from '../options.js';
import { formatCount, type Output } from '../output.js';
import type { AddCommand } from './command.js';

function formatShare(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`;
}

function formatResult(result: BenchResult): string {
  return (
    `${result.backend} ${result.precision} batch ${result.batch}: ` +
    `${result.step_ms_median.toFixed(2)} ms a step (best ${result.step_ms_min.toFixed(2)}), ` +
    `${formatCount(Math.round(result.images_per_second))} images/s, ${result.gflops.toFixed(1)} GFLOP/s; ` +
    `compiled in ${Math.round(result.compile_ms)} ms`
  );
}

function formatLimits({ threads, f32, bf16, memory }: MachineLimits): string {
  const dot = bf16 === undefined ? '' : `, bf16 ${Math.round(bf16.all)} GFLOP/s`;
  return (
    `limits on ${threads} ${threads === 1 ? 'thread' : 'threads'}: f32 ${Math.round(f32.all)} GFLOP/s${dot}, memory ` +
    `${memory.all.toFixed(1)} GB/s`
  );
}

function printProfile(output: Output, { backend, precision, batch, step_ms, outside_ms, groups, limits }: Profile): void {
  const row = (name: string, kind: string, ms: number, rest: readonly string[]) => [
    name,
    kind,
    ms.toFixed(3),
    formatShare(ms / step_ms),
    ...rest,
  ];
  const rows = groups.map(({ group, kind, method, ms, gflops, gigabytes_per_second, limit_share }) =>
    row(group, method === null ? kind : `${kind}, ${method}`, ms, [
      gflops === 0 ? '' : gflops.toFixed(1),
      gigabytes_per_second === 0 ? '' : gigabytes_per_second.toFixed(1),
      limit_share === null ? '' : formatShare(limit_share),
    ]),
  );
  const header = ['group', 'kind', 'ms', 'of step', 'GFLOP/s', 'GB/s', 'of limit'];
  output.table(header, [...rows, row('outside', '', outside_ms, ['', '', '']), row('step', '', step_ms, ['', '', ''])]);
  output.line(`${backend} ${precision} batch ${batch}${limits === null ? '' : `; ${formatLimits(limits)}`}`);
}

export const addBench: AddCommand = (program, output) => {
  program
    .command('bench')
    .description('time the training step alone, with its data in memory')
    .argument('<file>', '.amp file')
    .addOption(options.backend())
    .addOption(options.precision())
    .addOption(options.policy())
    .addOption(options.costs())
    .addOption(options.batch())
    .addOption(options.set())
    .addOption(options.threads())
    .option('--steps <n>', 'timed steps (default: 100)', integer(1))
    .option('--warmup <n>', 'steps before them (default: 10)', integer(0))
    .option('--profile', 'time of every kernel, and its share of what this machine can do')
    .addOption(options.json())
    .action(async (file: string, given: BenchOptions & { readonly profile?: boolean }) => {
      const { profile: asked, ...choices } = ofCall(given);
      if (asked === true) {
        const result = await profile(file, { ...choices, onNotice: output.notice });
        output.event(result);
        printProfile(output, result);
        return;
      }
      const result = await bench(file, { ...choices, onNotice: output.notice });
      output.event(result);
      output.line(formatResult(result));
    });
};
