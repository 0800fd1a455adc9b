import type { FunctionLayout } from './layout.js';

/** Inputs that a series knows how to fill. */
const FILLED = ['image', 'label', 'lr', 'step'] as const;

/**
 * Calls in a row, whose batches are put together from images in memory; the batches are those of `Batcher` in src/training/data, to the bit.
 * Needs `function_inputs` and OUTPUTS, which `seriesTable` defines.
 */
const SERIES = String.raw`
/* Labelled images of one size, and how each is changed on its way into a batch. */
typedef struct {
  const uint8_t *images, *labels;
  const uint32_t *order;
  int64_t height, width, channels;
  int augment, flip, padding;
  uint32_t seed, stream, epoch;
} image_source;

#define NO_IMAGE UINT32_MAX
#define IMAGES_PER_TASK 4

INLINE void mirror(uint8_t *to, const uint8_t *from, int64_t pixels, size_t channels) {
  for (int64_t x = 0; x < pixels; x++) memcpy(to + (size_t)x * channels, from + (size_t)(pixels - 1 - x) * channels, channels);
}

/* The window that starts (down, right) pixels into the image, zero where it leaves the image; mirrored on demand. */
static void copy_window(const image_source *source, const uint8_t *image, uint8_t *to, int64_t down, int64_t right, int mirrored) {
  const int64_t height = source->height, width = source->width, channels = source->channels, row = width * channels;
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

/* p: the source, the batch's pixels, its labels, its first place in the order, its size. */
static void fill_images(void *const *p, int64_t task) {
  const image_source *const source = p[0];
  const int64_t bytes = source->height * source->width * source->channels;
  const uint32_t *const order = p[3];
  const int64_t end = min64((task + 1) * IMAGES_PER_TASK, *(const int64_t *)p[4]);
  for (int64_t slot = task * IMAGES_PER_TASK; slot < end; slot++) {
    const uint32_t number = order[slot];
    uint8_t *const to = (uint8_t *)p[1] + slot * bytes;
    ((int32_t *)p[2])[slot] = number == NO_IMAGE ? -1 : source->labels[number];
    const uint8_t *const image = source->images + (int64_t)number * bytes;
    if (number == NO_IMAGE) memset(to, 0, (size_t)bytes);
    else if (!source->augment) memcpy(to, image, (size_t)bytes);
    else {
      const vu words = random_words(source->seed, source->stream, 2 * (int64_t)number, source->epoch);
      const uint32_t choices = 2 * (uint32_t)source->padding + 1;
      const int64_t down = (int64_t)(((words[1] & 0xffff) * choices) >> 16) - source->padding;
      const int64_t right = (int64_t)(((words[1] >> 16) * choices) >> 16) - source->padding;
      copy_window(source, image, to, down, right, source->flip && words[0] >> 31 != 0);
    }
  }
}

typedef struct {
  int32_t function;
  float rate;
  int32_t step;
} series_call;

/*
 * Runs the calls one after another: each takes its batch from the next places of the order, and leaves OUTPUTS doubles, its seconds last. The
 * request holds the number of calls, height, width, channels, whether to augment, flip, padding, seed, stream, epoch. Numbers in the order must be in range.
 */
EXPORT void ampc_series(
  ampc_context *ctx, const int32_t *request, const void *images, const void *labels, const uint32_t *order, const series_call *calls,
  char *inputs, double *outputs) {
  image_source source = {
    images, labels, order, request[1], request[2], request[3], request[4], request[5], request[6],
    (uint32_t)request[7], (uint32_t)request[8], (uint32_t)request[9]};
  double before = seconds_now();
  thread_number = 0;
  for (int32_t i = 0; i < request[0]; i++, calls++, outputs += OUTPUTS) {
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
    SERIES,
  ].join('\n');
}
