import { type Child, element, join } from '../src/figures/markup.js';
import { formatType } from '../src/ir/types.js';
import type { LanguageFunctions } from './language-worker.js';
import { pictureRegion } from './plan-pictures.js';
import type { Kernel } from './planner.js';
import type { Remote } from './rpc.js';
import type { ShownPlan } from './shown-plan.js';

type Layer = ShownPlan['layers'][number];
type Story = NonNullable<Awaited<ReturnType<Remote<LanguageFunctions>['story']>>>;

function kernelsOf(language: string, kernels: readonly Kernel[]): readonly Child[] {
  return kernels.map(({ name, code }) =>
    element(
      'details',
      {},
      element('summary', {}, `${language} of kernel ${name}`),
      element('pre', { tabindex: 0 }, element('code', {}, code)),
    ),
  );
}

function markupOf({ layer, result, shape, why }: Layer, { explanation, picture, kernels }: Story): string {
  const lines = (explanation?.lines ?? []).map(({ phase, computation, says }) =>
    element('li', {}, element('span', { class: 'phase' }, phase), element('code', {}, computation), element('p', {}, says)),
  );
  const rules = (explanation?.rules ?? []).map(({ title, meaning }) => element('p', { class: 'note' }, `${title}: ${meaning}`));
  return join([
    element(
      'header',
      {},
      element('h2', {}, `${layer}, ${formatType({ dtype: result, shape })}`),
      element('button', { type: 'button' }, 'Close'),
    ),
    element('p', {}, why),
    pictureRegion('Ops of the layer', picture),
    element('details', { open: '' }, element('summary', {}, 'Line by line'), element('ol', { class: 'lines' }, ...lines), ...rules),
    ...kernelsOf('WGSL', kernels),
    element('details', { class: 'in-c' }, element('summary', {}, 'C of its kernels, for processors with AVX2')),
  ]).markup;
}

/** What becomes of one layer: its ops, its lines, its kernels. */
export class StoryView {
  private open: string | undefined;

  constructor(
    private readonly place: HTMLElement,
    private readonly language: Remote<LanguageFunctions>,
    private readonly goTo: (line: number) => void,
  ) {
    document.addEventListener('keydown', ({ key, target }) => {
      if (key === 'Escape' && !(target as Element).closest('.cm-editor')) this.close();
    });
  }

  async tell(layer: Layer): Promise<void> {
    this.open = layer.layer;
    if (layer.place !== null) this.goTo(layer.place.line);
    await this.show(layer);
    this.place.scrollIntoView({ block: 'nearest' });
  }

  /** There is another plan: the layer that is told of has changed, or is gone. */
  async follow({ layers }: ShownPlan): Promise<void> {
    const found = layers.find(({ layer }) => layer === this.open);
    if (found === undefined) this.close();
    else await this.show(found);
  }

  private close(): void {
    this.open = undefined;
    this.place.hidden = true;
  }

  private async show(layer: Layer): Promise<void> {
    const told = await this.language.story(layer.layer);
    if (told === undefined || this.open !== layer.layer) return;
    this.place.innerHTML = markupOf(layer, told);
    this.place.hidden = false;
    this.place.querySelector('header button')!.addEventListener('click', () => this.close());
    const inC = this.place.querySelector<HTMLDetailsElement>('.in-c')!;
    const write = async () => {
      const kernels = await this.language.kernelsInC(layer.layer);
      inC.insertAdjacentHTML('beforeend', join(kernelsOf('C', kernels)).markup);
    };
    inC.addEventListener('toggle', () => void write(), { once: true });
  }
}
