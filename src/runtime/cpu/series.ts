import type { FunctionLayout } from '../../codegen/c/layout.js';
import { fitsSeries } from '../../codegen/c/series.js';
import { elementCount, sameShape } from '../../ir/types.js';
import { type BatchSelection, NO_IMAGE, type SeriesCall } from '../backend.js';

interface CalledFunction {
  readonly index: number;
  readonly layout: FunctionLayout;
}

/** Bytes of `series_call`: function, learning rate, step. */
const CALL_BYTES = 12;

/** C follows the order wherever it leads, so everything is checked before. */
function checkSelection({ source, order }: BatchSelection, functions: readonly CalledFunction[]): void {
  let places = 0;
  for (const { layout } of functions) {
    const shape = layout.inputs.get('image')?.type.shape;
    if (shape === undefined || !fitsSeries(layout)) throw new Error(`${layout.name} cannot run in a series`);
    if (!sameShape(shape.slice(1), source.shape)) throw new Error(`${layout.name} takes images [${shape.slice(1)}], not [${source.shape}]`);
    places += shape[0]!;
  }
  if (order.length !== places) throw new Error(`an order of ${order.length} images for ${places} places`);
  const count = source.labels.length;
  if (source.images.length !== count * elementCount(source.shape)) throw new Error(`${count} labels do not fit the images`);
  const wrong = order.find((number) => number >= count && number !== NO_IMAGE);
  if (wrong !== undefined) throw new Error(`there is no image ${wrong} among ${count}`);
}

/** The request and the calls as `ampc_series` reads them. Throws an Error when they do not fit the functions or the images. */
export function packSeries(
  batches: BatchSelection,
  calls: readonly SeriesCall[],
  functions: readonly CalledFunction[],
): { readonly request: Int32Array; readonly calls: ArrayBuffer } {
  checkSelection(batches, functions);
  const { source, augment } = batches;
  const { flip = false, cropPadding = 0, seed = 0, stream = 0, epoch = 0 } = augment ?? {};
  const sizes = [calls.length, ...source.shape];
  const request = Int32Array.from([...sizes, augment === undefined ? 0 : 1, flip ? 1 : 0, cropPadding, seed, stream, epoch]);
  const packed = new DataView(new ArrayBuffer(calls.length * CALL_BYTES));
  for (const [i, { lr, step }] of calls.entries()) {
    packed.setInt32(i * CALL_BYTES, functions[i]!.index, true);
    packed.setFloat32(i * CALL_BYTES + 4, lr, true);
    packed.setInt32(i * CALL_BYTES + 8, step, true);
  }
  return { request, calls: packed.buffer };
}
