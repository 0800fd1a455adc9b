import { isSamePlan, type PlanDiff, type RunComparison, type RunCurve, runNames } from '../index.js';
import { printDiff } from './diff-view.js';
import { formatCount, formatLoss, formatPercent, type Output } from './output.js';
import { printRuns, settingCell } from './runs-view.js';

/** Epochs of a curve that are shown: the first, the last, and others at equal distances. */
const SHOWN_EPOCHS = 12;

/** Changes of a plan that are listed; of more the numbers are given. */
const SHOWN_CHANGES = 12;

function thinned(epochs: readonly number[]): readonly number[] {
  if (epochs.length <= SHOWN_EPOCHS) return epochs;
  const step = (epochs.length - 1) / (SHOWN_EPOCHS - 1);
  return Array.from({ length: SHOWN_EPOCHS }, (_, index) => epochs[Math.round(index * step)]!);
}

type Epoch = RunCurve['epochs'][number];

const METRICS: readonly {
  readonly title: string;
  readonly value: (epoch: Epoch) => number | null;
  readonly cell: (value: number) => string;
}[] = [
  { title: 'validation accuracy', value: ({ validation_accuracy }) => validation_accuracy ?? null, cell: formatPercent },
  { title: 'test accuracy', value: ({ test_accuracy }) => test_accuracy, cell: formatPercent },
  { title: 'validation loss', value: ({ validation_loss }) => validation_loss ?? null, cell: formatLoss },
  { title: 'test loss', value: ({ test_loss }) => test_loss, cell: formatLoss },
  { title: 'train loss', value: ({ train_loss }) => train_loss, cell: formatLoss },
];

function head(title: string, output: Output): void {
  output.line();
  output.line(output.style('bold', title));
}

function printCurves({ curves }: RunComparison, names: readonly string[], all: boolean, output: Output): void {
  const known = [...new Set(curves.flatMap(({ epochs }) => epochs.map(({ epoch }) => epoch)))].sort((a, b) => a - b);
  const shown = all ? known : thinned(known);
  for (const { title, value, cell } of METRICS) {
    const rows = shown.map((epoch) => {
      const values = curves.map(({ epochs }) => {
        const found = epochs.find((other) => other.epoch === epoch);
        return found === undefined ? null : value(found);
      });
      return [String(epoch), ...values.map((number) => (number === null ? '-' : cell(number)))];
    });
    if (rows.every(([, ...cells]) => cells.every((text) => text === '-'))) continue;
    head(title, output);
    output.table(['epoch', ...names], rows);
  }
  if (shown.length < known.length) output.line(output.style('dim', `${shown.length} of ${known.length} epochs: --all shows every one`));
}

function printSettings({ runs, differing }: RunComparison, names: readonly string[], output: Output): void {
  head('settings that differ', output);
  if (differing.length === 0) output.line('none');
  else
    output.table(
      ['setting', ...names],
      differing.map((key) => [key, ...runs.map((run) => settingCell(run, key))]),
    );
}

/** The parts of a difference that can be long, and what each is called. */
function counts({ formats, castsAdded, castsRemoved, ops, reasons }: PlanDiff): readonly (readonly [number, string])[] {
  return [
    [formats.length, 'formats'],
    [castsAdded.length, 'casts added'],
    [castsRemoved.length, 'casts removed'],
    [ops.length, 'ops'],
    [reasons.length, 'reasons alone'],
  ];
}

function printPlans({ runs, plans }: RunComparison, names: readonly string[], all: boolean, output: Output): void {
  for (const [index, { run, diff, why }] of plans.entries()) {
    head(`plan of ${names[index + 1]} against ${names[0]}`, output);
    if (diff === null) {
      output.line(`cannot be compared: ${why}`);
      continue;
    }
    const parts = counts(diff).filter(([count]) => count > 0);
    const changes = parts.reduce((sum, [count]) => sum + count, 0);
    if (all || isSamePlan(diff) || changes <= SHOWN_CHANGES) {
      printDiff(diff, undefined, output);
      continue;
    }
    printDiff({ ...diff, formats: [], castsAdded: [], castsRemoved: [], ops: [], reasons: [] }, undefined, output);
    output.line(`differs in ${parts.map(([count, what]) => `${what}: ${formatCount(count)}`).join(', ')}`);
    output.line(output.style('dim', `--all, or ampc plan --diff ${runs[0]!.run}/plan.txt ${run}/plan.txt, lists them`));
  }
}

export function printComparison(comparison: RunComparison, all: boolean, output: Output): void {
  const names = runNames(comparison.runs.map(({ run }) => run));
  printRuns(comparison.runs, names, [], output);
  printSettings(comparison, names, output);
  printCurves(comparison, names, all, output);
  printPlans(comparison, names, all, output);
}
