import { type Source, userError } from '../diagnostics/diagnostic.js';
import { readFile } from '../platform/files.js';
import { dirname } from '../platform/path.js';
import { readKeptData } from './kept-data.js';
import { fileFix, fileReason } from './reason.js';
import { readUsed } from './used.js';

/** Whether a text is what `ampc plan --dump` printed, or `plan.txt` of a run. */
export function isSavedPlan({ text }: Source): boolean {
  return text.startsWith('plan @');
}

/**
 * Reads a `.amp` file, in the folder of a run with the files that it uses and what is known of its data as the run keeps them. Throws
 * UserError when it cannot be read, is not text, or is a saved plan.
 */
export async function readSource(path: string): Promise<Source> {
  const source = await readText(path);
  if (!isSavedPlan(source)) {
    const used = await readUsed(dirname(path));
    const data = await readKeptData(dirname(path));
    return { ...source, ...(used && { used }), ...(data && { data }) };
  }
  const takes = '`ampc plan` takes a saved plan with --explain, --dump, --emit and --diff';
  throw userError('AMP6103', `${path} is a saved plan, not a .amp file`, 'it says what is computed, not what it was made from', takes);
}

/** What a caller gives: the path of a `.amp` file, or its text with the name to show for it. Throws as `readSource`. */
export async function sourceOf(input: string | Source): Promise<Source> {
  return typeof input === 'string' ? readSource(input) : input;
}

/** Reads a `.amp` file or a saved plan. Throws UserError when it cannot be read or is not text. */
export async function readText(path: string): Promise<Source> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw userError('AMP6101', `cannot read ${path}`, fileReason(error), fileFix(error));
  }
  return decodeSource(path, bytes);
}

/** Bytes as a source text. Throws UserError AMP6102. */
export function decodeSource(path: string, bytes: Uint8Array): Source {
  try {
    return { path, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    throw userError('AMP6102', `${path} is not UTF-8 text`, undefined, 'give the path of a .amp file');
  }
}
