import { userError } from '../../diagnostics/diagnostic.js';
import type { DatasetSpec } from '../../ir/program.js';
import { createHash } from '../../platform/hash.js';
import type { Dataset, ImageSet } from './dataset.js';
import { withValidation } from './validation.js';

/** Images of the size that the file says, and what each shows. */
export interface ImageBatch {
  /** One after the other, each row by row with its channels together: n * height * width * channels bytes. */
  readonly images: Uint8Array;
  /** Labels, from 0. */
  readonly labels: ArrayLike<number>;
}

/** Batches of any sizes, from wherever they come. They are read once. */
export type Batches = Iterable<ImageBatch> | AsyncIterable<ImageBatch>;

/** A data set that a program makes. */
export interface BatchData {
  readonly train: Batches;
  readonly test: Batches;
  /** Names by label; default: the numbers. */
  readonly classes?: readonly string[] | undefined;
}

function refuse(what: string, why: string): never {
  throw userError('AMP7031', `${what} cannot be used`, why, 'give whole images of the size that the file says, each with its label');
}

/** All images of some batches. Throws UserError AMP7031 for batches that are no images of that shape with their labels. */
export async function collectBatches(
  batches: Batches,
  shape: readonly number[],
  what: string,
  classes = Number.POSITIVE_INFINITY,
): Promise<ImageSet> {
  const bytes = shape.reduce((product, size) => product * size, 1);
  const parts: ImageBatch[] = [];
  let count = 0;
  for await (const { images, labels } of batches) {
    const name = `batch ${parts.length + 1} of the ${what} images`;
    if (!(images instanceof Uint8Array)) return refuse(name, 'its images are no bytes (Uint8Array)');
    if (images.length !== labels.length * bytes)
      return refuse(
        name,
        `${labels.length} images of [${shape.join(', ')}] are ${labels.length * bytes} bytes, and it has ${images.length}`,
      );
    const wrong = Array.from(labels).find((label) => !Number.isInteger(label) || label < 0);
    if (wrong !== undefined) return refuse(name, `it has the label ${wrong}`);
    const beyond = Array.from(labels).find((label) => label >= classes);
    if (beyond !== undefined) return refuse(name, `it has the label ${beyond}, and there are ${classes} classes, from 0 to ${classes - 1}`);
    // Whoever makes batches may use their memory again.
    parts.push({ images: images.slice(), labels: Int32Array.from(labels) });
    count += labels.length;
  }
  if (count === 0) return refuse(`the ${what} images`, 'there are none');
  const set = { images: new Uint8Array(count * bytes), labels: new Int32Array(count), count, shape };
  let at = 0;
  for (const { images, labels } of parts) {
    set.images.set(images, at * bytes);
    set.labels.set(labels, at);
    at += labels.length;
  }
  return set;
}

/** A program's batches as the data set of a file; `known`: how many classes its model has. Throws UserError AMP7031. */
export async function datasetOf(
  { image, name, validation }: DatasetSpec,
  { train, test, classes }: BatchData,
  known?: number,
): Promise<Dataset> {
  const most = classes?.length ?? known;
  const sets = { train: await collectBatches(train, image, 'training', most), test: await collectBatches(test, image, 'test', most) };
  const labels = 1 + [...sets.train.labels, ...sets.test.labels].reduce((most, label) => Math.max(most, label), 0);
  const hash = createHash('sha256');
  for (const { images, labels: numbers } of [sets.train, sets.test]) hash.update(images).update(new Uint8Array(numbers.buffer));
  const names = classes ?? Array.from({ length: labels }, (_, label) => String(label));
  return withValidation({ name, classes: names, ...sets, content: hash.digest('hex').slice(0, 12) }, validation);
}
