import { fstatSync } from 'node:fs';
import { type Source, userError } from '../diagnostics/diagnostic.js';
import { decodeSource } from './source.js';

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
  return decodeSource('standard input', Buffer.concat(parts));
}
