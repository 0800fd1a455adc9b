import { type Bar, barChart } from '../../figures/bar-chart.js';
import type { Figure } from '../../figures/figure.js';
import { formatMs, formatPercent } from '../../numeric/readable.js';
import type { CostTable } from '../../plan/cost-table.js';
import { NOMINAL_COSTS } from '../../plan/nominal-costs.js';
import type { Plan } from '../../plan/plan.js';
import { planTimes } from '../../plan/times.js';

/** What the training step of a plan takes, by layer. */
export interface LayerTimes {
  readonly layers: readonly { readonly layer: string; readonly ms: number }[];
  /** Of what belongs to no layer: optimizer, finite check, the call itself. */
  readonly restMs: number;
  /** Whether they follow from times of this machine; else they are good for comparing layers alone. */
  readonly isMeasured: boolean;
}

/** By a table of measured kernels, or without one by rates that no device has. */
export function layerTimes(plan: Plan, costs: CostTable | undefined): LayerTimes {
  const { layers, restMs } = planTimes(plan, 1, costs ?? NOMINAL_COSTS);
  return { layers: [...layers].map(([layer, ms]) => ({ layer, ms })), restMs, isMeasured: costs !== undefined };
}

/** Layers that are shown; the others are summed up. */
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
