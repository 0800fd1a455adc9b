import { InvalidArgumentError } from 'commander';
import { type Deviation, type VerifyOptions, verify } from '../../index.js';
import { EXIT } from '../failure.js';
import { integer, ofCall, options } from '../options.js';
import { formatPercent } from '../output.js';
import type { AddCommand } from './command.js';

interface Choices extends VerifyOptions {
  readonly all: boolean;
}

/** Rows that are shown without --all. */
const SHOWN = 20;

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0 || text.trim() === '') throw new InvalidArgumentError('A number of at least 0 is needed.');
  return value;
}

function share(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 1) || text.trim() === '') throw new InvalidArgumentError('A number from 0 to 1 is needed.');
  return value;
}

function row({
  layer,
  op,
  kind,
  of,
  dtype,
  error,
  cosine,
  nonFinite,
  fp32NonFinite,
  vanished,
  cancels,
  pass,
}: Deviation): readonly string[] {
  const what = kind === 'activation' ? 'activation' : of;
  const compares = nonFinite + fp32NonFinite === 0;
  const far = compares
    ? `${error.toExponential(2)}${cancels ? ' of its terms' : ''}`
    : `${nonFinite} not finite${fp32NonFinite > 0 ? `, ${fp32NonFinite} in fp32` : ''}`;
  return [layer, op, what, dtype, far, cancels ? '' : cosine.toFixed(6), cancels ? '' : formatPercent(vanished), pass ? 'ok' : 'FAIL'];
}

export const addVerify: AddCommand = (program, output, exitWith) => {
  program
    .command('verify')
    .description('run the plan and its fp32 plan side by side and compare every layer, worst first')
    .argument('<file>', '.amp file')
    .option('--steps <n>', 'training steps (default: 3)', integer(1))
    .option('--max-error <x>', 'largest relative error that passes (default: 0.25 in fp16, 0.5 in bf16)', positive)
    .option('--min-cosine <x>', 'smallest cosine that passes (default: 0.95 in fp16, 0.85 in bf16)', share)
    .option('--max-vanished <x>', 'largest share of a gradient that may be 0 and is not in fp32 (default: 0.05)', share)
    .option('--all', 'show every value, not the worst 20', false)
    .addOption(options.backend())
    .addOption(options.data())
    .addOption(options.precision())
    .addOption(options.policy())
    .addOption(options.costs())
    .addOption(options.calibration())
    .addOption(options.strictRanges())
    .addOption(options.batch())
    .addOption(options.set())
    .addOption(options.threads())
    .addOption(options.json())
    .action(async (file: string, given: Choices) => {
      const { all, ...choices } = ofCall(given);
      const result = await verify(file, { ...choices, onNotice: output.notice });
      output.event({ event: 'verify', ...result });
      const { model, precision, backend, batch, steps, skipped, deviations, limits, pass } = result;
      if (!output.json) {
        output.line(
          `${output.style('bold', model)}: ${precision} against f32 on ${backend}, batch ${batch}, ${steps} ` +
            `${steps === 1 ? 'step' : 'steps'}, ${skipped} skipped`,
        );
        const shown = all ? deviations : deviations.slice(0, SHOWN);
        output.table(['layer', 'op', 'value', 'format', 'error', 'cosine', 'vanished', ''], shown.map(row));
        if (shown.length < deviations.length) output.line(output.style('dim', `and ${deviations.length - shown.length} more: --all`));
      }
      const failed = deviations.filter((deviation) => !deviation.pass).length;
      const asked =
        `an error of at most ${limits.maxError}, a cosine of at least ${limits.minCosine}, at most ` +
        `${formatPercent(limits.maxVanished)} of a gradient vanished`;
      if (pass) output.line(`all ${deviations.length} values have ${asked}`);
      else {
        if (deviations.some(({ fp32NonFinite }) => fp32NonFinite > 0))
          output.error('fp32 is infinite or NaN as well: the recipe, the weights or the data are wrong, not the formats');
        output.error(`${failed} of ${deviations.length} values fail: asked for ${asked}`);
        exitWith(EXIT.failed);
      }
    });
};
