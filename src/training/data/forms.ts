import { DATASETS, type Split } from '../../datasets/registry.js';
import { isThere } from '../../files/system-error.js';
import { basename, join, resolve } from '../../platform/path.js';
import { readArchive } from './archive.js';
import { type DataFile, fileOnDisk } from './data-file.js';
import type { ImageSet } from './dataset.js';
import { classNamesOf, type FolderLayout, filesFolder } from './folder.js';
import type { DatasetSource } from './source.js';

/** A published form of a data set, as it was found. */
export interface Form {
  readonly layout: FolderLayout;
  /** The folder with its files, or the archive. */
  readonly place: string;
  /** The files of a split, in order; undefined for one in an archive that is incomplete. */
  files(split: Split): Promise<readonly DataFile[]>;
  readonly classesFile: () => Promise<DataFile | undefined>;
}

const SPLITS = ['train', 'test'] as const;

/** The path of a file of a layout, packed where it is; undefined where it is not there. */
async function pathOf(layout: FolderLayout, folder: string, name: string): Promise<string | undefined> {
  for (const written of [name, ...(layout.alias?.(name) ?? [])])
    for (const ending of layout.mayBePacked === true ? ['', '.gz'] : ['']) {
      const path = join(folder, `${written}${ending}`);
      if (await isThere(path)) return path;
    }
  return undefined;
}

async function inFolder(layout: FolderLayout, folder: string): Promise<Form | undefined> {
  const paths = new Map<string, string>();
  for (const name of SPLITS.flatMap((split) => layout.files[split])) {
    const path = await pathOf(layout, folder, name);
    if (path === undefined) return undefined;
    paths.set(name, path);
  }
  const { classesFile } = layout;
  return {
    layout,
    place: folder,
    files: async (split) => layout.files[split].map((name) => fileOnDisk(paths.get(name)!)),
    classesFile: async () => {
      const path = classesFile === undefined ? undefined : await pathOf(layout, folder, classesFile);
      return path === undefined ? undefined : fileOnDisk(path);
    },
  };
}

function namesIn(layout: FolderLayout): string[] {
  const { files, classesFile } = layout;
  const names = [...files.train, ...files.test, ...(classesFile === undefined ? [] : [classesFile])];
  return names.map((name) => `${layout.folder}/${name}`);
}

/** What an archive holds whole, read once. */
async function inArchive(layouts: readonly FolderLayout[], path: string): Promise<Form | undefined> {
  const found = await readArchive(path, new Set(layouts.flatMap(namesIn)));
  const layout = layouts.find(({ folder, files }) => SPLITS.every((split) => files[split].every((name) => found.has(`${folder}/${name}`))));
  if (layout === undefined) return undefined;
  const { folder, files, classesFile } = layout;
  return {
    layout,
    place: path,
    files: async (split) => files[split].map((name) => found.get(`${folder}/${name}`)!),
    classesFile: async () => (classesFile === undefined ? undefined : found.get(`${folder}/${classesFile}`)),
  };
}

/** Whether a path is that of an archive itself. */
function isArchive({ archives = [] }: Pick<DatasetSource, 'archives'>, dir: string): boolean {
  return archives.includes(basename(resolve(dir)));
}

/** The form of a data set that lies in a folder as files; undefined where none is whole. Throws UserError AMP6110. */
export async function findFiles(source: DatasetSource, dir: string): Promise<Form | undefined> {
  if (isArchive(source, dir)) return undefined;
  for (const layout of [source, ...(source.others ?? [])]) {
    const folders = [layout.folder, ...(layout.alsoIn ?? [])].map((folder) => resolve(dir, folder));
    for (const folder of new Set([filesFolder(layout, dir), ...folders])) {
      const form = await inFolder(layout, folder);
      if (form !== undefined) return form;
    }
  }
  return undefined;
}

/** The archive of a data set in a folder, or the one that `dir` itself names. */
async function archiveOf({ archives = [] }: DatasetSource, dir: string): Promise<string | undefined> {
  if (isArchive({ archives }, dir) && (await isThere(dir))) return resolve(dir);
  for (const name of archives) {
    const path = resolve(dir, name);
    if (await isThere(path).catch(() => false)) return path;
  }
  return undefined;
}

/** Whether a data set is in a folder in some form. */
export async function isIn(source: DatasetSource, dir: string): Promise<boolean> {
  return (await findFiles(source, dir)) !== undefined || (await archiveOf(source, dir)) !== undefined;
}

/**
 * The form of a data set that is in a folder: files before archives. Undefined where there is none. Throws UserError AMP7020 for a damaged
 * archive, AMP6110.
 */
export async function findForm(source: DatasetSource, dir: string): Promise<Form | undefined> {
  const files = await findFiles(source, dir);
  if (files !== undefined) return files;
  const archive = await archiveOf(source, dir);
  return archive === undefined ? undefined : inArchive([source, ...(source.others ?? [])], archive);
}

export async function readForm(form: Form, split: Split): Promise<ImageSet> {
  return form.layout.read(await form.files(split), DATASETS[form.layout.name].classes);
}

/** Names of the classes; numbers where no file has them. Throws UserError AMP7005 when there are too few or too many. */
export async function readClasses(form: Form): Promise<readonly string[]> {
  const { classNames, classes } = DATASETS[form.layout.name];
  if (classNames !== undefined) return classNames;
  const file = await form.classesFile();
  return file === undefined ? Array.from({ length: classes }, (_, label) => String(label)) : classNamesOf(form.layout, file);
}
