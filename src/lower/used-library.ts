import { readFileSync } from 'node:fs';

/** Files that come with ampc, by the name in `use`. */
export const LIBRARY: Readonly<Record<string, URL>> = { 'ampc/blocks': new URL('../../library/blocks.amp', import.meta.url) };

export function libraryBytes(name: string): Uint8Array {
  return readFileSync(LIBRARY[name]!);
}
