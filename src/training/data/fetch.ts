import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DATASETS } from '../../datasets/registry.js';
import { userError } from '../../diagnostics/diagnostic.js';
import { makeFolder } from '../../files/make-folder.js';
import { fileReason } from '../../files/reason.js';
import { removeTemporaries, temporaryBeside } from '../../files/temporary.js';
import { assertNever } from '../../ir/types.js';
import { CHECKSUMS_FILE, writeChecksums } from './checksums.js';
import type { DatasetReport } from './dataset.js';
import { type DownloadOptions, download, md5OfFile } from './download.js';
import { defaultDataFolder, type FolderLayout, missingFiles, requireFiles } from './folder.js';
import { checkDataset } from './load.js';
import type { DatasetSource, Origin } from './source.js';
import { datasetName, SOURCES } from './sources.js';

export interface FetchOptions extends Partial<Omit<DownloadOptions, 'path'>> {}

async function makeDataFolder(dir: string): Promise<void> {
  await makeFolder(dir).catch((error: Error) => {
    throw userError('AMP7014', `cannot use ${dir} as the data folder`, fileReason(error), 'name another with --data, or with AMPC_DATA');
  });
}

/** Moves a complete folder into place; an incomplete one of the same name makes way. */
async function putInPlace(layout: FolderLayout, from: string, to: string): Promise<void> {
  const old = temporaryBeside(to);
  await rename(to, old).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rename(from, to);
  const ours = [...layout.files.train, ...layout.files.test, layout.classesFile, CHECKSUMS_FILE];
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

async function unpack(archive: string, layout: FolderLayout, dir: string): Promise<void> {
  await withTemporaryFolder(dir, async (folder) => {
    const wanted = new Set([...layout.files.train, ...layout.files.test, layout.classesFile].map((name) => `${layout.folder}/${name}`));
    // Loaded here: of all commands only this one needs it.
    const { extract } = await import('tar');
    try {
      await extract({ file: archive, cwd: folder, strict: true, filter: (path) => wanted.has(path.replace(/^\.\//, '')) });
    } catch (error) {
      throw userError('AMP7013', `cannot unpack ${archive}`, (error as Error).message, 'check the free space and try again');
    }
    await requireFiles(layout, folder);
    await writeChecksums(join(folder, layout.folder), [...layout.files.train, ...layout.files.test]);
    await putInPlace(layout, join(folder, layout.folder), join(dir, layout.folder));
  });
}

async function fetchArchive(
  layout: FolderLayout,
  from: Extract<Origin, { kind: 'archive' }>,
  dir: string,
  options: FetchOptions,
): Promise<void> {
  const archive = join(dir, from.file);
  const url = options.url ?? (process.env[from.mirror] || from.url);
  const md5 = options.md5 ?? from.md5;
  const here = await stat(archive).then(
    () => true,
    () => false,
  );
  if (!here || (await md5OfFile(archive)) !== md5) await download({ ...options, url, md5, path: archive });
  await unpack(archive, layout, dir);
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
    if (classNames !== undefined) await writeFile(join(target, layout.classesFile), `${classNames.join('\n')}\n`);
    await putInPlace(layout, target, join(dir, layout.folder));
  });
}

function bring({ origin, ...layout }: DatasetSource, dir: string, options: FetchOptions): Promise<void> {
  switch (origin.kind) {
    case 'archive':
      return fetchArchive(layout, origin, dir, options);
    case 'generated':
      return writeGenerated(layout, origin, dir);
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
  if ((await missingFiles(source, dir)).length > 0) {
    await makeDataFolder(dir);
    await bring(source, dir, options);
  }
  return checkDataset(name, dir);
}
