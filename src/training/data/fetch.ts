import { mkdir, readdir, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { badFile } from '../../datafiles/bad-file.js';
import { DATASETS } from '../../datasets/registry.js';
import { type UserError, userError } from '../../diagnostics/diagnostic.js';
import { makeFolder } from '../../files/make-folder.js';
import { fileReason } from '../../files/reason.js';
import { isThere } from '../../files/system-error.js';
import { removeTemporaries, temporaryBeside } from '../../files/temporary.js';
import { assertNever } from '../../ir/types.js';
import { readArchive } from './archive.js';
import { CHECKSUMS_FILE, writeChecksums } from './checksums.js';
import type { DatasetReport } from './dataset.js';
import { type DownloadOptions, download } from './download.js';
import { defaultDataFolder, type FolderLayout } from './folder.js';
import { findFiles } from './forms.js';
import { checkDataset } from './load.js';
import { md5OfFile } from './md5-of-file.js';
import { webAddress } from './request.js';
import type { DatasetSource, Origin } from './source.js';
import { datasetName, SOURCES } from './sources.js';

export interface FetchOptions extends Partial<Omit<DownloadOptions, 'path'>> {}

async function makeDataFolder(dir: string): Promise<void> {
  await makeFolder(dir).catch((error: Error) => {
    throw userError('AMP7014', `cannot use ${dir} as the data folder`, fileReason(error), 'name another with --data, or with AMPC_DATA');
  });
}

/** Everything in the folder of a layout. */
function namesOf({ files, classesFile, besides = [] }: FolderLayout): string[] {
  return [...files.train, ...files.test, ...(classesFile === undefined ? [] : [classesFile]), ...besides];
}

/** Moves a complete folder into place; an incomplete one of the same name makes way. */
async function putInPlace(layout: FolderLayout, from: string, to: string): Promise<void> {
  const old = temporaryBeside(to);
  await rename(to, old).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rename(from, to);
  const ours = [...namesOf(layout), CHECKSUMS_FILE];
  const names = await readdir(old).catch(() => []);
  // Whatever else somebody keeps in it stays, beside the new one.
  if (names.every((name) => ours.includes(name))) await rm(old, { recursive: true, force: true });
}

/** Runs `fill` on a new folder beside the target, which is removed whatever happens. */
async function withTemporaryFolder(dir: string, fill: (folder: string) => Promise<void>): Promise<void> {
  await removeTemporaries(dir);
  const folder = temporaryBeside(join(dir, 'unpack'));
  await mkdir(folder);
  try {
    await fill(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function refuseUnpacking(archive: string, error: Error): never {
  throw userError('AMP7013', `cannot unpack ${archive}`, fileReason(error), 'make room in the data folder, or name another with --data');
}

/** Writes the files that a data set has, and nothing else that is in the archive: no path and no link in it leads anywhere. */
async function unpack(archive: string, layout: DatasetSource, dir: string): Promise<void> {
  await withTemporaryFolder(dir, async (folder) => {
    const names = namesOf(layout);
    const found = await readArchive(archive, new Set(names.map((name) => `${layout.folder}/${name}`)));
    const missing = [...layout.files.train, ...layout.files.test].filter((name) => !found.has(`${layout.folder}/${name}`));
    if (missing.length > 0) throw badFile(archive, `it has no ${layout.folder}/${missing[0]}`);
    await mkdir(join(folder, layout.folder));
    for (const name of names) {
      const file = found.get(`${layout.folder}/${name}`);
      const path = join(folder, layout.folder, name);
      if (file !== undefined) await writeFile(path, await file.bytes()).catch((error) => refuseUnpacking(archive, error));
    }
    await writeChecksums(join(folder, layout.folder), [...layout.files.train, ...layout.files.test]);
    await putInPlace(layout, join(folder, layout.folder), join(dir, layout.folder));
  });
}

async function fetchArchive(
  layout: DatasetSource,
  from: Extract<Origin, { kind: 'archive' }>,
  dir: string,
  options: FetchOptions,
): Promise<void> {
  const archive = join(dir, from.file);
  const url = options.url ?? (process.env[from.mirror] || from.url);
  const { md5, size } = options.md5 === undefined ? from : { md5: options.md5, size: options.size };
  const here = await stat(archive).then(
    () => true,
    () => false,
  );
  if (!here || (await md5OfFile(archive)) !== md5) await download({ ...options, url, md5, size, path: archive });
  try {
    await unpack(archive, layout, dir);
  } catch (error) {
    // What is in it is not what it should be, and never will be.
    if ((error as UserError).diagnostics?.[0]?.code === 'AMP7020') await rm(archive, { force: true });
    throw error;
  }
  await rm(archive, { force: true });
}

async function writeGenerated(
  layout: FolderLayout,
  { generate, encode }: Extract<Origin, { kind: 'generated' }>,
  dir: string,
): Promise<void> {
  await withTemporaryFolder(dir, async (folder) => {
    const target = join(folder, layout.folder);
    await mkdir(target);
    for (const split of ['train', 'test'] as const) await writeFile(join(target, layout.files[split][0]!), encode(generate(split)));
    const { classNames } = DATASETS[layout.name];
    if (classNames !== undefined && layout.classesFile !== undefined)
      await writeFile(join(target, layout.classesFile), `${classNames.join('\n')}\n`);
    await putInPlace(layout, target, join(dir, layout.folder));
  });
}

/** Each file beside the others; those that have arrived stay. */
async function fetchFiles(
  layout: FolderLayout,
  from: Extract<Origin, { kind: 'files' }>,
  dir: string,
  options: FetchOptions,
): Promise<void> {
  const base = webAddress(options.url ?? (process.env[from.mirror] || from.url)).href.replace(/\/*$/, '/');
  const folder = join(dir, layout.folder);
  await makeDataFolder(folder);
  try {
    for (const { file, md5, size } of from.files) {
      const path = join(folder, file);
      if ((await isThere(path)) && (await md5OfFile(path)) === md5) continue;
      await download({ ...options, url: new URL(file, base).href, md5, size, path });
    }
  } catch (error) {
    // Only an empty folder goes.
    await rmdir(folder).catch(() => undefined);
    throw error;
  }
}

function bring(source: DatasetSource, dir: string, options: FetchOptions): Promise<void> {
  const { origin } = source;
  switch (origin.kind) {
    case 'archive':
      return fetchArchive(source, origin, dir, options);
    case 'files':
      return fetchFiles(source, origin, dir, options);
    case 'generated':
      return writeGenerated(source, origin, dir);
    default:
      return assertNever(origin);
  }
}

/**
 * Brings a data set into the data folder, unless it is there already, and verifies it. An archive comes from its official address, or from
 * a mirror of the same file (`url`, or $AMPC_CIFAR10_URL for CIFAR-10); what ampc generates is written. Throws UserError: AMP7011 to
 * AMP7014, and as `checkDataset`.
 */
export async function fetchDataset(name: string, dir: string = defaultDataFolder(), options: FetchOptions = {}): Promise<DatasetReport> {
  const source = SOURCES[datasetName(name)];
  if ((await findFiles(source, dir)) === undefined) {
    await makeDataFolder(dir);
    await bring(source, dir, options);
  }
  return checkDataset(name, dir);
}
