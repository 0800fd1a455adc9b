import { memoryFigure, timeFigure, workFigure } from '../src/api/run-report/bar-figures.js';
import { figureGrid, note } from '../src/api/run-report/page.js';
import type { PlanReport } from '../src/browser.js';
import { inlineFigure } from '../src/figures/figure.js';
import { type DrawnLayer, layerGraph } from '../src/figures/layer-graph.js';
import { type Child, element, join } from '../src/figures/markup.js';
import { formatBytes } from '../src/numeric/bytes.js';
import type { LayerTimes } from '../src/plan/layer-times.js';

/** Of the loss and the input there is no layer. */
function drawn({ layer, op, shape, result, gradient, why }: PlanReport['layers'][number]): DrawnLayer {
  const what = `${op} ${shape.slice(1).join('×')}`;
  return { name: layer, what, format: result, gradient, why };
}

/** Layers with their formats. */
export function graphOf({ layers, edges }: PlanReport): Child {
  const known = new Set(layers.map(({ layer }) => layer));
  const inputs = [...new Set(edges.map(({ from }) => from))].filter((name) => !known.has(name));
  const nodes = [
    ...inputs.map((name): DrawnLayer => ({ name, what: 'input', format: 'u8', gradient: null, why: 'it comes from the data set' })),
    ...layers.map(drawn),
  ];
  const names = new Set(nodes.map(({ name }) => name));
  const figure = layerGraph(
    nodes,
    edges.filter(({ from, to }) => names.has(from) && names.has(to)),
    formatBytes,
  );
  return figure === undefined ? element('p', { class: 'note' }, 'There are too many layers to draw.') : inlineFigure(figure);
}

function barsOf(report: PlanReport, times: LayerTimes): Child {
  const { memory, fp32Memory } = report;
  const figures = [
    { name: 'memory', figure: memoryFigure(memory) },
    { name: 'time-by-layer', figure: timeFigure(times) },
    { name: 'work-by-layer', figure: workFigure(report.layers) },
  ];
  return join([
    figureGrid(figures.flatMap(({ name, figure }) => (figure === undefined ? [] : [{ name, figure }]))),
    note(`${formatBytes(memory.total)} in all; the same model in fp32 takes ${formatBytes(fp32Memory.total)}.`),
  ]);
}

function castsOf({ casts }: PlanReport): Child {
  const rows = casts
    .filter((cast) => cast.function === 'train_step')
    .map(({ value, from, to, bytesMoved, why }) => {
      const cells = [value, `${from} → ${to}`, formatBytes(bytesMoved), why].map((text) => element('td', {}, text));
      return element('tr', {}, ...cells);
    });
  const heads = ['value', 'cast', 'moves', 'why'].map((text) => element('th', {}, text));
  const table = element('table', {}, element('thead', {}, element('tr', {}, ...heads)), element('tbody', {}, ...rows));
  return element(
    'details',
    {},
    element('summary', {}, `${rows.length} casts in a step`),
    element('div', { class: 'scroll', tabindex: 0 }, table),
  );
}

/** The picture of a plan; `tell` is called with a layer that is chosen in it. */
export class PlanView {
  constructor(
    private readonly place: HTMLElement,
    private readonly figures: HTMLElement,
    private readonly tell: (layer: PlanReport['layers'][number]) => void,
  ) {}

  show(report: PlanReport, times: LayerTimes): void {
    this.place.innerHTML = element('div', { class: 'graph', tabindex: 0, role: 'region', 'aria-label': 'layers' }, graphOf(report)).markup;
    this.figures.innerHTML = join([castsOf(report), barsOf(report, times)]).markup;
    this.place.classList.remove('stale');
    const layers = new Map(report.layers.map((layer) => [layer.layer, layer]));
    for (const box of this.place.querySelectorAll<SVGGElement>('.graph g')) {
      const found = layers.get(box.querySelector(':scope > text.strong')?.textContent ?? '');
      if (found === undefined) continue;
      box.setAttribute('tabindex', '0');
      box.setAttribute('role', 'button');
      box.classList.add('layer');
      const open = () => this.tell(found);
      box.addEventListener('click', open);
      box.addEventListener('keydown', (event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return;
        event.preventDefault();
        open();
      });
    }
  }

  /** The text has changed in a way that has no plan. */
  dim(): void {
    this.place.classList.add('stale');
  }
}
