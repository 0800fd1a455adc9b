import { IMAGE_OP, IMAGE_ROW } from '../../codegen/c/image-ops.js';
import type { FunctionLayout } from '../../codegen/c/layout.js';
import { packRecords } from '../../codegen/c/record.js';
import { fitsSeries, IMAGE_DRAW, IMAGE_MIX, SERIES_CALL, SERIES_REQUEST } from '../../codegen/c/series.js';
import { IMAGE_CHANGES } from '../../datasets/augmentation.js';
import { PRIMITIVES } from '../../datasets/image-ops.js';
import { elementCount, sameShape } from '../../ir/types.js';
import { type BatchSelection, type ImageAugmentation, NO_IMAGE, type SeriesCall } from '../backend.js';

interface CalledFunction {
  readonly index: number;
  readonly layout: FunctionLayout;
}

/** C follows the order wherever it leads, so everything is checked before. */
function checkSelection({ source, order, mixes = [], places: at }: BatchSelection, functions: readonly CalledFunction[]): void {
  let places = 0;
  for (const { layout } of functions) {
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

const AS_THEY_ARE: ImageAugmentation = { draws: [], fill: 'zero', ops: [], blank: new Uint8Array(1), seed: 0, stream: 0, epoch: 0 };

/** Tables are the same for every series of a run. */
const packedOps = new WeakMap<ImageAugmentation['ops'], Pick<PackedSeries, 'ops' | 'rows'>>();

function packOps(ops: ImageAugmentation['ops']): Pick<PackedSeries, 'ops' | 'rows'> {
  const before = packedOps.get(ops);
  if (before !== undefined) return before;
  let first = 0;
  const heads = ops.map(({ stream, chance, rows, together }) => {
    first += rows.length;
    return { stream, chance, first: first - rows.length, rows: rows.length, together };
  });
  const rows = ops.flatMap((op) =>
    op.rows.map(({ primitive, numbers: [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] }) => ({
      primitive: PRIMITIVES.indexOf(primitive),
      ...{ a, b, c, d, e, f },
    })),
  );
  const packed = { ops: packRecords(IMAGE_OP, heads), rows: packRecords(IMAGE_ROW, rows) };
  packedOps.set(ops, packed);
  return packed;
}

/** The request, the draws of each image, what each place's is joined with, and the calls, as `ampc_series` reads them. */
export interface PackedSeries {
  readonly request: ArrayBuffer;
  readonly draws: ArrayBuffer;
  readonly mixes: ArrayBuffer;
  readonly ops: ArrayBuffer;
  readonly rows: ArrayBuffer;
  readonly blank: Uint8Array;
  readonly calls: ArrayBuffer;
}

/** The learning rates of each call, in the order of the inputs that have them; one that a call has not is of no function's input. */
export function packRates(calls: readonly SeriesCall[], inputs: readonly string[]): Float32Array {
  const width = Math.max(1, inputs.length);
  const packed = new Float32Array(calls.length * width);
  for (const [i, { rates }] of calls.entries()) for (const [k, name] of inputs.entries()) packed[i * width + k] = rates[name] ?? 0;
  return packed;
}

/** Throws an Error when the calls do not fit the functions or the images. */
export function packSeries(batches: BatchSelection, calls: readonly SeriesCall[], functions: readonly CalledFunction[]): PackedSeries {
  checkSelection(batches, functions);
  const [height, width, channels] = batches.source.shape as readonly [number, number, number];
  const { draws, ops, blank, fill, seed, stream, epoch } = batches.augment ?? AS_THEY_ARE;
  const key = { seed, stream, epoch, reflect: Number(fill === 'reflect'), mixed: Number(batches.mixes !== undefined) };
  return {
    request: packRecords(SERIES_REQUEST, [{ calls: calls.length, height, width, channels, draws: draws.length, ops: ops.length, ...key }]),
    ...packOps(ops),
    blank,
    draws: packRecords(
      IMAGE_DRAW,
      draws.map((draw) => ({ ...draw, of: IMAGE_CHANGES.indexOf(draw.of) })),
    ),
    mixes: packRecords(IMAGE_MIX, batches.mixes ?? []),
    calls: packRecords(
      SERIES_CALL,
      calls.map(({ step }, i) => ({ function: functions[i]!.index, step })),
    ),
  };
}
