import { join } from 'node:path';
import type { ClassFolders, ListedImage } from '../../datafiles/class-folders.js';
import { userError } from '../../diagnostics/diagnostic.js';
import { notKept, openCache } from '../../files/cache-folder.js';
import type { DatasetSpec } from '../../ir/program.js';
import { parseBytes } from '../../numeric/bytes.js';
import type { Dataset, ImageSet } from './dataset.js';
import { decodePool } from './decode-pool.js';
import { heldBytes } from './held-bytes.js';
import { compareClasses, divided, judge, listedOf } from './listed-pictures.js';
import type { OpenOptions } from './open-options.js';
import type { PictureFiles } from './picture-files.js';
import { PictureStore } from './picture-store.js';
import { PictureSupply } from './picture-supply.js';

/** A set that takes so long to look at that somebody should know. */
const LONG = 20_000;

/** So few are decoded before a thread for it has started. */
const FEW = 48;

async function cacheOf(onNotice: OpenOptions['onNotice']): Promise<string | undefined> {
  try {
    return await openCache('images');
  } catch (error) {
    onNotice?.(notKept(error, 'decoded pictures are'));
    return undefined;
  }
}

/** What all files may take of a set that is decoded before it is used, which finds all that are broken. Throws UserError AMP6054. */
function decodedFirst(): number {
  const { AMPC_DECODE_FIRST: named } = process.env;
  const bytes = named ? parseBytes(named) : 32e6;
  if (bytes !== undefined) return bytes;
  throw userError('AMP6054', `AMPC_DECODE_FIRST is ${named}`, 'it is an amount, such as 32 MB', 'correct or unset AMPC_DECODE_FIRST');
}

/**
 * Listed pictures: decoded, where they are few, one of them may have to be left out, or they can only be read one after another; others are
 * looked at now, and decoded as they are needed. Throws UserError AMP7018 for files that are no pictures, AMP7016 where none is left,
 * AMP7019 for a file that changes meanwhile, and as `PictureStore.open`.
 */
export async function openPictures(
  spec: DatasetSpec,
  files: PictureFiles,
  { classes, images, misplaced, empty, unused }: ClassFolders,
  options: OpenOptions,
): Promise<Dataset> {
  const { root } = files;
  compareClasses(root, classes, options.classes);
  const { onNotice, onProgress, signal, workers, whole = false } = options;
  if (unused !== undefined) onNotice?.(`${files.listed.by}: ${unused}`);
  const { tested, listed } = listedOf(images, whole);
  if (listed.length >= LONG) onNotice?.(`looking at ${listed.length} pictures in ${root}`);
  const shape = [...spec.image];
  const store = await PictureStore.open(
    files,
    listed.map(({ path }) => path),
    {
      decoding: { shape, size: spec.size },
      pool: decodePool(workers ?? (listed.length < FEW ? 0 : undefined)),
      cache: await cacheOf(onNotice),
      onNotice,
      onProgress,
      signal,
    },
  );
  const isSmall = store.fileBytes <= decodedFirst() && heldBytes(listed.length, store.bytes) === listed.length * store.bytes;
  if (isSmall || spec.skipBroken === true || store.isSequential) await store.decodeAll();
  judge(files.listed, { misplaced, empty }, store.broken, spec, onNotice);
  const indexOf = new Map(listed.map((image, index) => [image, index]));
  const take = async (part: readonly ListedImage[]): Promise<ImageSet> => {
    const usable = part.filter((image) => !store.isBroken(indexOf.get(image)!));
    const supply = new PictureSupply(
      store,
      Uint32Array.from(usable, (image) => indexOf.get(image)!),
    );
    const set = {
      labels: Int32Array.from(usable, ({ label }) => label),
      count: usable.length,
      shape,
      files: usable.map(({ path }) => join(root, path)),
    };
    if (usable.length === 0 || isSmall || (store.isSequential && !store.isCached)) {
      await supply.holdAll();
      return { ...set, images: supply.images };
    }
    return {
      ...set,
      supply,
      get images() {
        return supply.images;
      },
    };
  };
  const contentOf = (used: readonly ListedImage[]): string => {
    const content = used.map((image) => indexOf.get(image)!).filter((index) => !store.isBroken(index));
    return store.contentOf(content).slice(0, 12);
  };
  return divided(spec, root, { classes, images: { train: images.train, test: tested }, misplaced, empty }, whole, { take, contentOf });
}
