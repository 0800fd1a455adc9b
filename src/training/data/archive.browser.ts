import { notInBrowser } from '../../files/not-here.js';
import type { DataFile } from './data-file.js';

export async function readArchive(path: string, _: ReadonlySet<string>): Promise<ReadonlyMap<string, DataFile>> {
  throw notInBrowser(`the archive ${path}`, 'unpack it, and give its files');
}
