import type { NamedFigure } from '../../figures/figure.js';
import { formatCount, formatDuration, formatLoss, formatPercent } from '../../numeric/readable.js';
import type { RunSummary } from '../list-runs.js';
import { type Fact, facts, figureGrid, note, type PageSection, table } from './page.js';
import type { RunFacts } from './run-facts.js';

export const percent = (share: number | null | undefined): string => (share === null || share === undefined ? '-' : formatPercent(share));
export const loss = (value: number | null | undefined): string => formatLoss(value ?? null);

/** What is summed up of a run. */
export type SummedRun = Pick<RunFacts, 'summary' | 'events'> & { readonly choices: Pick<RunFacts['choices'], 'backend'> };

export function summarySection({ summary, events, choices }: SummedRun): PageSection {
  const start = events.find((event) => event.event === 'start');
  const { best } = summary;
  const last = events.findLast((event) => event.event === 'step');
  const list: readonly (Fact | undefined)[] = [
    summary.accuracy === null ? undefined : { name: 'test accuracy', value: percent(summary.accuracy) },
    best?.accuracy == null ? undefined : { name: `best epoch, ${best.epoch}`, value: percent(best.accuracy) },
    { name: 'test loss', value: loss(summary.loss) },
    summary.state !== 'running' || last === undefined
      ? undefined
      : { name: `loss of step ${formatCount(last.step)}`, value: loss(last.loss) },
    { name: 'state', value: summary.state },
    { name: 'epochs', value: `${summary.epochs} of ${summary.epochsAsked ?? '?'}` },
    { name: 'steps', value: formatCount(summary.steps) },
    { name: 'skipped steps', value: formatCount(summary.skipped) },
    { name: 'training and evaluation', value: formatDuration(summary.seconds) },
    { name: 'parameters', value: formatCount(summary.parameters ?? 0) },
    { name: 'compute format', value: start?.precision ?? '-' },
    { name: 'backend', value: choices.backend },
  ];
  return {
    id: 'summary',
    title: 'Summary',
    content: [
      facts(list.filter((fact) => fact !== undefined)),
      note(`Trained on ${summary.device ?? 'a device that its files do not name'}.`),
    ],
  };
}

export function curvesSection(figures: readonly NamedFigure[]): PageSection {
  const content = figures.length === 0 ? [note('The run has told of no step and no epoch yet.')] : [figureGrid(figures)];
  return { id: 'curves', title: 'Curves', content };
}

/** Several runs beside each other. */
export function comparisonSection(runs: readonly RunSummary[], differing: readonly string[], nameOf: (run: string) => string): PageSection {
  const heads = ['run', 'state', '#accuracy', '#best', '#loss', '#epochs', '#time', ...differing];
  const rows = runs.map((run) => [
    nameOf(run.run),
    run.state,
    percent(run.accuracy),
    run.best === null ? '-' : `${percent(run.best.accuracy)} (${run.best.epoch})`,
    loss(run.loss),
    `${run.epochs}/${run.epochsAsked ?? '?'}`,
    formatDuration(run.seconds),
    ...differing.map((key) => String(run.settings[key] ?? '-')),
  ]);
  return { id: 'runs', title: 'Runs', content: [table(heads, rows)] };
}
