import { type ModelOptions, predict, renderDiagnostics, type UserError } from '../../index.js';
import { EXIT } from '../failure.js';
import { options } from '../options.js';
import { formatPercent } from '../output.js';
import type { AddCommand } from './command.js';

export const addPredict: AddCommand = (program, output, exitWith) => {
  program
    .command('predict')
    .description('classify pictures with a trained model')
    .argument('<run-or-file>', 'run folder, or .amp file with --weights')
    .argument('<image...>', 'PNG or JPEG files')
    .option('--weights <file>', "safetensors file (default: the run's last.safetensors)")
    .addOption(options.backend())
    .addOption(options.data())
    .addOption(options.json())
    .action(async (run: string, images: readonly string[], choices: ModelOptions) => {
      const onFailure = ({ diagnostics, source }: UserError) => {
        output.error(renderDiagnostics(diagnostics, source, { color: output.errorColor }));
        exitWith(EXIT.failed);
      };
      for (const prediction of await predict(run, images, { ...choices, onNotice: output.notice, onFailure })) {
        output.event({ event: 'prediction', ...prediction });
        const [best, ...others] = prediction.top;
        if (best === undefined) continue;
        const rest = others.map(({ name, probability }) => `${name} ${formatPercent(probability)}`).join(', ');
        output.line(
          `${prediction.path}: ${output.style('bold', best.name)} ` +
            `${formatPercent(best.probability)}${rest === '' ? '' : output.style('dim', `  (${rest})`)}`,
        );
      }
    });
};
