import type { Source, UsedText } from '../diagnostics/diagnostic.js';
import { fileReason } from '../files/reason.js';
import { textFolder } from '../files/text-folder.js';
import { readFileSync } from '../platform/files.js';
import { join } from '../platform/path.js';
import { LIBRARY, libraryBytes } from './used-library.js';

export const LIBRARY_NAMES: readonly string[] = Object.keys(LIBRARY);

/** Where a file that comes with ampc lies; undefined where none has that name. */
export function libraryUrl(name: string): URL | undefined {
  return isLibrary(name) ? LIBRARY[name] : undefined;
}

export function isLibrary(name: string): boolean {
  return Object.hasOwn(LIBRARY, name);
}

/**
 * The text of a used file, `name` from the folder of `main`: as it was kept with that, or as it is now. A string says why there is
 * none.
 */
export function usedText(main: Source, name: string): UsedText | string {
  const kept = main.used?.find((used) => used.name === name);
  if (kept !== undefined) return kept;
  const path = isLibrary(name) ? name : join(textFolder(main.path), name);
  try {
    const bytes = isLibrary(name) ? libraryBytes(name) : readFileSync(path);
    return { name, path, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch (error) {
    return error instanceof TypeError ? 'it is not UTF-8 text' : fileReason(error);
  }
}
