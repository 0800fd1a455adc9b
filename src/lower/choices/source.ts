import { DATASETS, SHAPES_SIDE } from '../../datasets/registry.js';
import type { DataSource, FileSource } from '../../datasets/source.js';
import { given } from '../../given.js';
import { type Word, type Words, word } from '../setting.js';

/** What `dataset` takes besides the names of data sets: kinds of files, with where they are. */
export const FILE_SOURCES = {
  folder: word(
    'pictures in a subfolder for each class, in `train` and `test` (or `val`), or in one tree with `split`',
    {
      path: { kind: 'text', doc: 'the folder, from that of the `.amp` file; `--data` names another' },
      channels: { kind: 'int', default: 3, min: 1, max: 4, doc: '1: grey, 3: colour, 2 and 4: with transparency' },
    },
    ({ path, channels }) => ({ kind: 'folder', path, channels }),
  ),
  csv: word(
    'pictures in a list with the columns `path` and `label`, and `split` (train or test) unless the setting `split` divides them',
    {
      path: { kind: 'text', doc: "the list, from the folder of the `.amp` file; the pictures' paths are from that of the list" },
      channels: { kind: 'int', default: 3, min: 1, max: 4, doc: 'as in `folder`' },
    },
    ({ path, channels }) => ({ kind: 'csv', path, channels }),
  ),
  parquet: word(
    'Parquet files as Hugging Face has them: in each row an encoded picture and, as a whole number, its label',
    {
      path: {
        kind: 'text',
        doc: 'a file, a folder with such files, or a pattern of names such as `data/*.parquet`; `--data` names others',
      },
      channels: { kind: 'int', default: 3, min: 1, max: 4, doc: 'as in `folder`' },
      image: { kind: 'text', optional: true, doc: 'the column of pictures; else `image`, `img`, or the only one of bytes' },
      label: { kind: 'text', optional: true, doc: 'the column of labels; else `label`, `labels` or `fine_label`' },
    },
    ({ path, channels, image, label }) => ({ kind: 'parquet', path, channels, ...given({ image, label }) }),
  ),
  npz: word(
    'arrays of numpy: images as bytes [n, height, width] or [n, height, width, channels], and whole numbers as labels',
    { path: { kind: 'text', doc: 'an `.npz` file, or a folder of `.npy` files' } },
    ({ path }) => ({ kind: 'npz', path }),
  ),
  idx: word("IDX files with MNIST's names, packed or not", { path: { kind: 'text', doc: 'the folder that they lie in' } }, ({ path }) => ({
    kind: 'idx',
    path,
  })),
} satisfies Words<FileSource>;

/** Sides up to which `shapes` has as many images as at its own size; larger ones would take long to draw, and much memory. */
const MANY_UP_TO = 64;
const FEW = 1000;

/** The data set `shapes` with arguments: it is drawn as they say. */
export const SHAPES_CALL = word(
  'ten kinds of drawn shapes at any size; image by image the same as the data set `shapes`, in more pixels',
  {
    size: { kind: 'int', default: SHAPES_SIDE, min: 16, max: 1024, doc: 'rows and columns of the images' },
    images: {
      kind: 'int',
      optional: true,
      min: 10,
      max: 1_000_000,
      doc: `training images, a fifth as many for testing; else 10,000, and ${FEW.toLocaleString('en')} of sizes above ${MANY_UP_TO}`,
    },
  },
  ({ size, images }): DataSource => {
    const own = DATASETS.shapes.images;
    const train = images ?? (size <= MANY_UP_TO ? own.train : FEW);
    if (size === SHAPES_SIDE && train === own.train) return { kind: 'known', name: 'shapes' };
    return { kind: 'drawn', side: size, images: { train, test: Math.ceil(train / 5) } };
  },
) satisfies Word<DataSource>;
