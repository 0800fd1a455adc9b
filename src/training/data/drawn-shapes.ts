import { DATASETS, SHAPES_SIDE, type Split } from '../../datasets/registry.js';
import { encodeRecords, recordsReader } from './binary.js';
import type { ImageSet } from './dataset.js';
import { generateShapes, type ShapesOptions } from './shapes.js';
import type { DatasetSource } from './source.js';

/** What was drawn last of each split. */
const drawn = new Map<Split, Required<ShapesOptions> & { readonly set: ImageSet }>();

/** As `generateShapes`, which takes seconds: several runs are most often of one file, and share a set, which nobody changes. */
export function drawnShapes(
  split: Split,
  { seed = 0, count = DATASETS.shapes.images[split], side = SHAPES_SIDE }: ShapesOptions = {},
): ImageSet {
  const last = drawn.get(split);
  if (last?.seed === seed && last.count === count && last.side === side) return last.set;
  const set = generateShapes(split, { seed, count, side });
  drawn.set(split, { seed, count, side, set });
  return set;
}

/** `fetch` writes the generated records, for use by other tools; the number in the folder's name changes when the pictures do. */
export const SHAPES: DatasetSource = {
  name: 'shapes',
  folder: 'shapes-1-batches-bin',
  files: { train: ['data_batch_1.bin'], test: ['test_batch.bin'] },
  classesFile: 'batches.meta.txt',
  read: recordsReader({ labels: 1, label: 0 }),
  origin: { kind: 'generated', generate: drawnShapes, encode: encodeRecords },
};
