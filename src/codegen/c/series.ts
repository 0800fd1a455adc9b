import { type Draw, IMAGE_CHANGES, type ImageChange } from '../../datasets/augmentation.js';
import type { FunctionLayout } from './layout.js';
import { type CRecord, declareRecord } from './record.js';

/** Inputs that a series knows how to fill. */
const FILLED = ['image', 'label', 'lr', 'step'] as const;

/**
 * What a series is asked for: how many calls, the images' shape, how many draws change each image, and the key and epoch of its random
 * words.
 */
export const SERIES_REQUEST = {
  name: 'series_request',
  fields: {
    calls: 'int32_t',
    height: 'int32_t',
    width: 'int32_t',
    channels: 'int32_t',
    draws: 'int32_t',
    seed: 'uint32_t',
    stream: 'uint32_t',
    epoch: 'uint32_t',
  },
} as const satisfies CRecord<string>;

/** A `Draw`, whose change is its place in IMAGE_CHANGES. */
export const IMAGE_DRAW = {
  name: 'image_draw',
  fields: { of: 'int32_t', word: 'int32_t', from: 'int32_t', bits: 'int32_t', least: 'int32_t', choices: 'uint32_t' },
} as const satisfies CRecord<keyof Draw>;

/** One call: the function's number, its learning rate and step. */
export const SERIES_CALL = {
  name: 'series_call',
  fields: { function: 'int32_t', rate: 'float', step: 'int32_t' },
} as const satisfies CRecord<string>;

const changeName = (change: ImageChange): string => `CHANGE_${change.toUpperCase()}`;

const DECLARATIONS = [
  declareRecord(SERIES_REQUEST),
  declareRecord(IMAGE_DRAW),
  declareRecord(SERIES_CALL),
  `enum { ${IMAGE_CHANGES.map(changeName).join(', ')}, CHANGES };`,
].join('\n');

/**
 * Calls in a row, whose batches are put together from images in memory; the batches are those of `Batcher` in src/training/data, to the
 * bit. Needs DECLARATIONS, and `function_inputs` and OUTPUTS, which `emitSeries` defines.
 */
const SERIES = String.raw`
/* Labelled images of one size, which of them make up the batches, and what is drawn to change each on its way into one. */
typedef struct {
  const series_request *request;
  const uint8_t *images;
  const int32_t *labels;
  const uint32_t *order;
  const image_draw *draws;
} image_source;

#define NO_IMAGE UINT32_MAX
#define IMAGES_PER_TASK 4

INLINE void mirror(uint8_t *to, const uint8_t *from, int64_t pixels, size_t channels) {
  for (int64_t x = 0; x < pixels; x++) memcpy(to + (size_t)x * channels, from + (size_t)(pixels - 1 - x) * channels, channels);
}

/* The window that starts (down, right) pixels into the image, zero where it leaves the image; mirrored on demand. */
static void copy_window(const series_request *request, const uint8_t *image, uint8_t *to, int64_t down, int64_t right, int mirrored) {
  const int64_t height = request->height, width = request->width, channels = request->channels, row = width * channels;
  const int64_t outside = min64(width, right < 0 ? -right : right), pixels = width - outside;
  const int64_t first = right > 0 ? right : 0;
  const int64_t zeros_left = (right > 0) == mirrored ? outside : 0, zeros_right = outside - zeros_left;
  for (int64_t y = 0; y < height; y++, to += row) {
    const int64_t line = y + down;
    if (line < 0 || line >= height || pixels == 0) {
      memset(to, 0, (size_t)row);
      continue;
    }
    const uint8_t *from = image + line * row + first * channels;
    uint8_t *const start = to + zeros_left * channels;
    memset(to, 0, (size_t)(zeros_left * channels));
    if (!mirrored) memcpy(start, from, (size_t)(pixels * channels));
    else if (channels == 3) mirror(start, from, pixels, 3);
    else if (channels == 1) mirror(start, from, pixels, 1);
    else mirror(start, from, pixels, (size_t)channels);
    memset(start + pixels * channels, 0, (size_t)(zeros_right * channels));
  }
}

/* What is drawn from a word of an image. */
INLINE int32_t drawn(const image_draw *draw, uint32_t word) {
  const uint32_t bits = word >> draw->from & ((UINT32_C(1) << draw->bits) - 1);
  return (int32_t)((bits * draw->choices) >> draw->bits) + draw->least;
}

/* p: the source, the batch's pixels, its labels, its first place in the order, its size. */
static void fill_images(void *const *p, int64_t task) {
  const image_source *const source = p[0];
  const series_request *const request = source->request;
  const int64_t bytes = (int64_t)request->height * request->width * request->channels;
  const uint32_t *const order = p[3];
  const int64_t end = min64((task + 1) * IMAGES_PER_TASK, *(const int64_t *)p[4]);
  for (int64_t slot = task * IMAGES_PER_TASK; slot < end; slot++) {
    const uint32_t number = order[slot];
    uint8_t *const to = (uint8_t *)p[1] + slot * bytes;
    ((int32_t *)p[2])[slot] = number == NO_IMAGE ? -1 : source->labels[number];
    const uint8_t *const image = source->images + (int64_t)number * bytes;
    if (number == NO_IMAGE) memset(to, 0, (size_t)bytes);
    else if (request->draws == 0) memcpy(to, image, (size_t)bytes);
    else {
      const vu words = random_words(request->seed, request->stream, 2 * (int64_t)number, request->epoch);
      int32_t change[CHANGES] = {0};
      for (const image_draw *draw = source->draws; draw < source->draws + request->draws; draw++)
        change[draw->of] += drawn(draw, words[draw->word]);
      copy_window(request, image, to, change[CHANGE_DOWN], change[CHANGE_RIGHT], change[CHANGE_MIRRORED] & 1);
    }
  }
}

/*
 * Runs the calls one after another: each takes its batch from the next places of the order, and leaves OUTPUTS doubles, its seconds last.
 * Numbers in the order must be in range.
 */
EXPORT void ampc_series(
  ampc_context *ctx, const series_request *request, const void *images, const int32_t *labels, const uint32_t *order,
  const image_draw *draws, const series_call *calls, char *inputs, double *outputs) {
  image_source source = {request, images, labels, order, draws};
  double before = seconds_now();
  thread_number = 0;
  for (int32_t i = 0; i < request->calls; i++, calls++, outputs += OUTPUTS) {
    const function_inputs *const at = &inputs_of[calls->function];
    int64_t batch = at->batch;
    void *const p[] = {&source, inputs + at->image, inputs + at->label, (void *)source.order, &batch};
    parallel_for(ctx, fill_images, p, (batch + IMAGES_PER_TASK - 1) / IMAGES_PER_TASK);
    source.order += batch;
    if (at->lr >= 0) memcpy(inputs + at->lr, &calls->rate, sizeof(float));
    if (at->step >= 0) memcpy(inputs + at->step, &calls->step, sizeof(int32_t));
    call_function(ctx, calls->function, inputs, outputs, 0);
    const double now = seconds_now();
    outputs[OUTPUTS - 1] = now - before;
    before = now;
  }
}
`;

/** Whether a function's inputs are those that a series fills: u8 images, their labels, and perhaps a learning rate and the step. */
export function fitsSeries({ inputs }: FunctionLayout): boolean {
  const [image, label] = [inputs.get('image')?.type, inputs.get('label')?.type];
  const known = [...inputs.keys()].every((name) => FILLED.some((filled) => filled === name));
  return known && image?.dtype === 'u8' && image.shape.length === 4 && label?.dtype === 'i32' && label.shape[0] === image.shape[0];
}

/** How far apart the results of a series' calls are: the most scalar outputs of any function, and the call's seconds. */
export function seriesOutputs(functions: readonly FunctionLayout[]): number {
  return 1 + Math.max(...functions.map(({ scalars }) => scalars.length));
}

/** What a file needs so that its functions can run in series; empty when none of them can. */
export function emitSeries(functions: readonly FunctionLayout[]): string {
  if (!functions.some(fitsSeries)) return '';
  const rows = functions.map((layout) => {
    const batch = fitsSeries(layout) ? layout.inputs.get('image')!.type.shape[0]! : 0;
    return `  {${[batch, ...FILLED.map((name) => layout.inputs.get(name)?.offset ?? -1)].join(', ')}},`;
  });
  return [
    '/* Batch size of each function and where its inputs are, in bytes; -1 for those that it has not. */',
    `typedef struct { int64_t batch, ${FILLED.join(', ')}; } function_inputs;`,
    'static const function_inputs inputs_of[] = {',
    ...rows,
    '};',
    `#define OUTPUTS ${seriesOutputs(functions)}`,
    DECLARATIONS,
    SERIES,
  ].join('\n');
}
