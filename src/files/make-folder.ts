import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isFolder } from './is-folder.js';

/**
 * Makes a folder and those above it that are missing; `mode` is of those that are made. Throws the system's error. Level by level, because Node's
 * recursive mkdir never returns where a file system (such as /proc) answers that a folder which is there has no such entry.
 */
export async function makeFolder(path: string, mode = 0o777): Promise<void> {
  try {
    await mkdir(path, { mode });
    return;
  } catch (error) {
    if (await isFolder(path)) return;
    const parent = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === path) throw error;
    await makeFolder(parent, mode);
  }
  await mkdir(path, { mode }).catch(async (error: Error) => {
    if (!(await isFolder(path))) throw error;
  });
}
