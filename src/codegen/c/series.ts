import { type Draw, IMAGE_CHANGES, type ImageChange, type ImageMix } from '../../datasets/augmentation.js';
import { isRate, RATE } from '../../ir/parameter-groups.js';
import { IMAGE_OPS } from './image-ops.js';
import type { FunctionLayout } from './layout.js';
import { type CRecord, declareRecord } from './record.js';
import { SERIES_IMAGES } from './series-images.js';

/** Inputs that a series knows how to fill, besides learning rates. */
const FILLED = ['image', 'label', 'target', 'step'] as const;

/**
 * What a series is asked for: how many calls, the images' shape, how many draws and ops change each image, whether what lies beyond its
 * edges is a reflection and whether each is joined with another (0 or 1), and the key and epoch of the random words.
 */
export const SERIES_REQUEST = {
  name: 'series_request',
  fields: {
    calls: 'int32_t',
    height: 'int32_t',
    width: 'int32_t',
    channels: 'int32_t',
    draws: 'int32_t',
    ops: 'int32_t',
    reflect: 'int32_t',
    mixed: 'int32_t',
    seed: 'uint32_t',
    stream: 'uint32_t',
    epoch: 'uint32_t',
  },
} as const satisfies CRecord<string>;

/** A `Draw`, whose change is its place in IMAGE_CHANGES. */
export const IMAGE_DRAW = {
  name: 'image_draw',
  fields: {
    of: 'int32_t',
    word: 'int32_t',
    from: 'int32_t',
    bits: 'int32_t',
    least: 'int32_t',
    choices: 'uint32_t',
    alternates: 'int32_t',
  },
} as const satisfies CRecord<keyof Draw>;

/** An `ImageMix`. */
export const IMAGE_MIX = {
  name: 'image_mix',
  fields: {
    other: 'uint32_t',
    kept: 'int32_t',
    top: 'int32_t',
    left: 'int32_t',
    bottom: 'int32_t',
    right: 'int32_t',
    share: 'float',
  },
} as const satisfies CRecord<keyof ImageMix>;

/** One call: the function's number and its step. */
export const SERIES_CALL = {
  name: 'series_call',
  fields: { function: 'int32_t', step: 'int32_t' },
} as const satisfies CRecord<string>;

const changeName = (change: ImageChange): string => `CHANGE_${change.toUpperCase()}`;

const DECLARATIONS = [
  declareRecord(SERIES_REQUEST),
  declareRecord(IMAGE_DRAW),
  declareRecord(IMAGE_MIX),
  declareRecord(SERIES_CALL),
  IMAGE_OPS,
  `enum { ${IMAGE_CHANGES.map(changeName).join(', ')}, CHANGES };`,
].join('\n');

/**
 * Calls in a row, whose batches are put together from images in memory; the batches are those of `Batcher` in src/training/data, to the
 * bit. Needs DECLARATIONS, and `function_inputs` and OUTPUTS, which `emitSeries` defines.
 */
const SERIES = String.raw`
/*
 * Runs the calls one after another: each takes its batch from the next places of the order, and leaves OUTPUTS doubles, last
 * the seconds in which its batch was put together, and those of all.
 * Numbers in the order must be in range, and so must places and others, which tell where those images lie, unless they are NULL:
 * then it is by their numbers. Every call has RATES learning rates.
 */
EXPORT void ampc_series(
  ampc_context *ctx, const series_request *request, const void *images, const int32_t *labels, const uint32_t *order,
  const uint32_t *places, const uint32_t *others, const image_draw *draws, const image_mix *mixes, const image_op *ops,
  const image_row *rows, const uint8_t *blank,
  const series_call *calls, const float *rates, char *inputs, double *outputs) {
  const image_source source = {request, images, labels, order, places, others, draws, mixes, ops, rows, blank};
  double before = seconds_now();
  thread_number = 0;
  for (int32_t i = 0; i < request->calls; i++, calls++, rates += RATES, outputs += OUTPUTS) {
    const function_inputs *const at = &inputs_of[calls->function];
    int64_t batch = at->batch, classes = at->classes;
    void *const target = at->target < 0 ? NULL : inputs + at->target;
    void *const p[] = {(void *)&source, inputs + at->image, inputs + at->label, (void *)order, &batch, target, &classes};
    parallel_for(ctx, fill_images, p, (batch + IMAGES_PER_TASK - 1) / IMAGES_PER_TASK);
    outputs[OUTPUTS - 2] = seconds_now() - before;
    order += batch;
    for (int32_t r = 0; r < RATES; r++) {
      if (at->rates[r] >= 0) memcpy(inputs + at->rates[r], &rates[r], sizeof(float));
    }
    if (at->step >= 0) memcpy(inputs + at->step, &calls->step, sizeof(int32_t));
    call_function(ctx, calls->function, inputs, outputs, 0);
    const double now = seconds_now();
    outputs[OUTPUTS - 1] = now - before;
    before = now;
  }
}
`;

/** The inputs of all functions that have learning rates, in the order in which a call of a series has those. */
export function seriesRates(functions: readonly Pick<FunctionLayout, 'inputs'>[]): readonly string[] {
  return [...new Set(functions.flatMap(({ inputs }) => [...inputs.keys()].filter(isRate)))].sort();
}

/** Whether a series fills all inputs of a function: u8 images, their labels, and perhaps targets, learning rates and the step. */
export function fitsSeries({ inputs }: Pick<FunctionLayout, 'inputs'>): boolean {
  const [image, label] = [inputs.get('image')?.type, inputs.get('label')?.type];
  const known = [...inputs.keys()].every((name) => isRate(name) || FILLED.some((filled) => filled === name));
  return known && image?.dtype === 'u8' && image.shape.length === 4 && label?.dtype === 'i32' && label.shape[0] === image.shape[0];
}

/** How far apart the results of a series' calls are: the most scalar outputs of any function, the seconds of the batch and of the call. */
export function seriesOutputs(functions: readonly FunctionLayout[]): number {
  return 2 + Math.max(...functions.map(({ scalars }) => scalars.length));
}

/** What a file needs so that its functions can run in series; empty when none of them can. */
export function emitSeries(functions: readonly FunctionLayout[]): string {
  if (!functions.some(fitsSeries)) return '';
  const rates = seriesRates(functions);
  // No array of C is empty.
  const places = rates.length === 0 ? [RATE] : rates;
  const rows = functions.map((layout) => {
    const batch = fitsSeries(layout) ? layout.inputs.get('image')!.type.shape[0]! : 0;
    const classes = layout.inputs.get('target')?.type.shape[1] ?? 0;
    const offset = (name: string): number => layout.inputs.get(name)?.offset ?? -1;
    return `  {${[batch, classes, ...FILLED.map(offset)].join(', ')}, {${places.map(offset).join(', ')}}},`;
  });
  return [
    '/* Batch size of each function, the classes of its targets, and where its inputs are, in bytes; -1 for those that it has not. */',
    `#define RATES ${places.length}`,
    `typedef struct { int64_t batch, classes, ${FILLED.join(', ')}, rates[RATES]; } function_inputs;`,
    'static const function_inputs inputs_of[] = {',
    ...rows,
    '};',
    `#define OUTPUTS ${seriesOutputs(functions)}`,
    DECLARATIONS,
    SERIES_IMAGES,
    SERIES,
  ].join('\n');
}
