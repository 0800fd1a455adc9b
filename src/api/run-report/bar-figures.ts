import { type Bar, barChart } from '../../figures/bar-chart.js';
import type { Figure } from '../../figures/figure.js';
import { formatNumber } from '../../figures/line-chart.js';
import type { Colour } from '../../figures/style.js';
import { formatBytes } from '../../numeric/bytes.js';
import { formatMs, formatPercent } from '../../numeric/readable.js';
import { type Footprint, MEMORY_CLASSES, type MemoryClass } from '../../plan/footprint.js';
import type { LayerTimes } from '../../plan/layer-times.js';
import type { LayerReport } from '../../plan/report.js';

/** Layers that are shown of a model with more. */
const MOST_BARS = 24;

/** The longest first: milliseconds where they were measured, else shares of the step. */
export function timeFigure({ layers, restMs, isMeasured }: LayerTimes): Figure | undefined {
  const sorted = [...layers].sort((a, b) => b.ms - a.ms);
  const others = sorted.slice(MOST_BARS);
  const total = layers.reduce((sum, { ms }) => sum + ms, restMs);
  const bars: readonly Bar[] = [
    ...sorted.slice(0, MOST_BARS).map(({ layer, ms }) => ({ name: layer, value: ms, colour: 'purple' as const })),
    ...(others.length === 0
      ? []
      : [{ name: `${others.length} others`, value: others.reduce((sum, { ms }) => sum + ms, 0), colour: 'faint' as const }]),
    { name: 'outside of layers', value: restMs, colour: 'faint', hint: 'optimizer, finite check, the call itself' },
  ];
  return isMeasured
    ? barChart('Predicted time of a step, by layer', bars, formatMs)
    : barChart('Time of a step by layer, estimated by operations and bytes moved', bars, (ms) => formatPercent(ms / total));
}

const MEMORY_COLOURS = {
  parameters: 'blue',
  statistics: 'sky',
  averages: 'faint',
  optimizer: 'purple',
  activations: 'green',
  gradients: 'red',
  workspace: 'orange',
} as const satisfies Readonly<Record<MemoryClass, Colour>>;

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
