import type { FileSource } from '../../datasets/source.js';
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
} satisfies Words<FileSource>;
