import { readdir, rm, stat } from '../platform/files.js';
import { randomBytes } from '../platform/hash.js';
import { basename, dirname, join } from '../platform/path.js';
import { pid as ownPid } from '../platform/system.js';
import { isProcessAlive } from './process.js';

const TEMPORARY = /\.(\d+)\.[0-9a-f]{8}\.tmp$/;

/** Longest part of a file's name that its temporary has: names end at 255 bytes. */
const KEPT_NAME = 50;

/** Where the process id of a temporary says nothing (a container has ids of its own), its age does. */
const SURELY_OVER_MS = 3_600_000;

/** A name beside `path` that no other process uses; the process id tells who left it behind. */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `${basename(path).slice(0, KEPT_NAME)}.${ownPid}.${randomBytes(4).toString('hex')}.tmp`);
}

export function isTemporary(name: string): boolean {
  return TEMPORARY.test(name);
}

async function isAbandoned(path: string, pid: number): Promise<boolean> {
  if (isProcessAlive(pid)) return false;
  const { mtimeMs } = await stat(path);
  return Date.now() - mtimeMs > SURELY_OVER_MS;
}

/**
 * Removes the temporary files and folders that killed processes left in `folder`. With `all` those of living ones as well: of a folder that
 * no other process may write to. What cannot be removed stays.
 */
export async function removeTemporaries(folder: string, { all = false, of = '' } = {}): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const pid = TEMPORARY.exec(name)?.[1];
    if (pid === undefined || !name.startsWith(of.slice(0, KEPT_NAME))) continue;
    const path = join(folder, name);
    try {
      if (all || (await isAbandoned(path, Number(pid)))) await rm(path, { recursive: true, force: true });
    } catch {
      // Somebody else removed it, or owns it.
    }
  }
}
