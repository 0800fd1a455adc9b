import { shellWord } from '../../diagnostics/shell-word.js';
import { type ImportOptions, importModel } from '../../index.js';
import { ofCall, options } from '../options.js';
import { formatCount } from '../output.js';
import type { AddCommand } from './command.js';

export const addImport: AddCommand = (program, output) => {
  program
    .command('import')
    .description('write the network of an ONNX model as a .amp file, and its weights beside it')
    .argument('<model>', '.onnx file')
    .option('--out <path>', 'folder, or .amp file (default: the present folder, and the name of the model)')
    .option(
      '--normalize <arguments>',
      'what stands in normalize(...) of the file, e.g. imagenet (default: what the model does with pixels)',
    )
    .addOption(options.json())
    .action(async (model: string, choices: ImportOptions) => {
      const result = await importModel(model, ofCall(choices));
      output.event({ event: 'import', ...result });
      output.line(`${result.model}: ${formatCount(result.parameters)} parameters in ${formatCount(result.tensors)} tensors`);
      output.line(`written to ${result.file} and ${result.weights}`);
      for (const notice of result.notices) output.notice(`note: ${notice}`);
      const [file, weights] = [shellWord(result.file), shellWord(result.weights)];
      output.line(`train on with: ampc train ${file} --init ${weights}`);
    });
};
