/** Files of a page (kept-files.browser.ts): in Node they are the system's, and kept anyway. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** From now on files are those that this site has in the browser's own storage, and are kept there a moment after each change. */
export async function keepFiles(_name?: string): Promise<void> {}

/** Waits until all that was written is kept. */
export async function flushFiles(): Promise<void> {}

/** Names in a folder. */
export const listFiles = (folder: string): readonly string[] => readdirSync(folder);

export const readFileBytes = (path: string): Uint8Array => readFileSync(path);

/** Puts a file, such as one that was dropped on the page, where ampc reads it; folders above it are made. */
export const putFile = (path: string, bytes: Uint8Array): void => writeFileSync(path, bytes);
