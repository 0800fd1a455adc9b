import { type CalibrateOptions, calibrate, writeResult } from '../../index.js';
import { printCalibration } from '../calibrate-view.js';
import { integer, ofCall, options } from '../options.js';
import type { AddCommand } from './command.js';

export const addCalibrate: AddCommand = (program, output) => {
  program
    .command('calibrate')
    .description('measure every value of some training steps in f32: what would overflow or vanish in fp16, and the loss scale to use')
    .argument('<file>', '.amp file')
    .option('--steps <n>', 'training steps (default: 10)', integer(1))
    .option('--init <weights>', 'file with the weights to start from, as ampc train takes it')
    .option('--out <file>', 'write the result as JSON, for `ampc plan` and `ampc train --calibration`')
    .addOption(options.backend())
    .addOption(options.data())
    .addOption(options.precision())
    .addOption(options.policy())
    .addOption(options.costs())
    .addOption(options.batch())
    .addOption(options.set())
    .addOption(options.threads())
    .addOption(options.json())
    .action(async (file: string, given: CalibrateOptions & { readonly out?: string }) => {
      const { out, ...choices } = ofCall(given);
      const result = { event: 'calibrate', ...(await calibrate(file, { ...choices, onNotice: output.notice })) };
      if (out !== undefined) await writeResult(out, result);
      output.event(result);
      if (!output.json) printCalibration(result, output);
      if (out !== undefined) output.line(`written to ${out}`);
    });
};
