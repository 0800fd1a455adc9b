import { type Child, element, join, type Markup } from './markup.js';
import { FIGURE_STYLE } from './style.js';

/** A picture in SVG, of its width and height in pixels. */
export interface Figure {
  /** What it shows, in a few words; the title that screen readers speak. */
  readonly title: string;
  readonly width: number;
  readonly height: number;
  readonly content: Markup;
}

/** A figure and the name that its file has. */
export interface NamedFigure {
  readonly name: string;
  readonly figure: Figure;
}

function svg({ title, width, height, content }: Figure, ...before: readonly Child[]): Markup {
  const attributes = { xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${Math.ceil(width)} ${Math.ceil(height)}`, role: 'img' };
  return element(
    'svg',
    { ...attributes, width: Math.ceil(width), height: Math.ceil(height) },
    element('title', {}, title),
    ...before,
    content,
  );
}

/** In a page that has the rules of figures. */
export function inlineFigure(figure: Figure): Markup {
  return svg(figure);
}

/** The text of a `.svg` file that needs nothing else. */
export function svgFile(figure: Figure): string {
  const ground = element('rect', { width: '100%', height: '100%', fill: '#ffffff' });
  // The rules hold no character that would have to be escaped, and must not be.
  return `${svg(figure, { markup: `<style>${FIGURE_STYLE}</style>` }, ground).markup}\n`;
}

export function group(x: number, y: number, children: readonly Child[]): Markup {
  return element('g', { transform: `translate(${Math.round(x * 100) / 100} ${Math.round(y * 100) / 100})` }, join(children));
}

export function text(x: number, y: number, content: string, classes?: string): Markup {
  return element('text', { x, y, class: classes }, content);
}

/** A name that has room for so many characters. */
export function shortened(name: string, longest: number): string {
  return name.length <= longest ? name : `${name.slice(0, longest - 1)}…`;
}
