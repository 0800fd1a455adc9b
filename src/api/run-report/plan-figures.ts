import { barChart } from '../../figures/bar-chart.js';
import type { Figure, NamedFigure } from '../../figures/figure.js';
import { planPicture } from '../../language/plan-picture.js';
import { formatBytes } from '../../numeric/bytes.js';
import type { CostTable } from '../../plan/cost-table.js';
import { trainStep } from '../../plan/facts.js';
import { footprint } from '../../plan/footprint.js';
import { layerTimes } from '../../plan/layer-times.js';
import type { Plan } from '../../plan/plan.js';
import { layerReports } from '../../plan/report.js';
import { memoryFigure, timeFigure, workFigure } from './bar-figures.js';

/** Layers whose numbers are shown; the others are summed up. */
const MOST_BARS = 24;

/** Of a plan: its layers and formats, its memory, what its layers keep, and what they take, by times of the machine if there are any. */
export function planFigures(plan: Plan, costs?: CostTable): readonly NamedFigure[] {
  const layers = layerReports(trainStep(plan));
  const kept = [...layers].filter(({ savedBytes }) => savedBytes > 0).sort((a, b) => b.savedBytes - a.savedBytes);
  const rest = kept.slice(MOST_BARS).reduce((sum, { savedBytes }) => sum + savedBytes, 0);
  const figures: readonly (readonly [string, Figure | undefined])[] = [
    ['plan', planPicture(plan)],
    ['memory', memoryFigure(footprint(plan))],
    [
      'kept-by-layer',
      barChart(
        'What layers keep for the backward pass',
        [
          ...kept
            .slice(0, MOST_BARS)
            .map(({ layer, savedBytes, op }) => ({ name: layer, value: savedBytes, colour: 'green' as const, hint: op })),
          ...(rest > 0 ? [{ name: `${kept.length - MOST_BARS} others`, value: rest, colour: 'faint' as const }] : []),
        ],
        formatBytes,
      ),
    ],
    ['time-by-layer', timeFigure(layerTimes(plan, costs))],
    ['work-by-layer', workFigure(layers)],
  ];
  return figures.flatMap(([name, figure]) => (figure === undefined ? [] : [{ name, figure }]));
}
