import { type ListedImage, listClassFolders } from '../../datafiles/class-folders.js';
import type { FileSource } from '../../datasets/source.js';
import { notInBrowser } from '../../files/not-here.js';
import type { DatasetSpec } from '../../ir/program.js';
import { elementCount } from '../../ir/types.js';
import { readFileSync } from '../../platform/files.js';
import { createHash } from '../../platform/hash.js';
import { join } from '../../platform/path.js';
import type { Dataset, ImageSet } from './dataset.js';
import { type Broken, compareClasses, divided, judge, listedOf } from './listed-pictures.js';
import type { OpenOptions } from './open-options.js';
import { decodePicture } from './picture.js';

/** Listed pictures, all decoded at once: a page has neither threads that share memory, nor a cache. Throws UserError as `openPictures`. */
async function openFolder(spec: DatasetSpec, root: string, options: OpenOptions): Promise<Dataset> {
  const { onNotice, onProgress, signal, whole = false } = options;
  const folders = listClassFolders(root, spec.split);
  compareClasses(root, folders.classes, options.classes);
  if (folders.unused !== undefined) onNotice?.(`${root}: ${folders.unused}`);
  const { tested, listed } = listedOf(folders.images, whole);
  const decoded = new Map<ListedImage, Uint8Array>();
  const broken: Broken[] = [];
  for (const [index, image] of listed.entries()) {
    signal?.throwIfAborted();
    try {
      decoded.set(image, await decodePicture(readFileSync(join(root, image.path)), spec.image, spec.size));
    } catch (error) {
      broken.push({ path: image.path, why: (error as Error).message });
    }
    onProgress?.(index + 1, listed.length);
  }
  judge({ by: root, holds: 'holds', what: 'file' }, folders, broken, spec, onNotice);
  const bytes = elementCount(spec.image);
  const take = async (part: readonly ListedImage[]): Promise<ImageSet> => {
    const usable = part.filter((image) => decoded.has(image));
    const images = new Uint8Array(usable.length * bytes);
    for (const [place, image] of usable.entries()) images.set(decoded.get(image)!, place * bytes);
    const files = usable.map(({ path }) => join(root, path));
    return { images, labels: Int32Array.from(usable, ({ label }) => label), count: usable.length, shape: [...spec.image], files };
  };
  const contentOf = (used: readonly ListedImage[]): string => {
    const hash = createHash('sha256');
    for (const image of used) if (decoded.has(image)) hash.update(decoded.get(image)!);
    return hash.digest('hex').slice(0, 12);
  };
  return divided(spec, root, { ...folders, images: { train: folders.images.train, test: tested } }, whole, { take, contentOf });
}

export async function openFiles(spec: DatasetSpec, { kind, path }: FileSource, options: OpenOptions): Promise<Dataset> {
  if (kind === 'folder' && options.place !== undefined) return openFolder(spec, options.place, options);
  throw notInBrowser(`${kind}(${JSON.stringify(path)})`, 'give train() the images as `batches`, or use a data set that is known by name');
}
