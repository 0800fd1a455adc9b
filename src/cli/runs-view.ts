import type { RunSummary } from '../index.js';
import { formatDuration, formatLoss, formatPercent, type Output } from './output.js';

/** Hashes are told apart by these. */
const HASH = 8;

/** What a table has for a setting that a run does not have. */
const NOT_SET = '-';

/** The value of a setting in a table. */
export function settingCell({ settings }: Pick<RunSummary, 'settings'>, key: string): string {
  const value = settings[key];
  if (value === undefined) return NOT_SET;
  return key === 'layers' ? value.slice(0, HASH) : value;
}

/** The shortest end of each key that no other one has: `lr` for `train.optimizer.lr`. */
export function shortKeys(keys: readonly string[]): ReadonlyMap<string, string> {
  const endsOf = (key: string) => {
    const parts = key.split('.');
    return parts.map((_, index) => parts.slice(parts.length - 1 - index).join('.'));
  };
  return new Map(
    keys.map((key) => [key, endsOf(key).find((end) => keys.filter((other) => endsOf(other).includes(end)).length === 1) ?? key]),
  );
}

/** Settings that other columns imply: arguments of a choice that some runs do not make, the layers of other models. */
function goesWithout(key: string, keys: readonly string[], runs: readonly Pick<RunSummary, 'settings'>[]): boolean {
  if (key === 'layers') return keys.includes('model');
  // A column of its own has the epochs.
  if (key === 'train.epochs') return true;
  const isMissing = runs.some(({ settings }) => settings[key] === undefined);
  return isMissing && keys.some((other) => key.startsWith(`${other}.`));
}

/** Of settings that differ, those that say what the others follow from. */
export function mainKeys(keys: readonly string[], runs: readonly Pick<RunSummary, 'settings'>[]): readonly string[] {
  return keys.filter((key) => !goesWithout(key, keys, runs));
}

/** Names without the folder that all of them are in. */
export function shortRuns(runs: readonly string[], dir: string): readonly string[] {
  return runs.map((run) => (run.startsWith(`${dir}/`) ? run.slice(dir.length + 1) : run));
}

function percentCell(accuracy: number | null | undefined): string {
  return accuracy === null || accuracy === undefined ? '-' : formatPercent(accuracy);
}

function bestCell({ best }: RunSummary): string {
  if (best === null) return '-';
  return `${best.accuracy === null ? formatLoss(best.loss) : formatPercent(best.accuracy)} (${best.epoch})`;
}

interface Column {
  readonly title: string;
  readonly cell: (run: RunSummary) => string;
  /** Left out where no run has a value. */
  readonly optional?: true;
}

const COLUMNS: readonly Column[] = [
  { title: 'accuracy', cell: ({ accuracy }) => percentCell(accuracy), optional: true },
  { title: 'best (epoch)', cell: bestCell, optional: true },
  { title: 'test loss', cell: ({ loss }) => formatLoss(loss) },
  { title: 'epochs', cell: ({ epochs, epochsAsked }) => `${epochs}/${epochsAsked ?? '?'}` },
  { title: 'time', cell: ({ seconds }) => formatDuration(seconds) },
];

/** One line a run: its state and results, then these settings. `names` are those of the runs, in their order. */
export function printRuns(runs: readonly RunSummary[], names: readonly string[], keys: readonly string[], output: Output): void {
  const columns = COLUMNS.filter(({ cell, optional }) => !optional || runs.some((run) => cell(run) !== '-'));
  const short = shortKeys(keys);
  output.table(
    ['run', 'state', ...columns.map(({ title }) => title), ...keys.map((key) => short.get(key)!)],
    runs.map((run, index) => [
      names[index]!,
      run.state,
      ...columns.map(({ cell }) => cell(run)),
      ...keys.map((key) => settingCell(run, key)),
    ]),
  );
}

/** The files of the best weights, of runs that keep several. */
export function printKept(runs: readonly RunSummary[], names: readonly string[], output: Output): void {
  for (const [index, { kept }] of runs.entries()) {
    const files = kept.map(({ file, scores }) => {
      // Of an epoch that was not tested, those by which it was chosen.
      const { accuracy, loss = null } = scores.loss === undefined ? (scores.validation ?? scores) : scores;
      return `${file} (${accuracy === undefined ? formatLoss(loss) : formatPercent(accuracy)})`;
    });
    if (files.length > 0) output.line(`best weights in ${names[index]}: ${files.join(', ')}`);
  }
}

/** What a reader should know of runs besides their lines. */
export function printRunNotes(runs: readonly RunSummary[], output: Output): void {
  for (const { run, damagedLines } of runs)
    if (damagedLines > 0)
      output.error(`${run}: ${damagedLines === 1 ? 'a line' : `${damagedLines} lines`} of metrics.jsonl cannot be read, and left out`);
}
