/**
 * Puts batches together from images in memory, as `Batcher` in src/training/data does, to the bit. Needs the records of a series and
 * IMAGE_OPS.
 */
export const SERIES_IMAGES = String.raw`
/* Labelled images of one size, which of them make up the batches, and what is drawn to change each on its way into one. */
typedef struct {
  const series_request *request;
  const uint8_t *images;
  const int32_t *labels;
  const uint32_t *order;
  /* Where the image of each place lies, and the one that it is joined with; NULL: by their numbers. */
  const uint32_t *places, *others;
  const image_draw *draws;
  const image_mix *mixes;
  const image_op *ops;
  const image_row *rows;
  /* A byte for each channel, in the place of what is not there. */
  const uint8_t *blank;
} image_source;

#define NO_IMAGE UINT32_MAX
#define IMAGES_PER_TASK 4

INLINE void mirror(uint8_t *to, const uint8_t *from, int64_t pixels, size_t channels) {
  for (int64_t x = 0; x < pixels; x++) memcpy(to + (size_t)x * channels, from + (size_t)(pixels - 1 - x) * channels, channels);
}

/* How an image is changed: its window starts (down, right) pixels into it; mirrored and turned upside down on demand. */
typedef struct { int64_t down, right; int mirrored, upended; } image_change;

/* A place of the image mirrored at its edge pixels, as often as it takes. */
INLINE int64_t reflected(int64_t place, int64_t size) {
  if (size == 1) return 0;
  const int64_t period = 2 * (size - 1), at = ((place % period) + period) % period;
  return at < size ? at : period - at;
}

/* Row y of an image, changed, which goes on as its reflection. */
static void copy_reflected(const series_request *request, const uint8_t *image, uint8_t *to, image_change change, int64_t y) {
  const int64_t height = request->height, width = request->width, channels = request->channels;
  const int64_t line = reflected((change.upended ? height - 1 - y : y) + change.down, height);
  for (int64_t x = 0; x < width; x++, to += channels) {
    const int64_t column = reflected((change.mirrored ? width - 1 - x : x) + change.right, width);
    memcpy(to, image + (line * width + column) * channels, (size_t)channels);
  }
}

/* Row y of an image, changed, with zeros beyond the image. */
static void copy_row(const series_request *request, const uint8_t *image, uint8_t *to, image_change change, int64_t y) {
  const int64_t height = request->height, width = request->width, channels = request->channels, row = width * channels;
  const int64_t right = change.right, line = (change.upended ? height - 1 - y : y) + change.down;
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
  const vu first = random_words(request->seed, request->stream, 2 * (int64_t)number, 0);
  int32_t change[CHANGES] = {0};
  for (const image_draw *draw = source->draws; draw < source->draws + request->draws; draw++)
    if (draw->alternates) change[draw->of] += drawn(draw, first[draw->word]) + (int32_t)(request->epoch & 1);
    else change[draw->of] += drawn(draw, words[draw->word]);
  return (image_change){change[CHANGE_DOWN], change[CHANGE_RIGHT], change[CHANGE_MIRRORED] & 1, change[CHANGE_UPENDED] & 1};
}

/* The order of ops that stand together, drawn from a word of the first: drawOrder in src/datasets/image-ops.ts. */
INLINE void draw_order(int32_t together, uint32_t word, int32_t *order) {
  uint32_t orders = 1;
  for (int32_t i = 0; i < together; i++) {
    order[i] = i;
    orders *= (uint32_t)i + 1;
  }
  uint32_t drawn = (word >> 16) * orders >> 16;
  for (int32_t i = 0; i < together; i++) {
    const uint32_t left = (uint32_t)(together - i);
    const int32_t at = i + (int32_t)(drawn % left), chosen = order[at];
    drawn /= left;
    for (int32_t k = at; k > i; k--) order[k] = order[k - 1];
    order[i] = chosen;
  }
}

/* The ops one after another, those that stand together in an order of their own; each has random words of its own. */
static void change_pixels(const image_source *source, uint32_t number, uint8_t *to, uint8_t *spare) {
  const series_request *const request = source->request;
  canvas image = {to, spare, source->blank, request->height, request->width, request->channels, 0, 0};
  for (const image_op *group = source->ops; group < source->ops + request->ops; group += group->together) {
    int32_t order[MOST_TOGETHER] = {0};
    if (group->together > 1)
      draw_order(group->together, random_words(request->seed, group->stream, 2 * (int64_t)number, request->epoch)[1], order);
    for (int32_t i = 0; i < group->together; i++) {
      const image_op *const op = group + order[i];
      const vu words = random_words(request->seed, op->stream, 2 * (int64_t)number, request->epoch);
      if ((int32_t)(words[0] & 0xffff) >= op->chance) continue;
      image.down = (int32_t)(words[1] & 0xffff);
      image.right = (int32_t)(words[1] >> 16);
      apply_row(&image, source->rows + op->first + (int32_t)((words[0] >> 16) * (uint32_t)op->rows >> 16));
    }
  }
}

/* An image that lies in a place, with all that is drawn for it; spare has room for another. */
static void make_image(const image_source *source, uint32_t number, uint32_t place, uint8_t *to, uint8_t *spare) {
  const series_request *const request = source->request;
  const int64_t row = (int64_t)request->width * request->channels, bytes = request->height * row;
  const uint8_t *const image = source->images + (int64_t)place * bytes;
  if (request->draws == 0) memcpy(to, image, (size_t)bytes);
  else {
    const image_change change = change_of(source, number);
    for (int64_t y = 0; y < request->height; y++)
      if (request->reflect) copy_reflected(request, image, to + y * row, change, y);
      else copy_row(request, image, to + y * row, change, y);
  }
  if (request->ops > 0) change_pixels(source, number, to, spare);
}

/* Joins another image with one; other and spare have room for it. */
static void blend(const image_source *source, const image_mix *mix, uint32_t place, uint8_t *to, uint8_t *other, uint8_t *spare) {
  const series_request *const request = source->request;
  const int64_t row = (int64_t)request->width * request->channels;
  const uint32_t kept = (uint32_t)mix->kept;
  if (mix->top >= mix->bottom || mix->left >= mix->right) return;
  make_image(source, mix->other, place, other, spare);
  for (int64_t y = mix->top; y < mix->bottom; y++)
    for (int64_t i = y * row + (int64_t)mix->left * request->channels; i < y * row + (int64_t)mix->right * request->channels; i++)
      to[i] = (uint8_t)((to[i] * kept + other[i] * (65536 - kept) + 32768) >> 16);
}

/* p: the source, the batch's pixels, its labels, its first place in the order, its size, its targets or nothing, their classes. */
static void fill_images(void *const *p, int64_t task) {
  const image_source *const source = p[0];
  const series_request *const request = source->request;
  const int64_t bytes = (int64_t)request->height * request->width * request->channels;
  const uint32_t *const order = p[3];
  const int64_t end = min64((task + 1) * IMAGES_PER_TASK, *(const int64_t *)p[4]);
  uint8_t *const room = request->ops > 0 || request->mixed ? malloc(2 * (size_t)bytes) : NULL;
  if (room == NULL && (request->ops > 0 || request->mixed)) abort();
  for (int64_t slot = task * IMAGES_PER_TASK; slot < end; slot++) {
    const uint32_t number = order[slot];
    const int64_t at = order - source->order + slot;
    uint8_t *const to = (uint8_t *)p[1] + slot * bytes;
    ((int32_t *)p[2])[slot] = number == NO_IMAGE ? -1 : source->labels[number];
    if (number == NO_IMAGE) memset(to, 0, (size_t)bytes);
    else make_image(source, number, source->places == NULL ? number : source->places[at], to, room);
    const image_mix *const mix = request->mixed && number != NO_IMAGE ? source->mixes + at : NULL;
    if (mix != NULL) blend(source, mix, source->others == NULL ? mix->other : source->others[at], to, room, room + bytes);
    if (p[5] == NULL) continue;
    const int64_t classes = *(const int64_t *)p[6];
    float *const target = (float *)p[5] + slot * classes;
    memset(target, 0, (size_t)classes * sizeof(float));
    if (number == NO_IMAGE) continue;
    const float share = mix == NULL ? 1.0f : mix->share;
    target[source->labels[number]] = share;
    target[source->labels[mix == NULL ? number : mix->other]] += 1.0f - share;
  }
  free(room);
}
`;
