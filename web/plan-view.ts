import { memoryFigure, timeFigure, workFigure } from '../src/api/run-report/bar-figures.js';
import { figureGrid } from '../src/api/run-report/page.js';
import { type Child, element, join, type Markup } from '../src/figures/markup.js';
import { formatBytes } from '../src/numeric/bytes.js';
import type { LayerTimes } from '../src/plan/layer-times.js';
import { byId } from './page.js';
import { pictureRegion } from './plan-pictures.js';
import type { ShownPlan } from './shown-plan.js';

function barsOf({ memory, layers }: ShownPlan, times: LayerTimes): Child {
  const figures = [
    { name: 'memory', figure: memoryFigure(memory) },
    { name: 'time-by-layer', figure: timeFigure(times) },
    { name: 'work-by-layer', figure: workFigure(layers) },
  ];
  return join([
    figureGrid(figures.flatMap(({ name, figure }) => (figure === undefined ? [] : [{ name, figure }]))),
    element('p', { class: 'note', id: 'total-memory' }, `${formatBytes(memory.total)} in all`),
  ]);
}

function castsOf({ casts }: ShownPlan): Child {
  const rows = casts.map(({ value, from, to, bytesMoved, why }) => {
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
    private readonly tell: (layer: ShownPlan['layers'][number]) => void,
  ) {}

  show(plan: ShownPlan, picture: Markup, times: LayerTimes): void {
    this.place.innerHTML = pictureRegion('layers', picture).markup;
    this.figures.innerHTML = join([castsOf(plan), barsOf(plan, times)]).markup;
    this.place.classList.remove('stale');
    const layers = new Map(plan.layers.map((layer) => [layer.layer, layer]));
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

  /** Says beside the plan's memory what the same model takes in fp32. */
  compareWithFp32(bytes: number): void {
    byId('total-memory').append(`; the same model in fp32 takes ${formatBytes(bytes)}.`);
  }

  /** The text has changed in a way that has no plan. */
  dim(): void {
    this.place.classList.add('stale');
  }
}
