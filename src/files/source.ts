import { fstatSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Source, userError } from '../diagnostics/diagnostic.js';
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
  return decode(path, bytes);
}

function decode(path: string, bytes: Uint8Array): Source {
  try {
    return { path, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    throw userError('AMP6102', `${path} is not UTF-8 text`, undefined, 'give the path of a .amp file');
  }
}

/** Whether standard input is connected to nothing: Node puts the null device in the place of one that is closed. */
function isUnconnected(): boolean {
  return !process.stdin.isTTY && fstatSync(0).isCharacterDevice();
}

/** What stands for standard input among files. */
export const STANDARD_INPUT = '-';

/** Reads a source text from standard input. Throws UserError as `readText`. */
export async function readStandardInput(): Promise<Source> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part as Buffer);
  if (parts.length === 0 && isUnconnected())
    throw userError('AMP6101', 'cannot read standard input', 'it is closed, or the null device', 'give it a text: < net.amp');
  return decode('standard input', Buffer.concat(parts));
}
