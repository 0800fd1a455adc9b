import { element, join } from '../src/figures/markup.js';
import { GUIDES, type GuidePage, type GuideStep } from './guides.js';
import { byId } from './page.js';

/** The names of layers and settings stand in backticks. */
function marked(text: string) {
  return join(text.split('`').map((part, index) => (index % 2 === 1 ? element('code', {}, part) : part)));
}

/** The story of an example: steps, and a button for each that does it. */
export class GuideView {
  private readonly place = byId('guide');

  constructor(private readonly page: GuidePage) {}

  /** Tells the story of the program of this name, if it has one. */
  tell(name: string): void {
    const steps = GUIDES[name];
    this.place.hidden = steps === undefined;
    if (steps === undefined) return;
    const items = steps.map(({ says, button }) =>
      element('li', {}, element('p', {}, marked(says)), element('button', { type: 'button' }, button)),
    );
    const again = element('button', { type: 'button', class: 'again' }, 'Begin again');
    this.place.innerHTML = join([
      element('header', {}, element('h2', {}, `Step by step: ${name}`), again),
      element('ol', {}, ...items),
      element('p', { class: 'note', role: 'status' }, ''),
    ]).markup;
    this.place.querySelector('.again')!.addEventListener('click', () => void this.page.open(name).then(() => this.tell(name)));
    const buttons = [...this.place.querySelectorAll<HTMLButtonElement>('li button')];
    for (const [index, button] of buttons.entries()) button.addEventListener('click', () => void this.act(steps[index]!, button, buttons));
  }

  private async act({ act }: GuideStep, own: HTMLButtonElement, buttons: readonly HTMLButtonElement[]): Promise<void> {
    const status = this.place.querySelector('[role="status"]')!;
    for (const button of buttons) button.disabled = true;
    status.textContent = '';
    try {
      await act(this.page);
      own.classList.add('done');
      own.setAttribute('aria-label', `${own.textContent}, done`);
    } catch (error) {
      status.textContent = (error as Error).message;
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  }
}
