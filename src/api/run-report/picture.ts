import { empty, type Markup } from '../../figures/markup.js';

/** A PNG within the page. */
export function picture(png: Uint8Array, description: string): Markup {
  const text = btoa(Array.from(png, (byte) => String.fromCharCode(byte)).join(''));
  return empty('img', { src: `data:image/png;base64,${text}`, alt: description, loading: 'lazy' });
}
