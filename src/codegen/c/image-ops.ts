import { MOST_TOGETHER, PRIMITIVES } from '../../datasets/image-ops.js';
import { type CRecord, declareRecord } from './record.js';

/** An `ImageOp`: the first key of its random numbers, its chance, where its rows are, and how many stand together from it on. */
export const IMAGE_OP = {
  name: 'image_op',
  fields: { stream: 'uint32_t', chance: 'int32_t', first: 'int32_t', rows: 'int32_t', together: 'int32_t' },
} as const satisfies CRecord<string>;

/** An `ImageRow`, whose primitive is its place in PRIMITIVES. */
export const IMAGE_ROW = {
  name: 'image_row',
  fields: { primitive: 'int32_t', a: 'int32_t', b: 'int32_t', c: 'int32_t', d: 'int32_t', e: 'int32_t', f: 'int32_t' },
} as const satisfies CRecord<string>;

const NAMES = PRIMITIVES.map((name) => `IMAGE_${name.toUpperCase()}`);

/**
 * Changes of the pixels of an image, in whole numbers alone: those of `applyRow` in src/training/data/image-primitives.ts, to the bit.
 * Needs `min64`.
 */
export const IMAGE_OPS = `${declareRecord(IMAGE_OP)}
${declareRecord(IMAGE_ROW)}
enum { ${NAMES.join(', ')} };
#define MOST_TOGETHER ${MOST_TOGETHER}

typedef struct {
  uint8_t *pixels;
  /* Room for as many bytes. */
  uint8_t *spare;
  const uint8_t *blank;
  int64_t height, width, channels;
  int32_t down, right;
} canvas;

INLINE uint8_t clamped(int64_t value) { return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value); }

/* (value - base) times a factor in 1/65536, from the base on. */
INLINE uint8_t blended(int32_t base, int32_t value, int32_t factor) {
  const int32_t result = base + (((value - base) * factor + 32768) >> 16);
  return (uint8_t)(result < 0 ? 0 : result > 255 ? 255 : result);
}

/* Luma of ITU-R 601. */
INLINE int32_t luma(const uint8_t *p) {
  return (int32_t)(((uint32_t)p[0] * 19595u + (uint32_t)p[1] * 38470u + (uint32_t)p[2] * 7471u + 32768u) >> 16);
}

INLINE uint32_t pixel_at(const canvas *image, int64_t row, int64_t column, int64_t channel) {
  if (row < 0 || row >= image->height || column < 0 || column >= image->width) return image->blank[channel];
  return image->spare[(row * image->width + column) * image->channels + channel];
}

INLINE uint8_t bilinear(uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t fx, uint32_t fy) {
  return (uint8_t)(((a * (256 - fx) + b * fx) * (256 - fy) + (c * (256 - fx) + d * fx) * fy + 32768) >> 16);
}

/* A pixel at a place in 1/65536 of a pixel, with weights of 8 bits. */
INLINE void sample(const canvas *image, int64_t x, int64_t y, uint8_t *to) {
  const int64_t left = x >> 16, top = y >> 16, channels = image->channels, line = image->width * channels;
  const uint32_t fx = (uint32_t)(x & 0xffff) >> 8, fy = (uint32_t)(y & 0xffff) >> 8;
  if (left >= 0 && top >= 0 && left + 1 < image->width && top + 1 < image->height) {
    const uint8_t *const p = image->spare + top * line + left * channels, *const q = p + line;
    for (int64_t i = 0; i < channels; i++) to[i] = bilinear(p[i], p[i + channels], q[i], q[i + channels], fx, fy);
    return;
  }
  for (int64_t i = 0; i < channels; i++)
    to[i] = bilinear(
      pixel_at(image, top, left, i), pixel_at(image, top, left + 1, i), pixel_at(image, top + 1, left, i),
      pixel_at(image, top + 1, left + 1, i), fx, fy);
}

static void affine_image(const canvas *image, const image_row *row) {
  const int64_t height = image->height, width = image->width;
  uint8_t *to = image->pixels;
  for (int64_t y = 0; y < height; y++)
    for (int64_t x = 0; x < width; x++, to += image->channels) {
      const int64_t u = 2 * x - (width - 1), v = 2 * y - (height - 1);
      const int64_t from_x = (width - 1) * 32768 + ((row->a * u + row->b * v) >> 1) + row->c;
      const int64_t from_y = (height - 1) * 32768 + ((row->d * u + row->e * v) >> 1) + row->f;
      sample(image, from_x, from_y, to);
    }
}

/* Where pixel \`at\` of \`of\` comes from, of \`size\` pixels. */
INLINE int64_t window_place(int64_t at, int64_t size, int64_t of) {
  const int64_t place = (2 * at + 1) * size * 32768 / of - 32768;
  return place < 0 ? 0 : min64(place, (size - 1) * 65536);
}

static void window_image(const canvas *image, const image_row *row) {
  const int64_t height = image->height, width = image->width;
  const int64_t top = image->down * (height - row->a + 1) / 65536, left = image->right * (width - row->b + 1) / 65536;
  uint8_t *to = image->pixels;
  int64_t columns[width];
  for (int64_t x = 0; x < width; x++) columns[x] = left * 65536 + window_place(x, row->b, width);
  for (int64_t y = 0; y < height; y++) {
    const int64_t line = top * 65536 + window_place(y, row->a, height);
    for (int64_t x = 0; x < width; x++, to += image->channels) sample(image, columns[x], line, to);
  }
}

static void erase_image(const canvas *image, int64_t top, int64_t left, int64_t rows, int64_t columns) {
  for (int64_t y = top < 0 ? 0 : top; y < min64(image->height, top + rows); y++)
    for (int64_t x = left < 0 ? 0 : left; x < min64(image->width, left + columns); x++)
      memcpy(image->pixels + (y * image->width + x) * image->channels, image->blank, (size_t)image->channels);
}

static void sharpen_image(const canvas *image, int32_t factor) {
  const int64_t channels = image->channels, line = image->width * channels;
  const uint8_t *const from = image->spare;
  for (int64_t y = 1; y < image->height - 1; y++)
    for (int64_t at = y * line + channels; at < (y + 1) * line - channels; at++) {
      int32_t sum = 4 * from[at];
      for (int64_t row = at - line; row <= at + line; row += line) sum += from[row - channels] + from[row] + from[row + channels];
      image->pixels[at] = blended((2 * sum + 13) / 26, from[at], factor);
    }
}

/* Each channel through a table that its histogram gives. */
static void map_by_histogram(const canvas *image, int equalize) {
  const int64_t channels = image->channels, bytes = image->height * image->width * channels;
  for (int64_t channel = 0; channel < channels; channel++) {
    int64_t counts[256] = {0}, low = 0, high = 255;
    uint8_t table[256];
    for (int64_t at = channel; at < bytes; at += channels) counts[image->pixels[at]]++;
    while (low < 255 && counts[low] == 0) low++;
    while (high > 0 && counts[high] == 0) high--;
    const int64_t step = (image->height * image->width - counts[high]) / 255;
    if (equalize ? step == 0 : low >= high) continue;
    int64_t below = step / 2;
    for (int64_t value = 0; value < 256; value++) {
      table[value] = clamped(equalize ? below / step : value < low ? 0 : (value - low) * 255 / (high - low));
      below += counts[value];
    }
    for (int64_t at = channel; at < bytes; at += channels) image->pixels[at] = table[image->pixels[at]];
  }
}

static void contrast_image(const canvas *image, int32_t factor) {
  const int64_t pixels = image->height * image->width, bytes = pixels * image->channels;
  const int64_t count = image->channels == 3 ? pixels : bytes;
  int64_t sum = 0;
  if (image->channels == 3)
    for (int64_t at = 0; at < bytes; at += 3) sum += luma(image->pixels + at);
  else
    for (int64_t at = 0; at < bytes; at++) sum += image->pixels[at];
  const int32_t mean = (int32_t)((2 * sum + count) / (2 * count));
  for (int64_t at = 0; at < bytes; at++) image->pixels[at] = blended(mean, image->pixels[at], factor);
}

static void turn_hue(const canvas *image, int32_t turn) {
  /* By the sixth of the circle: which of high, rising, falling and low each channel becomes. */
  static const uint8_t PARTS[6][3] = {{0, 1, 3}, {2, 0, 3}, {3, 0, 1}, {3, 2, 0}, {1, 3, 0}, {0, 3, 2}};
  const int64_t bytes = image->height * image->width * 3;
  for (uint8_t *p = image->pixels; p < image->pixels + bytes; p += 3) {
    const int32_t r = p[0], g = p[1], b = p[2];
    const int32_t high = r > g ? (r > b ? r : b) : (g > b ? g : b), low = r < g ? (r < b ? r : b) : (g < b ? g : b);
    const int32_t chroma = high - low, sixth = chroma * 65536;
    if (chroma == 0) continue;
    const int32_t place = high == r ? g - b : high == g ? 2 * chroma + b - r : 4 * chroma + r - g;
    const int32_t turned = (place * 65536 + turn * chroma + 6 * sixth) % (6 * sixth), rest = turned % sixth;
    const int32_t parts[4] = {high, low + ((rest + 32768) >> 16), (high * 65536 - rest + 32768) >> 16, low};
    for (int32_t i = 0; i < 3; i++) p[i] = (uint8_t)parts[PARTS[turned / sixth][i]];
  }
}

static void apply_row(const canvas *image, const image_row *row) {
  const int64_t bytes = image->height * image->width * image->channels;
  uint8_t *const p = image->pixels;
  const int64_t y = image->down * image->height / 65536, x = image->right * image->width / 65536;
  const int64_t top = image->down * (image->height - row->a + 1) / 65536, left = image->right * (image->width - row->b + 1) / 65536;
  if (row->primitive == IMAGE_AFFINE || row->primitive == IMAGE_WINDOW || row->primitive == IMAGE_SHARPNESS)
    memcpy(image->spare, p, (size_t)bytes);
  switch (row->primitive) {
    case IMAGE_AFFINE: affine_image(image, row); break;
    case IMAGE_WINDOW: window_image(image, row); break;
    case IMAGE_SHARPNESS: sharpen_image(image, row->a); break;
    case IMAGE_CONTRAST: contrast_image(image, row->a); break;
    case IMAGE_HUE:
      if (image->channels == 3) turn_hue(image, row->a);
      break;
    case IMAGE_AUTOCONTRAST: map_by_histogram(image, 0); break;
    case IMAGE_EQUALIZE: map_by_histogram(image, 1); break;
    case IMAGE_BRIGHTNESS:
      for (int64_t at = 0; at < bytes; at++) p[at] = blended(0, p[at], row->a);
      break;
    case IMAGE_SATURATION:
      for (int64_t at = 0; at < bytes && image->channels == 3; at += 3) {
        const int32_t base = luma(p + at);
        for (int64_t i = at; i < at + 3; i++) p[i] = blended(base, p[i], row->a);
      }
      break;
    case IMAGE_GRAYSCALE:
      for (int64_t at = 0; at < bytes && image->channels == 3; at += 3) memset(p + at, (int)luma(p + at), 3);
      break;
    case IMAGE_POSTERIZE:
      for (int64_t at = 0; at < bytes; at++) p[at] = (uint8_t)(p[at] & row->a);
      break;
    case IMAGE_SOLARIZE:
      for (int64_t at = 0; at < bytes; at++) p[at] = (uint8_t)(p[at] >= row->a ? 255 - p[at] : p[at]);
      break;
    case IMAGE_ERASE:
      erase_image(image, top, left, row->a, row->b);
      break;
    case IMAGE_CUTOUT:
      erase_image(image, y - row->a / 2, x - row->a / 2, row->a, row->a);
      break;
    default: break;
  }
}
`;
