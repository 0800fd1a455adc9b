import { Option } from 'commander';
import { csvRow } from '../../files/csv-row.js';
import { type Prediction, type PredictOptions, predict, renderDiagnostics, type UserError } from '../../index.js';
import { EXIT } from '../failure.js';
import { integer, ofCall, options } from '../options.js';
import { formatPercent, type Output } from '../output.js';
import type { AddCommand } from './command.js';

interface Choices extends PredictOptions {
  readonly csv: boolean;
}

function printPrediction({ path, top: [best, ...others] }: Prediction, output: Output): void {
  if (best === undefined) return;
  const rest = others.map(({ name, probability }) => `${name} ${formatPercent(probability)}`).join(', ');
  output.line(
    `${path}: ${output.style('bold', best.name)} ` +
      `${formatPercent(best.probability)}${rest === '' ? '' : output.style('dim', `  (${rest})`)}`,
  );
}

/** A row for each picture, the most probable class first; a model of few classes has fewer columns. */
function printCsv(predictions: readonly Prediction[], output: Output): void {
  const columns = Math.max(1, ...predictions.map(({ top }) => top.length));
  const titles = Array.from({ length: columns }, (_, place) =>
    place === 0 ? ['class', 'probability'] : [`class_${place + 1}`, `probability_${place + 1}`],
  );
  output.product(csvRow(['path', ...titles.flat()]));
  for (const { path, top } of predictions)
    output.product(csvRow([path, ...top.flatMap(({ name, probability }) => [name, String(probability)])]));
}

export const addPredict: AddCommand = (program, output, exitWith) => {
  program
    .command('predict')
    .description('classify pictures, also all in a folder, with a trained model')
    .argument('<run-or-file>', 'run folder, or .amp file with --weights')
    .argument('<image...>', 'pictures (JPEG, PNG, PPM and others), or folders of them')
    .option('--weights <file>', "safetensors file (default: the run's last.safetensors)")
    .option('--top <n>', 'classes that are told of each picture (default: 3)', integer(1))
    .addOption(new Option('--csv', 'a table with a row for each picture, in CSV').default(false).conflicts('json'))
    .addOption(options.backend())
    .addOption(options.data())
    .addOption(options.quiet())
    .addOption(options.json())
    .action(async (run: string, images: readonly string[], { csv, ...choices }: Choices) => {
      const onFailure = ({ diagnostics, source }: UserError) => {
        output.error(renderDiagnostics(diagnostics, source, { color: output.errorColor }));
        exitWith(EXIT.failed);
      };
      const predictions = await predict(run, images, { ...ofCall(choices), onNotice: output.notice, onFailure });
      if (csv) {
        printCsv(predictions, output);
        return;
      }
      for (const prediction of predictions) {
        output.event({ event: 'prediction', ...prediction });
        printPrediction(prediction, output);
      }
    });
};
