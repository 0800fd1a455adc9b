import { userError } from '../../diagnostics/diagnostic.js';
import type { ImageSet } from './dataset.js';

/** Whole batches of a data set, for what looks at some of them and needs no others. Throws UserError AMP7007 when there is none. */
export function wholeBatches({ count }: ImageSet, batch: number, name: string): number {
  if (count >= batch) return Math.floor(count / batch);
  throw userError(
    'AMP7007',
    'the data set is smaller than one batch',
    `a batch has ${batch} images, ${name} has ${count}`,
    `use --batch ${count}`,
  );
}
