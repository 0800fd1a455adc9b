import { readFileSync } from 'node:fs';

/** The text of a small file that the system writes (in /proc or /sys); undefined where it is not there or may not be read. */
export function systemText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
