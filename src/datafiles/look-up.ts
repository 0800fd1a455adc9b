import { dirname, isAbsolute, join } from 'node:path';
import type { DataFacts, DataSplit, FileSource } from '../datasets/source.js';
import type { Source } from '../diagnostics/diagnostic.js';
import { listClassFolders } from './class-folders.js';

/** Where the files of a data set lie that the source text `at` names: where its caller says, else at the path, from the text's folder. */
export function dataPath({ path }: FileSource, at: Pick<Source, 'path' | 'data'>): string {
  return at.data?.path ?? (isAbsolute(path) ? path : join(dirname(at.path), path));
}

/**
 * What the files say of themselves, without a look at any picture: as it was found before, or as it is now. Throws UserError as the readers
 * of the source.
 */
export function lookUpData(source: FileSource, split: DataSplit | undefined, at: Pick<Source, 'path' | 'data'>): DataFacts {
  if (at.data?.facts !== undefined) return at.data.facts;
  const { classes, images } = listClassFolders(dataPath(source, at), split);
  return { classes, images: { train: images.train.length, test: images.test.length } };
}
