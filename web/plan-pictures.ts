/** Pictures of layers and ops, drawn in the worker that plans: the layout of a large plan takes a while, and the page stays alive. */
import { inlineFigure } from '../src/figures/figure.js';
import { type DrawnLayer, layerGraph } from '../src/figures/layer-graph.js';
import { element, type Markup } from '../src/figures/markup.js';
import { formatBytes } from '../src/numeric/bytes.js';
import type { LayerOp, LayerOps } from '../src/plan/layer-ops.js';
import type { ShownPlan } from './shown-plan.js';

/** Of the loss and the input there is no layer. */
function drawnLayer({ layer, op, shape, result, gradient, why }: ShownPlan['layers'][number]): DrawnLayer {
  const what = `${op} ${shape.slice(1).join('×')}`;
  return { name: layer, what, format: result, gradient, why };
}

const tooMany = (what: string): Markup => element('p', { class: 'note' }, `There are too many ${what} to draw.`);

/** A picture that may be larger than its place. */
export const pictureRegion = (label: string, picture: Markup): Markup =>
  element('div', { class: 'graph', tabindex: 0, role: 'region', 'aria-label': label }, picture);

/** The layers of a plan with their formats. */
export function layersPicture({ layers, edges }: Pick<ShownPlan, 'layers' | 'edges'>): Markup {
  const known = new Set(layers.map(({ layer }) => layer));
  const inputs = [...new Set(edges.map(({ from }) => from))].filter((name) => !known.has(name));
  const nodes = [
    ...inputs.map((name): DrawnLayer => ({ name, what: 'input', format: 'u8', gradient: null, why: 'it comes from the data set' })),
    ...layers.map(drawnLayer),
  ];
  const names = new Set(nodes.map(({ name }) => name));
  const figure = layerGraph(
    nodes,
    edges.filter(({ from, to }) => names.has(from) && names.has(to)),
    formatBytes,
  );
  return figure === undefined ? tooMany('layers') : inlineFigure(figure);
}

const WORDS = { title: 'Ops of the layer', key: 'left: format; diamond: cast' };

function drawnOp({ name, phase, dtype, shape, isBeside, why }: LayerOp): DrawnLayer {
  const size = shape.length === 0 ? 'scalar' : shape.join('×');
  return { name, what: isBeside ? `beside it, ${size}` : `${phase}, ${size}`, format: dtype, why };
}

/** The ops of a layer with their formats. */
export function opsPicture({ ops, edges }: LayerOps): Markup {
  const figure = layerGraph(ops.map(drawnOp), edges, formatBytes, WORDS);
  return figure === undefined ? tooMany('ops') : inlineFigure(figure);
}
