import { mkdir } from '../platform/files.js';
import { dirname } from '../platform/path.js';
import { isFolder } from './is-folder.js';
import { errorCode } from './reason.js';

/** Whether the folder was made; false: it was there. Throws the system's error. */
async function makeOne(path: string, mode: number): Promise<boolean> {
  try {
    await mkdir(path, { mode });
    return true;
  } catch (error) {
    if (await isFolder(path)) return false;
    throw error;
  }
}

/**
 * Makes a folder and those above it that are missing; `mode` is of those that are made, and `made` gains them, outermost first, also when a
 * later one fails. Throws the system's error. Level by level, because Node's recursive mkdir never returns where a file system (such as
 * /proc) answers that a folder which is there has no such entry.
 */
export async function makeFolder(path: string, mode = 0o777, made: string[] = []): Promise<void> {
  const parent = dirname(path);
  try {
    if (await makeOne(path, mode)) made.push(path);
    return;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || parent === path) throw error;
  }
  await makeFolder(parent, mode, made);
  if (await makeOne(path, mode)) made.push(path);
}
