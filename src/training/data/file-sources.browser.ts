import type { FileSource } from '../../datasets/source.js';
import { notInBrowser } from '../../files/not-here.js';
import type { DatasetSpec } from '../../ir/program.js';
import type { Dataset } from './dataset.js';
import type { OpenOptions } from './open-options.js';

export const defaultWorkers = (): number => 0;

export async function openFiles(_spec: DatasetSpec, { kind, path }: FileSource, _options: OpenOptions): Promise<Dataset> {
  throw notInBrowser(`${kind}(${JSON.stringify(path)})`, 'give train() the images as `batches`, or use a data set that is known by name');
}
