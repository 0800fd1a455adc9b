import { isFolder } from '../files/is-folder.js';
import { isSystemError } from '../files/reason.js';
import { readdir } from '../platform/files.js';
import { basename, join } from '../platform/path.js';
import { RUN_FILES } from '../training/run-folder.js';

/** Folders within folders in which runs are looked for. */
export const DEPTH = 4;

const OWN = new Set<string>([RUN_FILES.config, RUN_FILES.metrics, RUN_FILES.checkpoint, RUN_FILES.plan]);

/** What folders hold. Both throw the system's error. */
export interface FolderReader {
  names(dir: string): Promise<readonly string[]>;
  /** Names of the folders in `dir`; `net-2` comes before `net-10`. */
  folders(dir: string): Promise<readonly string[]>;
}

/** Of these names in `dir` those of folders that are not hidden. */
export async function foldersAmong(dir: string, all: readonly string[]): Promise<readonly string[]> {
  const names = all.filter((name) => !name.startsWith('.'));
  const folders = await Promise.all(names.map((name) => isFolder(join(dir, name))));
  return names.filter((_, index) => folders[index]).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

/** Reads them each time. */
const READER: FolderReader = {
  names: readdir,
  folders: async (dir) => foldersAmong(dir, await readdir(dir)),
};

export const foldersIn = (dir: string): Promise<readonly string[]> => READER.folders(dir);

/** Whether there is anything of a run in `dir`. Throws the system's error. */
export async function holdsRun(dir: string, reader = READER): Promise<boolean> {
  return (await reader.names(dir)).some((name) => OWN.has(name));
}

/** The folders below `dir` in which there is something of a run, as paths from `dir`; what cannot be read has none. */
export async function runFolders(dir: string, reader: FolderReader, depth = DEPTH): Promise<readonly string[]> {
  try {
    const found: string[] = [];
    for (const name of await reader.folders(dir)) {
      const folder = join(dir, name);
      if (await holdsRun(folder, reader)) found.push(name);
      else if (depth > 1) found.push(...(await runFolders(folder, reader, depth - 1)).map((below) => `${name}/${below}`));
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
