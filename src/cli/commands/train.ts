import { type Command, Option } from 'commander';
import { shellWord } from '../../diagnostics/shell-word.js';
import {
  dryRun,
  rankAmongOthers,
  renderDiagnostics,
  resume,
  type Source,
  type TrainOptions,
  type TrainOutcome,
  train,
} from '../../index.js';
import { EXIT } from '../failure.js';
import { type Interrupt, onInterrupt } from '../interrupt.js';
import { type LiveChoices, LivePages } from '../live-page.js';
import { duration, integer, MOST_RUNS, ofCall, options } from '../options.js';
import { formatCount, formatDuration, formatLoss, formatPercent, type Output } from '../output.js';
import { TimeLimit } from '../time-limit.js';
import { TrainReport } from '../train-report.js';
import { notForSeveral, trainRuns } from '../train-runs.js';
import { watchTraining } from '../watch.js';
import type { AddCommand } from './command.js';
import { addRunOptions } from './run-options.js';

interface Choices extends TrainOptions, LiveChoices {
  readonly watch: boolean;
  readonly dryRun: boolean;
  readonly maxTime?: number;
  readonly runs?: number;
}

/** Commander sets some options to true when they are not given; a resumed run then keeps its own. */
function withoutDefaults({
  watch: _,
  dryRun: _dry,
  maxTime: _time,
  runs: _runs,
  ui: _ui,
  port: _port,
  shuffle,
  augment,
  ...choices
}: Choices): TrainOptions {
  return { ...ofCall(choices), shuffle: shuffle === false ? false : undefined, augment: augment === false ? false : undefined };
}

/** A `.amp` file, or nothing: a run then goes on with its own. */
type Input = string | Source | undefined;

function begin(input: Input, options: TrainOptions): Promise<TrainOutcome> {
  if (input !== undefined) return train(input, options);
  const { resume: run, out, init: _, ...others } = options;
  return resume(typeof run === 'string' ? run : out!, others);
}

/** Trains, and shows it until the run has ended. */
async function trainShown(
  input: Input,
  choices: TrainOptions,
  signal: AbortSignal,
  output: Output,
  onStart: (run: string) => void,
): Promise<TrainOutcome> {
  const report = new TrainReport(output);
  try {
    const result = await begin(input, {
      ...choices,
      signal,
      onNotice: output.notice,
      onWarnings: (warnings, source) => output.error(renderDiagnostics(warnings, source, { color: output.errorColor })),
      onEvent: (event) => {
        if (event.event === 'start') onStart(event.run);
        report.onEvent(event);
      },
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

function printInterrupted(file: string | undefined, { data }: TrainOptions, { steps, run }: TrainOutcome, output: Output): void {
  const name = file === undefined ? '' : `${shellWord(file)} `;
  const place = data === undefined ? '' : ` --data ${shellWord(data)}`;
  output.line(`interrupted after step ${steps}; continue with: ampc train ${name}--resume ${shellWord(run)}${place}`);
}

/** One run; the exit code. */
async function trainOnce(
  file: string | undefined,
  choices: Choices,
  interrupt: Interrupt,
  output: Output,
  live: LivePages,
): Promise<number> {
  const { maxTime } = choices;
  const options = withoutDefaults(choices);
  const limit = new TimeLimit(maxTime);
  const result = await trainShown(file, options, AbortSignal.any([interrupt.signal, limit.signal]), output, (run) => {
    limit.start();
    live.show(run);
  }).finally(() => limit.clear());
  if (result.interrupted) {
    // Of several ranks another one may have got the signal.
    const code = interrupt.signal.aborted ? interrupt.exitCode : result.exitCode;
    if (code === undefined) output.line(`the time is over (${formatDuration(maxTime ?? 0)})`);
    printInterrupted(file, options, result, output);
    return code ?? EXIT.done;
  }
  // Its warning has been printed.
  return printResult(result, output) ? EXIT.done : EXIT.failed;
}

/** A run after the other; the exit code. */
async function trainWatched(file: string, given: Choices, interrupt: Interrupt, output: Output, live: LivePages): Promise<number> {
  const choices = withoutDefaults(given);
  const one = async (source: Source, signal: AbortSignal) => {
    const result = await trainShown(source, choices, signal, output, (run) => live.show(run));
    if (result.interrupted) printInterrupted(file, choices, result, output);
    else printResult(result, output);
  };
  await watchTraining(file, choices, one, interrupt, output);
  return interrupt.exitCode;
}

/** A little of everything that a run does; the exit code. */
async function tryOut(file: string, choices: Choices, interrupt: Interrupt, output: Output): Promise<number> {
  const onWarnings: TrainOptions['onWarnings'] = (warnings, source) =>
    output.error(renderDiagnostics(warnings, source, { color: output.errorColor }));
  const tried = await dryRun(file, { ...withoutDefaults(choices), signal: interrupt.signal, onNotice: output.notice, onWarnings });
  if (tried === undefined) return interrupt.exitCode;
  const { model, parameters, precision, backend, device, steps, losses, testLoss, imagesPerSecond } = tried;
  output.event({ event: 'dry_run', model, backend, device, precision, parameters, steps, losses, test_loss: testLoss });
  output.line(`${output.style('bold', model)}: ${formatCount(parameters)} parameters, ${precision} on ${backend} (${device})`);
  const speed = imagesPerSecond === undefined ? '' : `, ${formatCount(Math.round(imagesPerSecond))} images/s so far`;
  output.line(`losses of ${steps} steps: ${losses.map(formatLoss).join(', ')}; test loss ${formatLoss(testLoss)}${speed}`);
  output.line('dry run: all that a run does works here; nothing is kept');
  return EXIT.done;
}

/** Wrong usage as a text; undefined: none. */
function wrongUse(file: string | undefined, choices: Choices): string | undefined {
  const { resume: run, out, runs } = choices;
  if (rankAmongOthers() !== undefined && (choices.watch || runs !== undefined))
    return `${choices.watch ? '--watch' : '--runs'} does not go with several ranks, which train one run together: leave it away`;
  const unfit = runs === undefined ? undefined : notForSeveral(choices);
  if (unfit !== undefined) return unfit;
  if (typeof run === 'string' && out !== undefined) return '--resume DIR names the folder, as --out does';
  if (file !== undefined) return undefined;
  if (run === undefined) return "missing required argument 'file'";
  if (run === true && out === undefined) return 'without a file --resume needs the folder of a run: --resume DIR';
  if (typeof run === 'string' && run.endsWith('.amp'))
    return `--resume takes the folder of a run, and ${run} is called as a file: ampc train ${shellWord(run)} --resume`;
  return undefined;
}

export const addTrain: AddCommand = (program, output, exitWith) => {
  const declared = program
    .command('train')
    .description('train the model of a .amp file')
    .argument('[file]', '.amp file; with --resume DIR it may be left out: the run has its own')
    .option('--out <dir>', 'run folder (default: runs/<file>-<number>), or with --runs the folder of all (default: runs/<file>-runs)')
    .option(
      '--runs <n>',
      "train so many runs, with seeds from the file's on, and sum them up; called again, it goes on",
      integer(1, MOST_RUNS),
    )
    .addOption(
      new Option('--resume [dir]', 'continue a run: the one in the folder, in --out, or the newest of this file').conflicts('init'),
    )
    .addOption(
      new Option('--watch', 'begin a new run whenever the file, or one that it uses, says something else')
        .default(false)
        .conflicts(['out', 'resume', 'dryRun', 'maxTime']),
    )
    .addOption(
      new Option('--dry-run', 'a few steps and a small test of all that a run does; nothing is kept')
        .default(false)
        .conflicts(['out', 'resume', 'maxSteps', 'maxTime']),
    )
    .addOption(
      new Option('--max-time <time>', 'end after so long, such as 45m or 1h30m, as by Ctrl-C: --resume goes on').argParser(duration),
    );
  addRunOptions(declared)
    .addOption(options.ui('how it goes').conflicts('dryRun'))
    .addOption(options.port())
    .addOption(options.set())
    .addOption(options.threads())
    .addOption(options.workers())
    .addOption(options.quiet())
    .addOption(options.json())
    .action(async (file: string | undefined, choices: Choices, command: Command) => {
      const wrong = wrongUse(file, choices);
      if (wrong !== undefined) command.error(`error: ${wrong}`);
      if (choices.runs !== undefined) {
        // Without --resume there is a file.
        const code = await trainRuns(file!, choices.runs, withoutDefaults(choices), choices, output);
        if (code !== EXIT.done) exitWith(code);
        return;
      }
      const live = await LivePages.open(choices, output);
      const interrupt = onInterrupt(output, 'finishing the step and saving');
      try {
        // The first two go without --resume, and then there is a file.
        const code = await (choices.dryRun
          ? tryOut(file!, choices, interrupt, output)
          : choices.watch
            ? trainWatched(file!, choices, interrupt, output, live)
            : trainOnce(file, choices, interrupt, output, live));
        if (code !== EXIT.done) exitWith(code);
      } finally {
        await live.close();
        interrupt.release();
      }
    });
};
