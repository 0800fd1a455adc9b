import { percent, type Row } from './findings.js';
import { ACCURACY_GOAL, SPEED_GOALS, TORCH_TITLES } from './works.js';

const CUDA = 'ampc cuda';

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replace(/\s+/g, ' ')).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

const of = <K extends Row['kind']>(rows: readonly Row[], kind: K) =>
  rows.filter((row): row is Extract<Row, { readonly kind: K }> => row.kind === kind);

function timesTable(rows: readonly Row[]): string {
  const times = of(rows, 'time');
  const sides = [...new Set(times.map(({ side }) => side))];
  const works = [...new Set(times.map(({ work }) => work))];
  const cell = (work: string, side: string) => {
    const found = times.find((row) => row.work === work && row.side === side);
    return found === undefined ? '-' : `${found.median.toFixed(3)} (${found.min.toFixed(3)})`;
  };
  return table(
    ['step, batch: median (best) in ms', ...sides],
    works.map((work) => [work, ...sides.map((side) => cell(work, side))]),
  );
}

type Verdict = 'met' | 'NOT MET' | 'not measured';

function speedGoals(rows: readonly Row[]): readonly (readonly string[])[] {
  const times = of(rows, 'time');
  const median = (work: string, side: string) => times.find((row) => row.work === work && row.side === side)?.median;
  return SPEED_GOALS.map(({ work, against, atMost }) => {
    const [own, other] = [median(work, CUDA), median(work, TORCH_TITLES[against])];
    const ratio = own === undefined || other === undefined ? undefined : own / other;
    const verdict: Verdict = ratio === undefined ? 'not measured' : ratio <= atMost ? 'met' : 'NOT MET';
    return [`${work}: at most ${atMost} of ${TORCH_TITLES[against]}`, ratio?.toFixed(3) ?? '-', verdict];
  });
}

function accuracyGoal(rows: readonly Row[]): readonly string[] {
  const runs = of(rows, 'training').filter(({ side, counts }) => counts && side === CUDA);
  const goal = `CIFAR-10 to ${percent(ACCURACY_GOAL.accuracy)} under ${ACCURACY_GOAL.seconds} s`;
  if (runs.length === 0) return [goal, '-', 'not measured' satisfies Verdict];
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [accuracy, seconds] = [mean(runs.map((run) => run.accuracy ?? 0)), mean(runs.map((run) => run.seconds))];
  const met = accuracy >= ACCURACY_GOAL.accuracy && seconds < ACCURACY_GOAL.seconds;
  return [goal, `${percent(accuracy)} in ${seconds.toFixed(2)} s, mean of ${runs.length}`, (met ? 'met' : 'NOT MET') satisfies Verdict];
}

function section(title: string, rows: readonly unknown[], text: () => string): readonly string[] {
  return rows.length === 0 ? [] : [`## ${title}`, text()];
}

/** All that was found out, in Markdown. */
export function reportOf(rows: readonly Row[], about: string): string {
  const [trainings, tests, notes, missing] = [of(rows, 'training'), of(rows, 'test'), of(rows, 'note'), of(rows, 'missing')];
  return `${[
    '# ampc on this GPU',
    about,
    of(rows, 'machine')
      .map(({ what, value }) => `- ${what}: ${value}`)
      .join('\n'),
    '## Goals',
    table(['goal', 'found', ''], [...speedGoals(rows), accuracyGoal(rows)]),
    ...section('Times', of(rows, 'time'), () => timesTable(rows)),
    ...section('Training', trainings, () =>
      table(
        ['run', 'side', 'accuracy', 'seconds'],
        trainings.map(({ what, side, accuracy, seconds }) => [what, side, percent(accuracy), seconds.toFixed(2)]),
      ),
    ),
    ...section('Tests', tests, () =>
      table(
        ['test', '', 'seconds', 'says'],
        tests.map(({ what, passed, seconds, says }) => [what, passed ? 'passed' : 'FAILED', seconds.toFixed(0), says]),
      ),
    ),
    ...section('Notes', notes, () => notes.map(({ what, says }) => `- ${what}: ${says}`).join('\n')),
    ...section('Not there', missing, () =>
      table(
        ['what', 'why'],
        missing.map(({ what, why }) => [what, why]),
      ),
    ),
  ].join('\n\n')}\n`;
}
