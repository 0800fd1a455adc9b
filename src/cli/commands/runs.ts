import { listRuns, type NoRun, RUNS, type RunSummary, serveRuns } from '../../index.js';
import type { LiveChoices } from '../live-page.js';
import { oneOf, options } from '../options.js';
import { formatCount, type Output } from '../output.js';
import { mainKeys, printKept, printRunNotes, printRuns, shortRuns } from '../runs-view.js';
import { untilInterrupted } from '../served.js';
import type { AddCommand } from './command.js';

interface RunsOptions extends LiveChoices {
  readonly sort: SortKey;
  readonly all: boolean;
}

const WORST = Number.POSITIVE_INFINITY;

/** What comes first is small. Runs without a value come last, and equal ones stay in the order of their names. */
const SORTS = {
  name: () => 0,
  accuracy: ({ best, accuracy }) => -(best?.accuracy ?? accuracy ?? -WORST),
  loss: ({ best, loss }) => best?.loss ?? loss ?? WORST,
  time: ({ seconds }) => seconds,
  newest: ({ updated }) => (updated === null ? WORST : -Date.parse(updated)),
} as const satisfies Readonly<Record<string, (run: RunSummary) => number>>;

type SortKey = keyof typeof SORTS;

const SORT_KEYS = Object.keys(SORTS) as readonly SortKey[];

/** Settings in a table that a terminal has room for. */
const SHOWN_SETTINGS = 5;

function printOthers(others: readonly NoRun[], output: Output): void {
  const damaged = others.filter((other) => other.damaged);
  for (const { folder, why } of damaged) output.error(`${folder} is no run that can be read: ${why}`);
  const foreign = others.filter((other) => !other.damaged);
  if (foreign.length > 0) output.error(`not runs: ${foreign.map(({ folder }) => folder).join(', ')}`);
}

export const addRuns: AddCommand = (program, output, exitWith) => {
  program
    .command('runs')
    .description('list runs: state, results, and the settings that differ between them')
    .argument('[dir]', 'folder that holds runs, at any depth (default: runs)')
    .option('--sort <key>', `what comes first: ${SORT_KEYS.join(', ')}`, oneOf(SORT_KEYS), 'name')
    .option('--all', 'every setting that differs', false)
    .addOption(options.ui('them, also while they are trained'))
    .addOption(options.port())
    .addOption(options.json())
    .action(async (dir: string | undefined, { sort, all, ui, port }: RunsOptions) => {
      if (ui) {
        exitWith(await untilInterrupted(await serveRuns(dir ?? RUNS, { port }), output));
        return;
      }
      const list = await listRuns(dir);
      const runs = [...list.runs].sort((a, b) => {
        const [first, second] = [SORTS[sort](a), SORTS[sort](b)];
        return first === second ? 0 : first - second;
      });
      output.event({ event: 'runs', ...list, runs });
      if (!output.json) {
        const keys = mainKeys(list.differing, runs);
        const shown = all ? list.differing : keys.slice(0, SHOWN_SETTINGS);
        if (runs.length === 0) output.line(`no runs in ${list.dir}`);
        else {
          const names = shortRuns(
            runs.map(({ run }) => run),
            list.dir,
          );
          printRuns(runs, names, shown, output);
          printKept(runs, names, output);
        }
        const left = keys.length - SHOWN_SETTINGS;
        if (!all && left > 0)
          output.line(
            output.style('dim', `and ${formatCount(left)} more ${left === 1 ? 'setting differs' : 'settings differ'}: --all shows them`),
          );
      }
      printRunNotes(runs, output);
      printOthers(list.others, output);
    });
};
