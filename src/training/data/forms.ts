import { DATASETS, type Split } from '../../datasets/registry.js';
import { userError } from '../../diagnostics/diagnostic.js';
import { listNames } from '../../diagnostics/suggest.js';
import { isThere } from '../../files/system-error.js';
import { lstat, readlink } from '../../platform/files.js';
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

const fileNames = ({ files }: Pick<FolderLayout, 'files'>): readonly string[] => SPLITS.flatMap((split) => files[split]);

async function inFolder(layout: FolderLayout, folder: string): Promise<Form | undefined> {
  const paths = new Map<string, string>();
  for (const name of fileNames(layout)) {
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
  const { classesFile } = layout;
  const names = [...fileNames(layout), ...(classesFile === undefined ? [] : [classesFile])];
  return names.map((name) => `${layout.folder}/${name}`);
}

/** What an archive holds whole, read once. */
async function inArchive(layouts: readonly FolderLayout[], path: string): Promise<Form | undefined> {
  const found = await readArchive(path, new Set(layouts.flatMap(namesIn)));
  const layout = layouts.find((one) => fileNames(one).every((name) => found.has(`${one.folder}/${name}`)));
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

/** The published forms of a data set as files. */
const layoutsOf = (source: DatasetSource): readonly FolderLayout[] => [source, ...(source.others ?? [])];

/** The folders in which files of a data set are looked for below `dir`, by form. */
function placesOf(source: DatasetSource, dir: string): readonly { readonly layout: FolderLayout; readonly folder: string }[] {
  return layoutsOf(source).flatMap((layout) => {
    const folders = [layout.folder, ...(layout.alsoIn ?? [])].map((folder) => resolve(dir, folder));
    return [...new Set([filesFolder(layout, dir), ...folders])].map((folder) => ({ layout, folder }));
  });
}

/** The form of a data set that lies in a folder as files; undefined where none is whole. Throws UserError AMP6110. */
export async function findFiles(source: DatasetSource, dir: string): Promise<Form | undefined> {
  if (isArchive(source, dir)) return undefined;
  for (const { layout, folder } of placesOf(source, dir)) {
    const form = await inFolder(layout, folder);
    if (form !== undefined) return form;
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
  return archive === undefined ? undefined : inArchive(layoutsOf(source), archive);
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

interface Incomplete {
  readonly place: string;
  readonly missing: readonly string[];
}

/** The form that most files are there of, and those that are not; undefined where there are none of any. */
async function mostComplete(source: DatasetSource, dir: string): Promise<Incomplete | undefined> {
  let most = 0;
  let found: Incomplete | undefined;
  for (const { layout, folder } of placesOf(source, dir)) {
    const names = fileNames(layout);
    const paths = await Promise.all(names.map((name) => pathOf(layout, folder, name)));
    const missing = names.filter((_, at) => paths[at] === undefined);
    if (names.length - missing.length <= most) continue;
    most = names.length - missing.length;
    found = { place: folder, missing };
  }
  return found;
}

/**
 * Of a data set that is in `dir` in no form. Throws UserError: AMP7001 that names what is missing, AMP6110 where the system lets nobody
 * look.
 */
export async function refuseMissing(source: DatasetSource, dir: string): Promise<never> {
  const { name, archives = [] } = source;
  const forms = [...layoutsOf(source).map(({ folder }) => folder), ...archives];
  const fix = `run \`ampc data fetch ${name}\`, or name the folder that holds ${listNames(forms, 'or')} with --data`;
  const incomplete = await mostComplete(source, dir);
  if (incomplete !== undefined) {
    const { place, missing } = incomplete;
    throw userError('AMP7001', `the data set ${name} in ${place} is incomplete`, `missing: ${missing.join(', ')}`, fix);
  }
  const archive = await archiveOf(source, dir);
  if (archive !== undefined) throw userError('AMP7001', `the data set ${name} in ${archive} is incomplete`, 'files are missing in it', fix);
  const link = await brokenLink([dir, filesFolder(source, dir)]);
  throw userError('AMP7001', `the data set ${name} is not in ${resolve(dir)}`, link ?? 'none of its files is there', fix);
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
