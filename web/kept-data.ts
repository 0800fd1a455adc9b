/** Files of data sets that this browser keeps, where training looks for them. */
import { flushFiles, listFiles, putFile } from '../src/browser.js';
import { isPictureName } from '../src/datasets/picture-formats.js';
import { statSync } from '../src/platform/files.js';
import { defaultDataFolder } from '../src/training/data/folder.js';

/** A file that was chosen or dropped, by its path below what was. */
export interface GivenFile {
  readonly path: string;
  readonly file: File;
}

/** What was kept of files that somebody gave. */
export interface KeptData {
  /** Files of CIFAR-10. */
  readonly cifar10: number;
  /** Pictures in folders of classes, and those folders, as a program names them. */
  readonly pictures: number;
  readonly folders: readonly string[];
}

/** Files of the binary form of CIFAR-10. */
const CIFAR10 = /^(data_batch_[1-5]\.bin|test_batch\.bin|batches\.meta\.txt)$/;

/** Folders of pictures lie here, as programs name them. */
const PICTURES = 'pictures';

/** A picture of a class: it lies in a folder within the one that was given. */
const isClassPicture = ({ path }: GivenFile): boolean => path.split('/').length >= 3 && isPictureName(path);

/** Keeps those of the files that belong to CIFAR-10, and pictures that lie in folders of classes. */
export async function keepData(files: readonly GivenFile[]): Promise<KeptData> {
  const known = files.filter(({ file }) => CIFAR10.test(file.name));
  const pictures = files.filter(isClassPicture);
  const put = async (path: string, file: File): Promise<void> => putFile(path, new Uint8Array(await file.arrayBuffer()));
  for (const { file } of known) await put(`${defaultDataFolder()}/cifar-10-batches-bin/${file.name}`, file);
  for (const { path, file } of pictures) await put(`/${PICTURES}/${path}`, file);
  await flushFiles();
  const folders = [...new Set(pictures.map(({ path }) => `${PICTURES}/${path.split('/')[0]}`))];
  return { cifar10: known.length, pictures: pictures.length, folders };
}

function below(path: string): readonly string[] {
  if (statSync(path)?.isDirectory() !== true) return [path];
  return listFiles(path).flatMap((name) => below(`${path}/${name}`));
}

/** The paths of all pictures that are kept. */
export function keptPictures(): readonly string[] {
  const root = `/${PICTURES}`;
  return statSync(root) === undefined ? [] : below(root);
}
