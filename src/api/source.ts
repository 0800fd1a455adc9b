import { readFile } from 'node:fs/promises';
import { type Source, userError } from '../diagnostics/diagnostic.js';
import { fileReason } from '../files/reason.js';

/** Reads a `.amp` file. Throws UserError when it cannot be read or is not text. */
export async function readSource(path: string): Promise<Source> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw userError('AMP6101', `cannot read ${path}`, fileReason(error), 'give the path of a .amp file');
  }
  try {
    return { path, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    throw userError('AMP6102', `${path} is not UTF-8 text`, undefined, 'give the path of a .amp file');
  }
}
