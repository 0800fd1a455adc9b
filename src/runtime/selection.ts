import { fitsSeries } from '../codegen/c/series.js';
import type { Slot } from '../codegen/slots.js';
import { elementCount, sameShape } from '../ir/types.js';
import { type BatchSelection, type ImageAugmentation, NO_IMAGE, type SeriesCall } from './backend.js';

/** What a series has to know of a function that it calls. */
interface Layout {
  readonly name: string;
  readonly inputs: ReadonlyMap<string, Slot>;
}

/** What makes batches follows the order wherever it leads, so everything is checked before. Throws an Error where it does not fit. */
export function checkSelection({ source, order, mixes = [], places: at }: BatchSelection, layouts: readonly Layout[]): void {
  let places = 0;
  for (const layout of layouts) {
    const shape = layout.inputs.get('image')?.type.shape;
    if (shape === undefined || !fitsSeries(layout)) throw new Error(`${layout.name} cannot run in a series`);
    if (!sameShape(shape.slice(1), source.shape)) throw new Error(`${layout.name} takes images [${shape.slice(1)}], not [${source.shape}]`);
    places += shape[0]!;
  }
  if (order.length !== places) throw new Error(`an order of ${order.length} images for ${places} places`);
  const count = source.labels.length;
  const bytes = elementCount(source.shape);
  if (at === undefined && source.images.length !== count * bytes) throw new Error(`${count} labels do not fit the images`);
  const wrong = order.find((number) => number >= count && number !== NO_IMAGE);
  const other = mixes.find((mix) => mix.other >= count);
  if (other !== undefined) throw new Error(`there is no image ${other.other} among ${count}`);
  if (mixes.length > 0 && mixes.length !== places) throw new Error(`${mixes.length} images to join with those of ${places} places`);
  for (const list of at === undefined ? [] : [at.own, at.others]) {
    if (list.length !== places) throw new Error(`${list.length} places of images for ${places} of batches`);
    const beyond = list.find((place) => (place + 1) * bytes > source.images.length);
    if (beyond !== undefined) throw new Error(`there is no place ${beyond} among ${source.images.length / bytes}`);
  }
  if (wrong !== undefined) throw new Error(`there is no image ${wrong} among ${count}`);
}

export const AS_THEY_ARE: ImageAugmentation = { draws: [], fill: 'zero', ops: [], blank: new Uint8Array(1), seed: 0, stream: 0, epoch: 0 };

/** The learning rates of each call, in the order of the inputs that have them; one that a call has not is of no function's input. */
export function packRates(calls: readonly SeriesCall[], inputs: readonly string[]): Float32Array {
  const width = Math.max(1, inputs.length);
  const packed = new Float32Array(calls.length * width);
  for (const [i, { rates }] of calls.entries()) for (const [k, name] of inputs.entries()) packed[i * width + k] = rates[name] ?? 0;
  return packed;
}
