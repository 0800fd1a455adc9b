import type { FileSource } from '../../datasets/source.js';
import { given } from '../../given.js';
import { type Words, word } from '../setting.js';

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
