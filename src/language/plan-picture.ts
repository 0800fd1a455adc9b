import type { Figure } from '../figures/figure.js';
import { layerGraph } from '../figures/layer-graph.js';
import { isInput } from '../ir/structure.js';
import { formatBytes } from '../numeric/bytes.js';
import { trainStep } from '../plan/facts.js';
import { layerEdges } from '../plan/layer-edges.js';
import type { Plan } from '../plan/plan.js';
import { layerReports } from '../plan/report.js';

/** The layers of a plan with their formats and the casts between them; undefined of a model with too many to be drawn. */
export function planPicture(plan: Plan): Figure | undefined {
  const fn = trainStep(plan);
  const inputs = fn.graph.nodes.filter(isInput).filter(({ attrs }) => attrs.name !== 'label');
  const drawn = [
    ...inputs.map(({ attrs, type }) => {
      const what = `input [${type.shape.join(', ')}]`;
      return { name: String(attrs.name), what, format: type.dtype, gradient: null, why: 'what a step is given' };
    }),
    ...layerReports(fn).map(({ layer, op, shape, result, gradient, why }) => {
      return { name: layer, what: `${op} [${shape.join(', ')}]`, format: result, gradient, why };
    }),
  ];
  const names = new Set(drawn.map(({ name }) => name));
  const edges = layerEdges(fn).filter(({ from, to }) => names.has(from) && names.has(to));
  const used = new Set(edges.flatMap(({ from, to }) => [from, to]));
  return layerGraph(
    drawn.filter(({ name }) => used.has(name)),
    edges,
    formatBytes,
  );
}
