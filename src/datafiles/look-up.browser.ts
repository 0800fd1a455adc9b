import type { DataFacts, DataSplit, FileSource } from '../datasets/source.js';
import type { Source } from '../diagnostics/diagnostic.js';
import { notInBrowser } from '../files/not-here.js';
import { listClassFolders } from './class-folders.js';

export const dataPath = ({ path }: FileSource, at: Pick<Source, 'path' | 'data'>): string => at.data?.path ?? path;

/** What is known of the data from elsewhere; class folders are looked at among the page's files. Throws UserError as `listClassFolders`. */
export function lookUpData(source: FileSource, split: DataSplit | undefined, at: Pick<Source, 'path' | 'data'>): DataFacts {
  if (at.data?.facts !== undefined) return at.data.facts;
  const { kind, path } = source;
  if (kind === 'folder') {
    const { classes, images } = listClassFolders(dataPath(source, at), split);
    return { classes, images: { train: images.train.length, test: images.test.length } };
  }
  throw notInBrowser(`${kind}(${JSON.stringify(path)})`, 'use a data set that is known by name or drawn, or a folder of pictures');
}
