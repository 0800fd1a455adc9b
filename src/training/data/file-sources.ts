import { type LabelledArrays, readIdxFolder, readNumpy } from '../../datafiles/arrays.js';
import { listClassFolders } from '../../datafiles/class-folders.js';
import { readCsvList } from '../../datafiles/csv.js';
import { listParquet } from '../../datafiles/parquet.js';
import type { FileSource } from '../../datasets/source.js';
import type { DatasetSpec } from '../../ir/program.js';
import { assertNever } from '../../ir/types.js';
import { createHash } from '../../platform/hash.js';
import type { Dataset, ImageSet } from './dataset.js';
import { compareClasses } from './listed-pictures.js';
import type { OpenOptions } from './open-options.js';
import { rowsOf } from './parquet-pictures.js';
import { filesBelow } from './picture-files.js';
import { openPictures } from './pictures.js';
import { resizeDataset } from './resize-set.js';
import { withValidation } from './validation.js';

const NO_IMAGES = { images: new Uint8Array(0), labels: new Int32Array(0) };

/** The images of two sets of one size. */
function joined(a: ImageSet, b: ImageSet): ImageSet {
  const images = new Uint8Array(a.images.length + b.images.length);
  images.set(a.images);
  images.set(b.images, a.images.length);
  return { images, labels: Int32Array.from([...a.labels, ...b.labels]), count: a.count + b.count, shape: a.shape };
}

/** Arrays as a data set. Throws UserError AMP7017 for classes that are not those of the run. */
function openArrays(spec: DatasetSpec, place: string, { image, classes, splits }: LabelledArrays, options: OpenOptions): Dataset {
  compareClasses(place, classes, options.classes);
  const hash = createHash('sha256');
  const setOf = ({ images, labels, further }: LabelledArrays['splits']['train']): ImageSet => {
    hash.update(images).update(new Uint8Array(labels.buffer));
    for (const { buffer } of Object.values(further ?? {})) hash.update(new Uint8Array(buffer));
    return { images, labels, count: labels.length, shape: [...image], further };
  };
  const [train, test] = options.whole
    ? [setOf(NO_IMAGES), joined(setOf(splits.train), setOf(splits.test))]
    : [setOf(splits.train), setOf(splits.test)];
  const all = { name: spec.name, classes, train, test, content: hash.digest('hex').slice(0, 12) };
  return resizeDataset(spec, withValidation(all, spec.validation));
}

function placeOf({ place }: OpenOptions): string {
  if (place === undefined) throw new Error('a data set of files has a place');
  return place;
}

/** A data set that lies in files of one's own. Throws UserError as the reader of its kind. */
export async function openFiles(spec: DatasetSpec, source: FileSource, options: OpenOptions): Promise<Dataset> {
  switch (source.kind) {
    case 'folder':
      return openPictures(spec, filesBelow(placeOf(options)), listClassFolders(placeOf(options), spec.split), options);
    case 'csv': {
      const { root, ...listed } = readCsvList(placeOf(options), spec.split);
      return openPictures(spec, filesBelow(root, placeOf(options)), listed, options);
    }
    case 'parquet': {
      const listed = listParquet(placeOf(options), source, spec.split);
      return openPictures(spec, rowsOf(listed), listed, options);
    }
    case 'npz':
      return openArrays(spec, placeOf(options), readNumpy(placeOf(options), spec.split, spec.inputs), options);
    case 'idx':
      return openArrays(spec, placeOf(options), readIdxFolder(placeOf(options), spec.split), options);
    default:
      return assertNever(source);
  }
}
