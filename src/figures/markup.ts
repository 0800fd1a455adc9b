/** Text of SVG or HTML in which everything that came from outside is escaped. */
export interface Markup {
  readonly markup: string;
}

export type Attributes = Readonly<Record<string, string | number | undefined>>;
/** Texts are escaped; undefined leaves nothing. */
export type Child = Markup | string | undefined;

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escapeText(text: string): string {
  // Characters that XML has no place for cannot be escaped either.
  return text
    .replace(/[&<>"']/g, (character) => ESCAPES[character]!)
    .replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd');
}

/** Coordinates to hundredths, which no eye tells apart. */
function attributeText(value: string | number): string {
  return typeof value === 'number' ? String(Math.round(value * 100) / 100) : escapeText(value);
}

const contentOf = (child: Child): string => (child === undefined ? '' : typeof child === 'string' ? escapeText(child) : child.markup);

export function element(name: string, attributes: Attributes, ...children: readonly Child[]): Markup {
  const written = Object.entries(attributes).flatMap(([key, value]) => (value === undefined ? [] : ` ${key}="${attributeText(value)}"`));
  const content = children.map(contentOf).join('');
  return { markup: `<${name}${written.join('')}>${content}</${name}>` };
}

/** An element that has no end in HTML. */
export function empty(name: 'img' | 'meta', attributes: Attributes): Markup {
  return { markup: element(name, attributes).markup.replace(`</${name}>`, '') };
}

export function join(children: readonly Child[]): Markup {
  return { markup: children.map(contentOf).join('') };
}
