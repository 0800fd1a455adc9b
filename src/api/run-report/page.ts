import { inlineFigure, type NamedFigure } from '../../figures/figure.js';
import { type Child, element, empty, join, type Markup } from '../../figures/markup.js';
import { PAGE_STYLE } from '../../figures/style.js';
import { VERSION } from '../../files/version.js';

export interface Fact {
  readonly name: string;
  readonly value: string;
}

/** A part of a page, which its contents lead to. */
export interface PageSection {
  readonly id: string;
  readonly title: string;
  readonly content: readonly Child[];
}

export function figureGrid(figures: readonly NamedFigure[]): Markup {
  const drawn = figures.map(({ figure }) => element('figure', {}, element('figcaption', {}, figure.title), inlineFigure(figure)));
  return element('div', { class: 'figures' }, ...drawn);
}

/** A figure that may be larger than the page. */
export function scrolledFigure({ figure }: NamedFigure): Markup {
  return element('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': figure.title }, inlineFigure(figure));
}

export function facts(list: readonly Fact[]): Markup {
  return element(
    'div',
    { class: 'facts' },
    ...list.map(({ name, value }) => element('div', { class: 'fact' }, element('b', {}, value), element('span', {}, name))),
  );
}

export const note = (text: string): Markup => element('p', { class: 'note' }, text);
export const heading = (text: string): Markup => element('h3', {}, text);
export const code = (text: string): Markup => element('pre', {}, element('code', {}, text));

/** Columns whose heads begin with `#` hold numbers. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): Markup {
  const isNumber = heads.map((head) => head.startsWith('#'));
  const cell = (name: 'th' | 'td') => (text: string, column: number) =>
    element(name, { class: isNumber[column] ? 'number' : undefined }, text);
  const head = heads.map((text) => text.replace(/^#/, ''));
  return element(
    'div',
    { class: 'scroll', tabindex: 0 },
    element(
      'table',
      {},
      element('thead', {}, element('tr', {}, ...head.map(cell('th')))),
      element('tbody', {}, ...rows.map((row) => element('tr', {}, ...row.map(cell('td'))))),
    ),
  );
}

export function sectionMarkup({ id, title, content }: PageSection): Markup {
  return element('section', { id }, element('h2', {}, title), join(content));
}

/** A page of these runs that needs nothing from elsewhere, and runs no script. */
export function page(title: string, runs: readonly string[], sections: readonly PageSection[]): string {
  const head = element(
    'head',
    {},
    empty('meta', { charset: 'utf-8' }),
    empty('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
    empty('meta', { 'http-equiv': 'Content-Security-Policy', content: "default-src 'none'; img-src data:; style-src 'unsafe-inline'" }),
    element('title', {}, title),
    // The rules hold no character that would have to be escaped, and must not be.
    { markup: `<style>${PAGE_STYLE}</style>` },
  );
  const links = sections.map(({ id, title: name }) => element('a', { href: `#${id}` }, name));
  const parts = sections.map(sectionMarkup);
  const body = element(
    'body',
    {},
    element('h1', {}, title),
    note(`Made by ampc ${VERSION} from ${runs.join(', ')}`),
    element('nav', {}, ...links),
    ...parts,
  );
  return `<!doctype html>\n${element('html', { lang: 'en' }, head, body).markup}\n`;
}
