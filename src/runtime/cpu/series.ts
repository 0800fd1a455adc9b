import { IMAGE_OP, IMAGE_ROW } from '../../codegen/c/image-ops.js';
import type { FunctionLayout } from '../../codegen/c/layout.js';
import { packRecords } from '../../codegen/c/record.js';
import { IMAGE_DRAW, IMAGE_MIX, SERIES_CALL, SERIES_REQUEST } from '../../codegen/c/series.js';
import { IMAGE_CHANGES } from '../../datasets/augmentation.js';
import { PRIMITIVES } from '../../datasets/image-ops.js';
import type { BatchSelection, ImageAugmentation, SeriesCall } from '../backend.js';
import { AS_THEY_ARE, checkSelection } from '../selection.js';

interface CalledFunction {
  readonly index: number;
  readonly layout: FunctionLayout;
}

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

/** Throws an Error when the calls do not fit the functions or the images. */
export function packSeries(batches: BatchSelection, calls: readonly SeriesCall[], functions: readonly CalledFunction[]): PackedSeries {
  checkSelection(
    batches,
    functions.map(({ layout }) => layout),
  );
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
