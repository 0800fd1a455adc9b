import type { CostTable } from './cost-table.js';
import { NOMINAL_COSTS } from './nominal-costs.js';
import type { Plan } from './plan.js';
import { planTimes } from './times.js';

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
