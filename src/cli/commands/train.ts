import { type Command, Option } from 'commander';
import { shellWord } from '../../diagnostics/shell-word.js';
import { renderDiagnostics, type Source, type TrainOptions, type TrainOutcome, train } from '../../index.js';
import { EXIT } from '../failure.js';
import { type Interrupt, onInterrupt } from '../interrupt.js';
import { options } from '../options.js';
import { formatDuration, formatLoss, formatPercent, type Output } from '../output.js';
import { TrainReport } from '../train-report.js';
import { watchTraining } from '../watch.js';
import type { AddCommand } from './command.js';
import { addRunOptions } from './run-options.js';

interface Choices extends TrainOptions {
  readonly watch: boolean;
}

/** Commander sets some options to true when they are not given; a resumed run then keeps its own. */
function withoutDefaults({ watch: _, shuffle, augment, ...choices }: Choices): TrainOptions {
  return { ...choices, shuffle: shuffle === false ? false : undefined, augment: augment === false ? false : undefined };
}

/** Trains, and shows it until the run has ended. */
async function trainShown(input: string | Source, choices: TrainOptions, signal: AbortSignal, output: Output): Promise<TrainOutcome> {
  const report = new TrainReport(output);
  try {
    const result = await train(input, {
      ...choices,
      signal,
      onNotice: output.notice,
      onWarnings: (warnings, source) => output.error(renderDiagnostics(warnings, source, { color: output.errorColor })),
      onEvent: (event) => report.onEvent(event),
      onProgress: (progress) => report.onProgress(progress),
    });
    report.finish();
    return result;
  } catch (error) {
    report.stop();
    throw error;
  }
}

/** Says what has come of a run that was not interrupted; whether its numbers stayed finite. */
function printResult({ testLoss, testAccuracy, hasWeights, steps, seconds, run }: TrainOutcome, output: Output): boolean {
  const isLost = testLoss !== undefined && !Number.isFinite(testLoss);
  const score =
    testAccuracy === undefined
      ? testLoss === undefined
        ? ''
        : `, test loss ${formatLoss(testLoss)}`
      : `, test accuracy ${output.style(isLost ? 'red' : 'green', formatPercent(testAccuracy))}`;
  const saved = hasWeights ? 'weights and metrics' : 'no weights, for none were finite, but metrics';
  output.line(`${steps} ${steps === 1 ? 'step' : 'steps'} in ${formatDuration(seconds)}${score}; ${saved} in ${run}`);
  return !isLost;
}

function printInterrupted(file: string, { data }: TrainOptions, { steps, run }: TrainOutcome, output: Output): void {
  const place = data === undefined ? '' : ` --data ${shellWord(data)}`;
  output.line(`interrupted after step ${steps}; continue with: ampc train ${shellWord(file)} --resume ${shellWord(run)}${place}`);
}

/** One run; the exit code. */
async function trainOnce(file: string, choices: TrainOptions, interrupt: Interrupt, output: Output): Promise<number> {
  const result = await trainShown(file, choices, interrupt.signal, output);
  if (result.interrupted) {
    printInterrupted(file, choices, result, output);
    return interrupt.exitCode;
  }
  // Its warning has been printed.
  return printResult(result, output) ? EXIT.done : EXIT.failed;
}

/** A run after the other; the exit code. */
async function trainWatched(file: string, choices: TrainOptions, interrupt: Interrupt, output: Output): Promise<number> {
  const one = async (source: Source, signal: AbortSignal) => {
    const result = await trainShown(source, choices, signal, output);
    if (result.interrupted) printInterrupted(file, choices, result, output);
    else printResult(result, output);
  };
  await watchTraining(file, choices, one, interrupt, output);
  return interrupt.exitCode;
}

export const addTrain: AddCommand = (program, output, exitWith) => {
  const declared = program
    .command('train')
    .description('train the model of a .amp file')
    .argument('<file>', '.amp file')
    .option('--out <dir>', 'run folder (default: runs/<file>-<number>)')
    .addOption(
      new Option('--resume [dir]', 'continue a run: the one in the folder, in --out, or the newest of this file').conflicts('init'),
    )
    .addOption(
      new Option('--watch', 'begin a new run whenever the file, or one that it uses, says something else')
        .default(false)
        .conflicts(['out', 'resume']),
    );
  addRunOptions(declared)
    .addOption(options.set())
    .addOption(options.threads())
    .addOption(options.workers())
    .addOption(options.quiet())
    .addOption(options.json())
    .action(async (file: string, choices: Choices, command: Command) => {
      if (typeof choices.resume === 'string' && choices.out !== undefined)
        command.error('error: --resume DIR names the folder, as --out does');
      const interrupt = onInterrupt(output, 'finishing the step and saving');
      try {
        const code = await (choices.watch ? trainWatched : trainOnce)(file, withoutDefaults(choices), interrupt, output);
        if (code !== EXIT.done) exitWith(code);
      } finally {
        interrupt.release();
      }
    });
};
