import { realpathSync } from 'node:fs';
import { lstat, readFile, readlink } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { DATASETS, type DatasetName, type Split } from '../../datasets/registry.js';
import { userError } from '../../diagnostics/diagnostic.js';
import { userCacheFolder } from '../../files/home.js';
import { isThere, reading } from '../../files/system-error.js';
import type { ImageSet } from './dataset.js';

/** Where a data set's files lie under the data folder. */
export interface FolderLayout {
  readonly name: DatasetName;
  readonly folder: string;
  readonly files: Readonly<Record<Split, readonly string[]>>;
  /** Names of the classes, one a line. */
  readonly classesFile: string;
  /** The images of some of the files, one after another. Throws UserError AMP7003 or AMP7004 for a damaged file. */
  readonly read: (paths: readonly string[], classes: number) => Promise<ImageSet>;
}

/** The folder for data sets: $AMPC_DATA, else `ampc/data` in the user's cache folder. Throws UserError AMP7014 where there is neither. */
export function defaultDataFolder(env: NodeJS.ProcessEnv = process.env, platform: NodeJS.Platform = process.platform): string {
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

/** Why nothing is found through a link that leads nowhere; undefined for anything else. */
async function brokenLink(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const isLink = await lstat(path).then(
      (found) => found.isSymbolicLink(),
      () => false,
    );
    if (isLink && !(await isThere(path))) return `${path} is a link to ${await readlink(path)}, which is not there`;
  }
  return undefined;
}

/** Names of the data files that are not there. */
export async function missingFiles(layout: FolderLayout, dir: string): Promise<string[]> {
  const folder = filesFolder(layout, dir);
  const names = [...layout.files.train, ...layout.files.test];
  const found = await Promise.all(names.map((name) => isThere(join(folder, name))));
  return names.filter((_, index) => !found[index]);
}

/** Throws UserError: AMP7001 that names what is missing, AMP6110 where the system lets nobody look. */
export async function requireFiles(layout: FolderLayout, dir: string): Promise<void> {
  const missing = await missingFiles(layout, dir);
  if (missing.length === 0) return;
  const folder = filesFolder(layout, dir);
  const nothing = missing.length === layout.files.train.length + layout.files.test.length;
  throw userError(
    'AMP7001',
    nothing ? `the data set ${layout.name} is not in ${folder}` : `the data set ${layout.name} in ${folder} is incomplete`,
    nothing ? ((await brokenLink([dir, folder])) ?? 'none of its files is there') : `missing: ${missing.join(', ')}`,
    `run \`ampc data fetch ${layout.name}\`, or name the folder that holds ${layout.folder} with --data`,
  );
}

/** Reads the files of one split, in order. */
export async function readSplit(layout: FolderLayout, dir: string, split: Split): Promise<ImageSet> {
  const folder = filesFolder(layout, dir);
  return layout.read(
    layout.files[split].map((name) => join(folder, name)),
    DATASETS[layout.name].classes,
  );
}

/** Class names, one a line; numbers where the file is missing. Throws UserError AMP7005 when there are too few or too many. */
export async function readClasses(layout: FolderLayout, dir: string): Promise<string[]> {
  const path = join(filesFolder(layout, dir), layout.classesFile);
  const { classes } = DATASETS[layout.name];
  if (!(await isThere(path))) return Array.from({ length: classes }, (_, index) => String(index));
  const text = (await reading(path, readFile(path, 'utf8'))).replace(/^\ufeff/, '');
  const names = text
    .split(/\r\n?|\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (names.length !== classes) {
    throw userError(
      'AMP7005',
      `${path} names ${names.length} classes`,
      `${layout.name} has ${classes}`,
      `let the file have ${classes} lines, one name each, or name another folder with --data`,
    );
  }
  return names;
}
