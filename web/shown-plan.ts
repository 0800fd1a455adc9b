import { trainStep } from '../src/plan/facts.js';
import { type Footprint, footprint } from '../src/plan/footprint.js';
import { type LayerEdge, layerEdges } from '../src/plan/layer-edges.js';
import type { Plan } from '../src/plan/plan.js';
import { type CastReport, castReports, type LayerReport, layerReports } from '../src/plan/report.js';

/** What the page shows of a plan at once: the part of its report that takes no second plan and no look at the text. */
export interface ShownPlan {
  readonly model: string;
  /** Of a step. */
  readonly kernels: number;
  readonly casts: readonly CastReport[];
  readonly layers: readonly LayerReport[];
  readonly edges: readonly LayerEdge[];
  readonly memory: Footprint;
}

export function shownPlan(plan: Plan): ShownPlan {
  const step = trainStep(plan);
  return {
    model: plan.model,
    kernels: step.groups.length,
    casts: castReports({ ...plan, functions: [step] }),
    layers: layerReports(step),
    edges: layerEdges(step),
    memory: footprint(plan),
  };
}
