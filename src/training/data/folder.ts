import { DATASETS, type DatasetName, type Split } from '../../datasets/registry.js';
import { userError } from '../../diagnostics/diagnostic.js';
import { userCacheFolder } from '../../files/home.js';
import { realpathSync } from '../../platform/files.js';
import { basename, join, resolve } from '../../platform/path.js';
import { env as ownEnv, platform as ownPlatform } from '../../platform/system.js';
import { type DataFile, parsing } from './data-file.js';
import type { ImageSet } from './dataset.js';

/** Where a data set's files lie under the data folder. */
export interface FolderLayout {
  readonly name: DatasetName;
  readonly folder: string;
  /** Other folders that may have the files, from the data folder. */
  readonly alsoIn?: readonly string[];
  readonly files: Readonly<Record<Split, readonly string[]>>;
  /** Other names that a file may have. */
  readonly alias?: (name: string) => readonly string[];
  /** Whether a file may be there as `.gz` instead. */
  readonly mayBePacked?: true;
  /** The file with the names of the classes, where the registry has none: one a line, or as `classNames` reads it. */
  readonly classesFile?: string;
  /** Throws BadFile. */
  readonly classNames?: (bytes: Uint8Array) => readonly string[];
  /** Further files that belong to it. */
  readonly besides?: readonly string[];
  /** The images of some of the files, one after another. Throws UserError AMP7003, AMP7004 or AMP7020 for a damaged file. */
  readonly read: (files: readonly DataFile[], classes: number) => Promise<ImageSet>;
}

/** The folder for data sets: $AMPC_DATA, else `ampc/data` in the user's cache folder. Throws UserError AMP7014 where there is neither. */
export function defaultDataFolder(env = ownEnv, platform = ownPlatform): string {
  if (env.AMPC_DATA) return resolve(env.AMPC_DATA);
  const cache = userCacheFolder(env, platform);
  if (cache !== undefined) return join(cache, 'data');
  throw userError('AMP7014', 'there is no data folder', 'this user has no home folder', 'name one with --data, or with AMPC_DATA');
}

/** Where a path leads, through links; the path itself where nothing is there. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

/** The folder with the files: `<dir>/<layout.folder>`, or `dir` itself when it is that folder or a link to it. */
export function filesFolder(layout: FolderLayout, dir: string): string {
  const isIt = [resolve(dir), realPath(dir)].some((path) => basename(path) === layout.folder);
  return isIt ? resolve(dir) : resolve(dir, layout.folder);
}

function lines(bytes: Uint8Array): readonly string[] {
  const names = new TextDecoder().decode(bytes).split(/\r\n?|\n/);
  return names.map((line) => line.trim()).filter((line) => line !== '');
}

/** The names in a file. Throws UserError AMP7005 when there are too few or too many, AMP7020 for a damaged file. */
export async function classNamesOf(layout: FolderLayout, file: DataFile): Promise<readonly string[]> {
  const names = await parsing(file, layout.classNames ?? lines);
  const { classes } = DATASETS[layout.name];
  if (names.length === classes) return names;
  throw userError(
    'AMP7005',
    `${file.path} names ${names.length} classes`,
    `${layout.name} has ${classes}`,
    `let the file have ${classes} lines, one name each, or name another folder with --data`,
  );
}
