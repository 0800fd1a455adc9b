import { repeat, type TrainOptions } from '../index.js';
import { EXIT } from './failure.js';
import type { LiveChoices } from './live-page.js';
import type { Output } from './output.js';
import { printSummary } from './runs-summary.js';
import { showSweep } from './shown-sweep.js';

/** What of `ampc train` is about one run. */
export interface OneRunChoices {
  readonly resume?: string | boolean | undefined;
  readonly watch: boolean;
  readonly dryRun: boolean;
  readonly maxTime?: number;
}

/** Why these choices do not go with several runs, and what to do; undefined: they do. */
export function notForSeveral({ resume, watch, dryRun, maxTime }: OneRunChoices): string | undefined {
  if (resume !== undefined) return '--runs cannot go with --resume: the same command goes on with its runs, so leave --resume away';
  if (watch) return '--runs cannot go with --watch, which has one run at a time: leave one of both away';
  if (dryRun) return '--runs cannot go with --dry-run, which keeps no run: try one first, then leave --dry-run away';
  if (maxTime !== undefined)
    return '--runs cannot go with --max-time: end the runs by Ctrl-C, which saves, and go on by the same command; --max-steps ends each';
  return undefined;
}

/** Of what is asked for on the command line. */
type RunsChoices = Omit<TrainOptions, 'resume' | 'onEvent' | 'onProgress' | 'callbacks' | 'batches' | 'testAtMost' | 'compileAll'>;

/** So many runs one after the other, with seeds of their own, and their summary; the exit code: what lost its numbers has failed. */
export async function trainRuns(file: string, runs: number, choices: RunsChoices, live: LiveChoices, output: Output): Promise<number> {
  let isLost = false;
  const code = await showSweep(
    { ...choices, seeds: runs },
    live,
    output,
    (options) => repeat(file, options),
    (result) => {
      const { dir, interrupted, rows } = result;
      const [{ settings: _, ...statistics }] = rows as [(typeof rows)[number]];
      output.event({ event: 'summary', dir, interrupted, ...statistics });
      printSummary(result, output);
      isLost = result.runs.some(({ state }) => state === 'lost');
    },
  );
  return code === EXIT.done && isLost ? EXIT.failed : code;
}
