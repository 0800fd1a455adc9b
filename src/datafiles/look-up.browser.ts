import type { DataFacts, DataSplit, FileSource } from '../datasets/source.js';
import type { Source } from '../diagnostics/diagnostic.js';
import { notInBrowser } from '../files/not-here.js';

export const dataPath = ({ path }: FileSource, at: Pick<Source, 'path' | 'data'>): string => at.data?.path ?? path;

/** What is known of the data from elsewhere: its files are not read. */
export function lookUpData({ kind, path }: FileSource, _: DataSplit | undefined, at: Pick<Source, 'path' | 'data'>): DataFacts {
  if (at.data?.facts !== undefined) return at.data.facts;
  throw notInBrowser(`${kind}(${JSON.stringify(path)})`, 'use a data set that is known by name, or drawn');
}
