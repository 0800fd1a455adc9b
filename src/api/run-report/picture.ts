import { empty, type Markup } from '../../figures/markup.js';

/** A PNG within the page. */
export function picture(png: Uint8Array, description: string): Markup {
  return empty('img', { src: `data:image/png;base64,${Buffer.from(png).toString('base64')}`, alt: description, loading: 'lazy' });
}
