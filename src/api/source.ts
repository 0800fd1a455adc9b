import { readFile } from 'node:fs/promises';
import { type Source, userError } from '../diagnostics/diagnostic.js';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder',
  EACCES: 'permission denied',
  ENOTDIR: 'a part of the path is not a folder',
};

/** Reads a `.amp` file. Throws UserError when it cannot be read or is not text. */
export async function readSource(path: string): Promise<Source> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    throw userError('AMP6101', `cannot read ${path}`, REASONS[code] ?? String((error as Error).message), 'give the path of a .amp file');
  }
  try {
    return { path, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    throw userError('AMP6102', `${path} is not UTF-8 text`, undefined, 'give the path of a .amp file');
  }
}
