import type { ImageSet } from '../training/data/dataset.js';
import type { EvaluationDetails } from '../training/evaluation-details.js';
import type { EvaluateOptions } from './model-options.js';

/** Says of a run where its test images are others than when it was trained: `then` and `limit` are those of the run. */
export function tellChanges(
  count: number,
  then: number | undefined,
  limit: number | undefined,
  { onNotice, limit: asked }: Pick<EvaluateOptions, 'onNotice' | 'limit'>,
): void {
  if (then !== undefined && then !== count)
    onNotice?.(
      `warning: there are ${count} test images, and ${then} when the run was trained: the scores are not those of the same images`,
    );
  if (limit !== undefined && asked === undefined && limit < count)
    onNotice?.(`the run was trained with --limit ${limit}, and tested on as many; this is of all ${count} test images`);
}

/** The mistakes by their places in the whole set. */
export function inWhole({ worst, ...details }: EvaluationDetails, { numbers }: ImageSet): EvaluationDetails {
  return { ...details, worst: worst.map((mistake) => ({ ...mistake, index: numbers?.[mistake.index] ?? mistake.index })) };
}

/** Pictures of the worst mistakes, which have their places in this set. */
export async function picturesOf(
  set: ImageSet,
  { worst }: EvaluationDetails,
  longest: number,
): Promise<{ readonly pictures?: readonly Uint8Array[] }> {
  const { isPicture, setPicture } = await import('../training/data/set-picture.js');
  if (!isPicture(set.shape)) return {};
  const pictures: Uint8Array[] = [];
  for (const { index } of worst) pictures.push(await setPicture(set, index, longest));
  return { pictures };
}
