import { renderDiagnostics, type SweepOptions, type SweepOutcome } from '../index.js';
import { EXIT } from './failure.js';
import { onInterrupt } from './interrupt.js';
import { type LiveChoices, LivePages } from './live-page.js';
import { ofCall } from './options.js';
import type { Output } from './output.js';
import { SweepReport } from './sweep-view.js';

function printRest({ interrupted, dir, runs }: SweepOutcome, output: Output): void {
  const failed = runs.filter(({ state }) => state === 'failed');
  if (failed.length > 0) output.error(`${failed.length} of ${runs.length} runs failed; the same command tries them again`);
  if (!interrupted) return;
  const over = runs.filter(({ state }) => state === 'complete' || state === 'lost').length;
  output.line(`interrupted with ${over} of ${runs.length} runs done; the same command goes on with ${dir}`);
}

/** Trains several runs by `train`, shows them until all have ended, and what has come of them by `print`; the exit code. */
export async function showSweep<T extends SweepOptions>(
  choices: T,
  live: LiveChoices,
  output: Output,
  train: (options: T) => Promise<SweepOutcome>,
  print: (result: SweepOutcome) => void,
): Promise<number> {
  const { shuffle, augment } = choices;
  const report = new SweepReport(output);
  const pages = await LivePages.open(live, output);
  const interrupt = onInterrupt(output, 'finishing the steps and saving');
  try {
    const result = await train({
      ...(ofCall(choices) as T),
      // Commander sets these to true when they are not given.
      shuffle: shuffle === false ? false : undefined,
      augment: augment === false ? false : undefined,
      signal: interrupt.signal,
      onNotice: output.notice,
      onWarnings: (warnings, source) => output.error(renderDiagnostics(warnings, source, { color: output.errorColor })),
      onEvent: (event) => {
        if (event.event === 'sweep_start') pages.show(event.dir);
        report.onEvent(event);
      },
      onProgress: (progress) => report.onProgress(progress),
    });
    output.endProgress();
    print(result);
    printRest(result, output);
    if (result.interrupted) return interrupt.exitCode;
    return result.runs.some(({ state }) => state === 'failed') ? EXIT.failed : EXIT.done;
  } finally {
    output.endProgress();
    await pages.close();
    interrupt.release();
  }
}
