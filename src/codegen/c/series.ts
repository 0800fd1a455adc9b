import { type Draw, IMAGE_CHANGES, type ImageChange, type ImageMix } from '../../datasets/augmentation.js';
import type { FunctionLayout } from './layout.js';
import { type CRecord, declareRecord } from './record.js';

/** Inputs that a series knows how to fill. */
const FILLED = ['image', 'label', 'target', 'lr', 'step'] as const;

/**
 * What a series is asked for: how many calls, the images' shape, how many draws change each image, whether each is joined with another
 * (0 or 1), and the key and epoch of the random words.
 */
export const SERIES_REQUEST = {
  name: 'series_request',
  fields: {
    calls: 'int32_t',
    height: 'int32_t',
    width: 'int32_t',
    channels: 'int32_t',
    draws: 'int32_t',
    mixed: 'int32_t',
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

/** One call: the function's number, its learning rate and step. */
export const SERIES_CALL = {
  name: 'series_call',
  fields: { function: 'int32_t', rate: 'float', step: 'int32_t' },
} as const satisfies CRecord<string>;

const changeName = (change: ImageChange): string => `CHANGE_${change.toUpperCase()}`;

const DECLARATIONS = [
  declareRecord(SERIES_REQUEST),
  declareRecord(IMAGE_DRAW),
  declareRecord(IMAGE_MIX),
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
  const image_mix *mixes;
} image_source;

#define NO_IMAGE UINT32_MAX
#define IMAGES_PER_TASK 4

INLINE void mirror(uint8_t *to, const uint8_t *from, int64_t pixels, size_t channels) {
  for (int64_t x = 0; x < pixels; x++) memcpy(to + (size_t)x * channels, from + (size_t)(pixels - 1 - x) * channels, channels);
}

/* How an image is changed: its window starts (down, right) pixels into it, zero where it leaves the image; mirrored on demand. */
typedef struct { int64_t down, right; int mirrored; } image_change;

/* Row y of an image, changed. */
static void copy_row(const series_request *request, const uint8_t *image, uint8_t *to, image_change change, int64_t y) {
  const int64_t height = request->height, width = request->width, channels = request->channels, row = width * channels;
  const int64_t right = change.right, line = y + change.down;
  const int64_t outside = min64(width, right < 0 ? -right : right), pixels = width - outside;
  const int64_t first = right > 0 ? right : 0;
  const int64_t zeros_left = (right > 0) == change.mirrored ? outside : 0, zeros_right = outside - zeros_left;
  if (line < 0 || line >= height || pixels == 0) {
    memset(to, 0, (size_t)row);
    return;
  }
  const uint8_t *from = image + line * row + first * channels;
  uint8_t *const start = to + zeros_left * channels;
  memset(to, 0, (size_t)(zeros_left * channels));
  if (!change.mirrored) memcpy(start, from, (size_t)(pixels * channels));
  else if (channels == 3) mirror(start, from, pixels, 3);
  else if (channels == 1) mirror(start, from, pixels, 1);
  else mirror(start, from, pixels, (size_t)channels);
  memset(start + pixels * channels, 0, (size_t)(zeros_right * channels));
}

/* What is drawn from a word of an image. */
INLINE int32_t drawn(const image_draw *draw, uint32_t word) {
  const uint32_t bits = word >> draw->from & ((UINT32_C(1) << draw->bits) - 1);
  return (int32_t)((bits * draw->choices) >> draw->bits) + draw->least;
}

static image_change change_of(const image_source *source, uint32_t number) {
  const series_request *const request = source->request;
  const vu words = random_words(request->seed, request->stream, 2 * (int64_t)number, request->epoch);
  int32_t change[CHANGES] = {0};
  for (const image_draw *draw = source->draws; draw < source->draws + request->draws; draw++)
    change[draw->of] += drawn(draw, words[draw->word]);
  return (image_change){change[CHANGE_DOWN], change[CHANGE_RIGHT], change[CHANGE_MIRRORED] & 1};
}

/* Joins another image with one, a row at a time. */
static void blend(const image_source *source, const image_mix *mix, uint8_t *to) {
  const series_request *const request = source->request;
  const int64_t row = (int64_t)request->width * request->channels;
  const uint8_t *const image = source->images + (int64_t)mix->other * request->height * row;
  const image_change change = change_of(source, mix->other);
  uint8_t other[row];
  for (int64_t y = mix->top; y < mix->bottom; y++) {
    copy_row(request, image, other, change, y);
    const uint32_t kept = (uint32_t)mix->kept;
    for (int64_t i = (int64_t)mix->left * request->channels; i < (int64_t)mix->right * request->channels; i++)
      to[y * row + i] = (uint8_t)((to[y * row + i] * kept + other[i] * (65536 - kept) + 32768) >> 16);
  }
}

/* p: the source, the batch's pixels, its labels, its first place in the order, its size, its targets or nothing, their classes. */
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
      const image_change change = change_of(source, number);
      const int64_t row = (int64_t)request->width * request->channels;
      for (int64_t y = 0; y < request->height; y++) copy_row(request, image, to + y * row, change, y);
    }
    const image_mix *const mix = request->mixed && number != NO_IMAGE ? source->mixes + (order - source->order) + slot : NULL;
    if (mix != NULL) blend(source, mix, to);
    if (p[5] == NULL) continue;
    const int64_t classes = *(const int64_t *)p[6];
    float *const target = (float *)p[5] + slot * classes;
    memset(target, 0, (size_t)classes * sizeof(float));
    if (number == NO_IMAGE) continue;
    const float share = mix == NULL ? 1.0f : mix->share;
    target[source->labels[number]] = share;
    target[source->labels[mix == NULL ? number : mix->other]] += 1.0f - share;
  }
}

/*
 * Runs the calls one after another: each takes its batch from the next places of the order, and leaves OUTPUTS doubles, its seconds last.
 * Numbers in the order must be in range.
 */
EXPORT void ampc_series(
  ampc_context *ctx, const series_request *request, const void *images, const int32_t *labels, const uint32_t *order,
  const image_draw *draws, const image_mix *mixes, const series_call *calls, char *inputs, double *outputs) {
  const image_source source = {request, images, labels, order, draws, mixes};
  double before = seconds_now();
  thread_number = 0;
  for (int32_t i = 0; i < request->calls; i++, calls++, outputs += OUTPUTS) {
    const function_inputs *const at = &inputs_of[calls->function];
    int64_t batch = at->batch, classes = at->classes;
    void *const target = at->target < 0 ? NULL : inputs + at->target;
    void *const p[] = {(void *)&source, inputs + at->image, inputs + at->label, (void *)order, &batch, target, &classes};
    parallel_for(ctx, fill_images, p, (batch + IMAGES_PER_TASK - 1) / IMAGES_PER_TASK);
    order += batch;
    if (at->lr >= 0) memcpy(inputs + at->lr, &calls->rate, sizeof(float));
    if (at->step >= 0) memcpy(inputs + at->step, &calls->step, sizeof(int32_t));
    call_function(ctx, calls->function, inputs, outputs, 0);
    const double now = seconds_now();
    outputs[OUTPUTS - 1] = now - before;
    before = now;
  }
}
`;

/** Whether a series fills all inputs of a function: u8 images, their labels, and perhaps targets, a learning rate and the step. */
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
    const classes = layout.inputs.get('target')?.type.shape[1] ?? 0;
    return `  {${[batch, classes, ...FILLED.map((name) => layout.inputs.get(name)?.offset ?? -1)].join(', ')}},`;
  });
  return [
    '/* Batch size of each function, the classes of its targets, and where its inputs are, in bytes; -1 for those that it has not. */',
    `typedef struct { int64_t batch, classes, ${FILLED.join(', ')}; } function_inputs;`,
    'static const function_inputs inputs_of[] = {',
    ...rows,
    '};',
    `#define OUTPUTS ${seriesOutputs(functions)}`,
    DECLARATIONS,
    SERIES,
  ].join('\n');
}
