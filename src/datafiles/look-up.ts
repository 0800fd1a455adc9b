import type { Split } from '../datasets/registry.js';
import type { DataFacts, DataSplit, FileSource } from '../datasets/source.js';
import type { Source } from '../diagnostics/diagnostic.js';
import { homeFolder } from '../files/home.js';
import { textFolder } from '../files/text-folder.js';
import { statSync } from '../platform/files.js';
import { isAbsolute, join } from '../platform/path.js';
import { type LabelledArrays, readIdxFolder, readNumpy } from './arrays.js';
import { listClassFolders } from './class-folders.js';
import { readCsvList } from './csv.js';
import { listParquet } from './parquet.js';

/** A path that begins with the user's home folder as shells write it, whole. */
function fromHome(path: string): string {
  const home = /^~(?=$|[/\\])/.test(path) ? homeFolder() : undefined;
  return home === undefined ? path : join(home, path.slice(1));
}

/**
 * Where the files of a data set lie that the source text `at` names: where its caller says, else at the path, from the text's folder. `~`
 * is the user's home folder, and `./~` a folder of that name.
 */
export function dataPath({ path: written }: FileSource, at: Pick<Source, 'path' | 'data'>): string {
  const path = fromHome(written);
  return at.data?.path ?? (isAbsolute(path) ? path : join(textFolder(at.path), path));
}

const counted = ({ train, test }: Readonly<Record<Split, { readonly length: number }>>) => ({ train: train.length, test: test.length });

function ofArrays({ image, classes, splits: { train, test } }: LabelledArrays): DataFacts {
  return { image, classes, images: counted({ train: train.labels, test: test.labels }) };
}

/** What was found in files that have not changed since: reading them again takes as long as the first time. */
const remembered = new Map<string, DataFacts>();

function remember(path: string, split: DataSplit | undefined, read: () => DataFacts): DataFacts {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || !found.isFile()) return read();
  const key = JSON.stringify([path, split, found.size, found.mtimeMs]);
  const facts = remembered.get(key) ?? read();
  remembered.set(key, facts);
  return facts;
}

/**
 * What the files say of themselves, without a look at any picture: as it was found before, or as it is now. Throws UserError as the readers
 * of the source.
 */
export function lookUpData(source: FileSource, split: DataSplit | undefined, at: Pick<Source, 'path' | 'data'>): DataFacts {
  if (at.data?.facts !== undefined) return at.data.facts;
  const path = dataPath(source, at);
  switch (source.kind) {
    case 'folder': {
      const { classes, images } = listClassFolders(path, split);
      return { classes, images: counted(images) };
    }
    case 'csv': {
      const { classes, images } = readCsvList(path, split);
      return { classes, images: counted(images) };
    }
    case 'parquet': {
      const { classes, images } = listParquet(path, source, split);
      return { classes, images: counted(images) };
    }
    case 'npz':
      return remember(path, split, () => ofArrays(readNumpy(path, split)));
    case 'idx':
      return ofArrays(readIdxFolder(path, split));
  }
}
