import { type FileHandle, open, rename, rm, stat } from '../platform/files.js';
import { dirname } from '../platform/path.js';

export async function writeAll(file: FileHandle, bytes: Uint8Array, at?: number): Promise<void> {
  await file.write(bytes, 0, bytes.length, at ?? null);
}

/** As in Node, whole or not at all: beside the file first. */
export async function replaceFileWith(path: string, fill: (file: FileHandle) => Promise<void>): Promise<void> {
  await stat(dirname(path));
  const temporary = `${path}.part`;
  const file = await open(temporary, 'w');
  try {
    await fill(file);
    await file.close();
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

export function replaceFile(path: string, content: Uint8Array | string): Promise<void> {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  return replaceFileWith(path, (file) => writeAll(file, bytes));
}
