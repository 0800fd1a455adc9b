/** Files of data sets that this browser keeps, where training looks for them. */
import { flushFiles, putFile } from '../src/browser.js';
import { defaultDataFolder } from '../src/training/data/folder.js';

/** A file that was chosen or dropped, by its path below what was. */
export interface GivenFile {
  readonly path: string;
  readonly file: File;
}

/** Files of the binary form of CIFAR-10. */
const CIFAR10 = /^(data_batch_[1-5]\.bin|test_batch\.bin|batches\.meta\.txt)$/;

/** Keeps those of the files that belong to CIFAR-10; how many. */
export async function keepData(files: readonly GivenFile[]): Promise<number> {
  const known = files.filter(({ file }) => CIFAR10.test(file.name));
  for (const { file } of known)
    putFile(`${defaultDataFolder()}/cifar-10-batches-bin/${file.name}`, new Uint8Array(await file.arrayBuffer()));
  await flushFiles();
  return known.length;
}
