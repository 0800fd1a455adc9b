// @ts-expect-error: the bundler gives its text
import blocks from '../../library/blocks.amp';

const TEXTS: Readonly<Record<string, string>> = { 'ampc/blocks': blocks as string };

export const LIBRARY: Readonly<Record<string, URL>> = { 'ampc/blocks': new URL('ampc:blocks.amp') };

export function libraryBytes(name: string): Uint8Array {
  return new TextEncoder().encode(TEXTS[name]);
}
