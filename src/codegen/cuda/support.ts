import { IMAGE_CHANGES } from '../../datasets/augmentation.js';
import { declareRecord } from '../c/record.js';
import { IMAGE_DRAW, IMAGE_MIX } from '../c/series.js';

/** Calls whose scalars wait on the device, and words of each. */
export const RING = { calls: 1024, words: 16 } as const;

/** Threads of each kernel of the host side. */
export const SUPPORT_THREADS = { ampc_images: 128, ampc_keep: 32, ampc_end: 32, ampc_check: 128 } as const;
export type SupportKernel = keyof typeof SUPPORT_THREADS;

/** Blocks that look through a value for what is not finite. */
export const CHECK_BLOCKS = 64;

/** What a series works on, in the order in which it lies in memory: addresses of arrays, then numbers of 32 bits. */
export const FEED = {
  arrays: ['images', 'labels', 'order', 'own', 'others', 'mixes', 'draws', 'firsts', 'steps', 'rates'],
  numbers: ['height', 'width', 'channels', 'drawn', 'reflect', 'mixed', 'seed', 'stream', 'epoch', 'rates_of_call', 'position', 'unused'],
} as const;

const ARRAY_TYPES: Readonly<Record<(typeof FEED.arrays)[number], string>> = {
  images: 'u8',
  labels: 'i32',
  order: 'u32',
  own: 'u32',
  others: 'u32',
  mixes: 'image_mix',
  draws: 'image_draw',
  firsts: 'u32',
  steps: 'i32',
  rates: 'f32',
};

const NUMBERS = FEED.numbers.map((name) => `u32 ${name};`).join(' ');

const STRUCT = `struct feed_of_series {
${FEED.arrays.map((name) => `  const ${ARRAY_TYPES[name]} *${name};`).join('\n')}
  ${NUMBERS}
};`;

const CHANGES = `enum { ${IMAGE_CHANGES.map((change) => `CHANGE_${change.toUpperCase()}`).join(', ')} };`;

/**
 * Kernels of the host side, the same for every plan: what makes batches (those of `Batcher` in src/training/data, to the bit), keeps
 * scalars, and looks for what is not finite.
 */
export const SUPPORT_KERNELS = [
  'typedef int int32_t;\ntypedef unsigned int uint32_t;',
  declareRecord(IMAGE_DRAW),
  declareRecord(IMAGE_MIX),
  '/* Labelled images, which of them make up the batches of the calls, and what is drawn to change each; position counts the calls. */',
  STRUCT,
  CHANGES,
  String.raw`
/* How an image is changed: its window starts (down, right) pixels into it; mirrored and turned upside down on demand. */
struct image_change { i32 down, right; bool mirrored, upended; };

DEVICE image_change change_of(const feed_of_series *feed, u32 number) {
  i32 sums[4] = {};
  for (u32 i = 0; i < feed->drawn; i++) {
    const image_draw &draw = feed->draws[i];
    const u32 epoch = draw.alternates != 0 ? 0u : feed->epoch;
    const u32 word = random_word(feed->seed, feed->stream, 2u * number + u32(draw.word), epoch);
    const u32 part = word >> u32(draw.from) & ((1u << u32(draw.bits)) - 1u);
    sums[draw.of] += i32(part * draw.choices >> u32(draw.bits)) + draw.least + (draw.alternates != 0 ? i32(feed->epoch & 1u) : 0);
  }
  return {sums[CHANGE_DOWN], sums[CHANGE_RIGHT], (sums[CHANGE_MIRRORED] & 1) != 0, (sums[CHANGE_UPENDED] & 1) != 0};
}

/* A place of the image mirrored at its edge pixels, as often as it takes. */
DEVICE i32 reflected(i32 place, i32 size) {
  if (size == 1) return 0;
  const i32 period = 2 * (size - 1), at = (place % period + period) % period;
  return at < size ? at : period - at;
}

/* Element c of pixel (y, x) of a changed image. */
DEVICE u32 pixel(const feed_of_series *feed, const u8 *image, image_change change, u32 y, u32 x, u32 c) {
  const i32 height = i32(feed->height), width = i32(feed->width);
  i32 line = (change.upended ? height - 1 - i32(y) : i32(y)) + change.down;
  i32 column = (change.mirrored ? width - 1 - i32(x) : i32(x)) + change.right;
  if (feed->reflect != 0u) {
    line = reflected(line, height);
    column = reflected(column, width);
  }
  if (line < 0 || line >= height || column < 0 || column >= width) return 0u;
  return image[(u32(line) * feed->width + u32(column)) * feed->channels + c];
}

/* A block for each image of the batch; the first one also has the learning rates and the number of the step. target may be null. */
KERNEL(128) ampc_images(const feed_of_series *feed, u8 *image, i32 *label, f32 *target, u32 classes, const u64 *rates, u32 count) {
  const u32 slot = block_x(), lid = thread_of_block(), call = feed->position;
  const u32 place = feed->firsts[call] + slot;
  const u32 number = feed->order[place], row = feed->width * feed->channels, bytes = feed->height * row;
  const bool none = number == 0xffffffffu;
  const u64 size = bytes;
  if (slot == 0u && lid < count && rates[lid] != 0u) *(f32 *)rates[lid] = feed->rates[call * feed->rates_of_call + lid];
  if (slot == 0u && lid == 0u && rates[count] != 0u) *(i32 *)rates[count] = feed->steps[call];
  const image_mix *mix = feed->mixed != 0u && !none ? feed->mixes + place : nullptr;
  const u8 *own = nullptr, *other = nullptr;
  image_change change = {}, others_change = {};
  if (!none) {
    own = feed->images + size * (feed->own != nullptr ? feed->own[place] : number);
    change = change_of(feed, number);
  }
  if (mix != nullptr) {
    other = feed->images + size * (feed->others != nullptr ? feed->others[place] : mix->other);
    others_change = change_of(feed, mix->other);
  }
  for (u32 i = lid; i < bytes; i += 128u) {
    const u32 y = i / row, x = i % row / feed->channels, c = i % feed->channels;
    u32 value = none ? 0u : pixel(feed, own, change, y, x, c);
    if (mix != nullptr && i32(y) >= mix->top && i32(y) < mix->bottom && i32(x) >= mix->left && i32(x) < mix->right)
      value = (value * u32(mix->kept) + pixel(feed, other, others_change, y, x, c) * (65536u - u32(mix->kept)) + 32768u) >> 16u;
    image[size * slot + i] = u8(value);
  }
  if (lid == 0u) label[slot] = none ? -1 : feed->labels[number];
  if (target == nullptr) return;
  const f32 share = mix == nullptr ? 1.0f : mix->share;
  const u32 first = none ? classes : u32(feed->labels[number]);
  const u32 second = none ? classes : u32(feed->labels[mix == nullptr ? number : mix->other]);
  for (u32 i = lid; i < classes; i += 128u) {
    f32 value = i == first ? share : 0.0f;
    if (i == second) value += 1.0f - share;
    target[slot * classes + i] = value;
  }
}

/* Keeps a word of each address that is not 0 with the others of its call; ring[0] counts the calls. */
KERNEL(32) ampc_keep(const u64 *from, u32 count, u32 *ring) {
  const u32 lid = thread_of_block();
  if (lid < count && from[lid] != 0u) ring[16u + ring[0] % 1024u * 16u + lid] = *(const u32 *)from[lid];
}
/* The same at the end of a call, which is counted then: by the ring, and by the series. */
KERNEL(32) ampc_end(const u64 *from, u32 count, u32 *ring, feed_of_series *feed) {
  const u32 lid = thread_of_block();
  if (lid < count && from[lid] != 0u) ring[16u + ring[0] % 1024u * 16u + lid] = *(const u32 *)from[lid];
  barrier<32>();
  if (lid == 0u) {
    ring[0] += 1u;
    feed->position += 1u;
  }
}

/* first becomes node where an element's exponent is all ones, unless an earlier node had one; bits of an element: 32, or 16 of a mask. */
KERNEL(128) ampc_check(const u8 *values, u32 count, u32 mask, u32 node, u32 *first) {
  bool found = false;
  for (u32 i = block_x() * 128u + thread_of_block(); i < count; i += 8192u) {
    const u32 code = mask > 0xffffu ? ((const u32 *)values)[i] : ((const u16 *)values)[i];
    found = found || (code & mask) == mask;
  }
  if (found && node < *first) *first = node;
}`.trim(),
].join('\n\n');
