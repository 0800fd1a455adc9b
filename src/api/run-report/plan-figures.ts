import { barChart } from '../../figures/bar-chart.js';
import type { Figure, NamedFigure } from '../../figures/figure.js';
import { formatNumber } from '../../figures/line-chart.js';
import type { Colour } from '../../figures/style.js';
import { planPicture } from '../../language/plan-picture.js';
import { formatBytes } from '../../numeric/bytes.js';
import type { CostTable } from '../../plan/cost-table.js';
import { trainStep } from '../../plan/facts.js';
import { type Footprint, footprint, MEMORY_CLASSES, type MemoryClass } from '../../plan/footprint.js';
import type { Plan } from '../../plan/plan.js';
import { type LayerReport, layerReports } from '../../plan/report.js';
import { layerTimes, timeFigure } from './time-figure.js';

const MEMORY_COLOURS = {
  parameters: 'blue',
  statistics: 'sky',
  averages: 'faint',
  optimizer: 'purple',
  activations: 'green',
  gradients: 'red',
  workspace: 'orange',
} as const satisfies Readonly<Record<MemoryClass, Colour>>;

/** Layers whose numbers are shown; the others are summed up. */
const MOST_BARS = 24;

export function memoryFigure(memory: Footprint): Figure | undefined {
  const bars = MEMORY_CLASSES.filter((name) => memory[name] > 0).map((name) => ({
    name,
    value: memory[name],
    colour: MEMORY_COLOURS[name],
  }));
  return barChart('Memory of training, by what it holds', bars, formatBytes);
}

/** Those with the most work. */
export function workFigure(layers: readonly Pick<LayerReport, 'layer' | 'flops'>[]): Figure | undefined {
  const bars = layers
    .filter(({ flops }) => flops > 0)
    .sort((a, b) => b.flops - a.flops)
    .slice(0, MOST_BARS)
    .map(({ layer, flops }) => ({ name: layer, value: flops, colour: 'blue' as const }));
  return barChart('Multiplications and additions of a step, by layer', bars, (flops) =>
    flops < 1e8 ? `${formatNumber(flops / 1e6)} M` : `${formatNumber(flops / 1e9)} G`,
  );
}

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
