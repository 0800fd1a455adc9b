import { Option } from 'commander';
import { EXPORT_FORMATS, type ExportOptions, type ExportTarget, exportModel, formatBytes } from '../../index.js';
import { ofCall, oneOf, options } from '../options.js';
import type { AddCommand } from './command.js';

const TARGETS = Object.keys(EXPORT_FORMATS) as readonly ExportTarget[];

export const addExport: AddCommand = (program, output) => {
  program
    .command('export')
    .description('write a trained model for other tools')
    .argument('<run-or-file>', 'run folder, or .amp file with --weights')
    .addOption(new Option('--to <format>', `what to write: ${TARGETS.join(', ')}`).argParser(oneOf(TARGETS)).makeOptionMandatory())
    .option('--out <path>', 'file or folder (default: named after the .amp file, in this folder)')
    .option('--force', 'replace what is there', false)
    .option('--weights <file>', "safetensors file (default: the run's last.safetensors)")
    .addOption(options.precision())
    .addOption(new Option('--image-type <type>', 'onnx: u8 for bytes, float for 0 to 1 (default: u8)').argParser(oneOf(['u8', 'float'])))
    .addOption(
      new Option('--image-layout <layout>', 'onnx: order of the axes, nhwc or nchw (default: nhwc)').argParser(oneOf(['nhwc', 'nchw'])),
    )
    .addOption(options.backend('the backend whose plan it is (default: that of the run)'))
    .addOption(options.data())
    .addOption(options.json())
    .addHelpText('after', `\n${TARGETS.map((target) => `  ${target.padEnd(6)} ${EXPORT_FORMATS[target].doc}`).join('\n')}\n`)
    .action(async (target: string, choices: ExportOptions) => {
      const result = await exportModel(target, { ...ofCall(choices), onNotice: output.notice });
      output.event({ event: 'export', ...result });
      const { model, precision, out, files, bytes } = result;
      const what = files.length === 1 ? '' : ` (${files.join(', ')})`;
      output.line(`${model} in ${precision}: ${out}${what}, ${formatBytes(bytes)}`);
    });
};
