import { isFolder } from '../files/is-folder.js';
import { isSystemError } from '../files/reason.js';
import { readdir } from '../platform/files.js';
import { basename, join } from '../platform/path.js';
import { RUN_FILES } from '../training/run-folder.js';

/** Folders within folders in which runs are looked for. */
export const DEPTH = 4;

const OWN = new Set<string>([RUN_FILES.config, RUN_FILES.metrics, RUN_FILES.checkpoint, RUN_FILES.plan]);

/** Whether there is anything of a run in `dir`. Throws the system's error. */
export async function holdsRun(dir: string): Promise<boolean> {
  return (await readdir(dir)).some((name) => OWN.has(name));
}

/** Names of the folders in `dir`; `net-2` comes before `net-10`. Throws the system's error. */
export async function foldersIn(dir: string): Promise<readonly string[]> {
  const names = (await readdir(dir)).filter((name) => !name.startsWith('.'));
  const folders = await Promise.all(names.map((name) => isFolder(join(dir, name))));
  return names.filter((_, index) => folders[index]).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

/** The folders below `dir` in which there is something of a run, as paths from `dir`; what cannot be read has none. */
export async function runFolders(dir: string, depth = DEPTH): Promise<readonly string[]> {
  try {
    const found: string[] = [];
    for (const name of await foldersIn(dir)) {
      const folder = join(dir, name);
      if (await holdsRun(folder)) found.push(name);
      else if (depth > 1) found.push(...(await runFolders(folder, depth - 1)).map((below) => `${name}/${below}`));
    }
    return found;
  } catch (error) {
    if (isSystemError(error)) return [];
    throw error;
  }
}

/** The last part of each path of a run, or the whole paths where these are not all different. */
export function runNames(paths: readonly string[]): readonly string[] {
  const names = paths.map((path) => basename(path));
  return new Set(names).size === names.length ? names : paths;
}
