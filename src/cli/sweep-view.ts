import type {
  Measure,
  Statistic,
  SweepEvent,
  SweepOutcome,
  SweepProgress,
  SweepRow,
  SweepRun,
  SweepRunEvent,
  UserError,
} from '../index.js';
import { renderDiagnostics } from '../index.js';
import { progressBar } from './live-line.js';
import { formatDuration, formatLoss, formatPercent, type Output } from './output.js';
import { shortKeys } from './runs-view.js';

const TITLES: Readonly<Record<Measure, string>> = {
  validation_accuracy: 'validation',
  test_accuracy: 'test accuracy',
  validation_loss: 'validation loss',
  test_loss: 'test loss',
};

export const MEASURES = Object.keys(TITLES) as readonly Measure[];

/** In words, in a sentence. */
export const MEASURE_WORDS: Readonly<Record<Measure, string>> = { ...TITLES, validation_accuracy: 'validation accuracy' };

function isShare(measure: Measure): boolean {
  return measure.endsWith('accuracy');
}

export function formatMeasure(measure: Measure, value: number): string {
  return isShare(measure) ? formatPercent(value) : formatLoss(value);
}

/** `71.20 % ± 0.40` */
function cell(measure: Measure, found: Statistic | null): string {
  if (found === null) return '-';
  const { mean, deviation } = found;
  if (deviation === null) return formatMeasure(measure, mean);
  return `${formatMeasure(measure, mean)} ± ${isShare(measure) ? (100 * deviation).toFixed(2) : formatLoss(deviation)}`;
}

function settingsText(settings: SweepRun['settings'], seed: number | null): string {
  const keys = Object.keys(settings);
  const short = shortKeys(keys);
  const parts = keys.map((key) => `${short.get(key)} ${settings[key]}`);
  return [...parts, ...(seed === null ? [] : [`seed ${seed}`])].join(', ');
}

function endOf(event: SweepRunEvent): string {
  const scores = MEASURES.flatMap((measure) =>
    event[measure] === null ? [] : [`${MEASURE_WORDS[measure]} ${formatMeasure(measure, event[measure])}`],
  );
  const state = event.state === 'complete' ? '' : `${event.state}${event.why === null ? '' : `: ${event.why}`}; `;
  return `${state}${[...scores.slice(0, 2), formatDuration(event.seconds)].join(', ')}`;
}

/** Shows a sweep while it runs: a line when a run begins and when it ends, and on a terminal how far the running ones are. */
export class SweepReport {
  #total = 0;
  readonly #told = new Set<string>();

  constructor(private readonly output: Output) {}

  onEvent(event: SweepEvent): void {
    if (event.event === 'sweep_start') {
      this.#total = event.runs;
      this.output.event(event);
      const over = event.over === 0 ? '' : `, ${event.over} of them done before`;
      const jobs = event.jobs === 1 ? '' : `, ${event.jobs} at a time`;
      this.output.info(`${event.runs} ${event.runs === 1 ? 'run' : 'runs'} in ${event.dir}${over}${jobs}`);
      return;
    }
    const { error, ...line } = event;
    this.output.event(line);
    const name = `${event.number}/${this.#total} ${settingsText(event.settings, event.seed)}`;
    if (event.state === 'training') this.output.info(this.output.style('dim', `${name}: begins`));
    else if (error === undefined || event.state !== 'failed') this.output.info(`${name}: ${endOf(event)}`);
    else this.#printFailure(name, error);
  }

  /** Runs that fail for the same reason tell it once. */
  #printFailure(name: string, { diagnostics, source }: UserError): void {
    const text = renderDiagnostics(diagnostics, source, { color: this.output.errorColor });
    this.output.error(this.#told.has(text) ? `${name} failed: ${diagnostics[0]?.message}` : `${name} failed\n${text}`);
    this.#told.add(text);
  }

  onProgress({ over, runs, training }: SweepProgress): void {
    this.output.progress(() => {
      const each = [...training].map(
        ([number, { epoch, epochs, phase, done, total }]) =>
          `${number}: ${phase === 'test' ? 'testing' : `epoch ${epoch}/${epochs} ${progressBar(done, total, 8)}`}`,
      );
      return [`${over}/${runs} runs`, ...each].join('  ');
    });
  }
}

function runsCell({ complete, runs }: SweepRow): string {
  const others = new Map<string, number>();
  for (const { state } of runs) if (state !== 'complete') others.set(state, (others.get(state) ?? 0) + 1);
  return [`${complete}/${runs.length}`, ...[...others].map(([state, count]) => `${count} ${state}`)].join(', ');
}

/** The combinations, the best first. */
export function printSweep({ axes, by, rows, seeds }: SweepOutcome, output: Output): void {
  const short = shortKeys(axes);
  const measures = MEASURES.filter((measure) => rows.some((row) => row[measure] !== null));
  const shown = [by, ...measures.filter((measure) => measure !== by)].filter((measure) => measures.includes(measure));
  output.line();
  output.table(
    [...axes.map((axis) => short.get(axis)!), ...shown.map((measure) => TITLES[measure]), 'runs', 'time'],
    rows.map((row) => [
      ...axes.map((axis) => row.settings[axis]!),
      ...shown.map((measure) => cell(measure, row[measure])),
      runsCell(row),
      formatDuration(row.runs.reduce((sum, { seconds }) => sum + seconds, 0)),
    ]),
  );
  const spread = seeds === 1 ? '' : '; mean over the seeds ± standard deviation';
  output.line(output.style('dim', `sorted by ${MEASURE_WORDS[by]}${spread}`));
  const [best] = rows;
  if (best === undefined || best[by] === null) return;
  const sorted = best.runs.filter((run) => run[by] !== null);
  const sign = isShare(by) ? -1 : 1;
  const [first] = sorted.sort((a, b) => sign * (a[by]! - b[by]!));
  if (first !== undefined) output.line(`best: ${settingsText(best.settings, null) || 'all seeds'}, ${first.run}`);
}
