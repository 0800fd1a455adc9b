import { listClassFolders } from '../../datafiles/class-folders.js';
import { readCsvList } from '../../datafiles/csv.js';
import { listParquet } from '../../datafiles/parquet.js';
import type { DatasetSpec } from '../../ir/program.js';
import { rowsOf } from './parquet-pictures.js';
import { pictureSize } from './picture.js';
import { filesBelow, type PictureFiles } from './picture-files.js';

/** The least, the median and the largest of some numbers. */
export type Range = readonly [least: number, median: number, largest: number];

/** In pixels, of the pictures as they are in their files, upright. */
export interface PictureSizes {
  readonly height: Range;
  readonly width: Range;
}

/** Files that are open at once. */
const AT_ONCE = 16;

interface Pictures {
  readonly files: PictureFiles;
  readonly images: Readonly<Record<'train' | 'test', readonly { readonly path: string }[]>>;
}

/** The encoded pictures of a source; undefined for one of arrays. */
function picturesOf({ source, split }: DatasetSpec, place: string): Pictures | undefined {
  switch (source.kind) {
    case 'folder':
      return { files: filesBelow(place), images: listClassFolders(place, split).images };
    case 'csv': {
      const { root, images } = readCsvList(place, split);
      return { files: filesBelow(root), images };
    }
    case 'parquet': {
      const listed = listParquet(place, source, split);
      return { files: rowsOf(listed), images: listed.images };
    }
    default:
      return undefined;
  }
}

function rangeOf(values: readonly number[]): Range {
  const sorted = [...values].sort((a, b) => a - b);
  return [sorted[0]!, sorted[sorted.length >> 1]!, sorted.at(-1)!];
}

/** The sizes of a source's pictures by their headers; undefined for arrays. What cannot be read is passed over. */
export async function measureSizes(spec: DatasetSpec, place: string | undefined): Promise<PictureSizes | undefined> {
  const found = place === undefined ? undefined : picturesOf(spec, place);
  if (found === undefined) return undefined;
  const paths = [...found.images.train, ...found.images.test].map(({ path }) => path);
  const sizes: { readonly width: number; readonly height: number }[] = [];
  const look = async (path: string): Promise<void> => {
    const { read, fileOf } = found.files;
    const picture = read === undefined ? fileOf(path) : read(path);
    if (typeof picture === 'object' && 'why' in picture) return;
    const size = await pictureSize(picture);
    if (size !== undefined) sizes.push(size);
  };
  for (let at = 0; at < paths.length; at += AT_ONCE) await Promise.all(paths.slice(at, at + AT_ONCE).map(look));
  if (sizes.length === 0) return undefined;
  return { height: rangeOf(sizes.map(({ height }) => height)), width: rangeOf(sizes.map(({ width }) => width)) };
}
