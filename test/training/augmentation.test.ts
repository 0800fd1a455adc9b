import assert from 'node:assert/strict';
import type { Augmentation } from '../../src/datasets/augmentation.js';
import { imageOps, type Primitive } from '../../src/datasets/image-ops.js';
import { Batcher } from '../../src/training/data/batcher.js';
import type { ImageSet } from '../../src/training/data/dataset.js';
import { applyRow } from '../../src/training/data/image-primitives.js';

/** Images whose pixels are all different as far as bytes go, and never 0. */
function numbered(count: number, height: number, width: number, channels = 1): ImageSet {
  const images = Uint8Array.from({ length: count * height * width * channels }, (_, at) => 1 + (at % 254));
  return { images, labels: new Int32Array(count), count, shape: [height, width, channels] };
}

/** Every image of an epoch, augmented. */
function epochOf(set: ImageSet, augment: readonly Augmentation[], epoch: number, mean: readonly number[] = [], seed = 3): Uint8Array[] {
  const image = new Uint8Array(set.images.length);
  new Batcher(set, { seed, shuffle: false, augment, mean }).fill(epoch, 0, image, new Int32Array(set.count));
  const bytes = image.length / set.count;
  return Array.from({ length: set.count }, (_, at) => image.slice(at * bytes, (at + 1) * bytes));
}

/** One image of one channel, or three, changed by a primitive. */
function changed(
  pixels: readonly number[],
  [height, width, channels]: readonly number[],
  primitive: Primitive,
  ...numbers: readonly number[]
): number[] {
  const bytes = Uint8Array.from(pixels);
  const blank = Uint8Array.of(9, 9, 9);
  applyRow({ pixels: bytes, height: height!, width: width!, channels: channels!, blank, down: 0, right: 0 }, { primitive, numbers });
  return [...bytes];
}

const HALF = 32768;
const ONE = 65536;

describe('augmentations', () => {
  it('of which flip alternates: each image is mirrored in every other epoch, about half of them in the first', () => {
    const set = numbered(400, 2, 3);
    const mirrored = (epoch: number) =>
      epochOf(set, [{ kind: 'flip', alternating: true }], epoch).map((image, at) => image[0] !== set.images[at * 6]);
    const [zero, one, two] = [mirrored(0), mirrored(1), mirrored(2)];
    assert.deepEqual(two, zero);
    assert.deepEqual(
      one,
      zero.map((is) => !is),
    );
    const share = zero.filter((is) => is).length;
    assert.ok(share > 150 && share < 250, String(share));
  });

  it('of which flip turns upside down, and both ways', () => {
    const set = numbered(200, 2, 2);
    const kinds = (direction: 'vertical' | 'both') =>
      new Set(
        epochOf(set, [{ kind: 'flip', direction }], 0).map((image, at) =>
          [...image].map((value) => [...set.images.subarray(at * 4, at * 4 + 4)].indexOf(value)).join(''),
        ),
      );
    assert.deepEqual(kinds('vertical'), new Set(['0123', '2301']));
    assert.deepEqual(kinds('both'), new Set(['0123', '2301', '1032', '3210']));
  });

  it('of which crop and translate go on with the reflection of the image, or with zeros', () => {
    const set = { ...numbered(300, 1, 4), images: Uint8Array.from({ length: 1200 }, (_, at) => 1 + (at % 4)) };
    const windows = (augment: Augmentation) =>
      new Set(epochOf(set, [augment], 0).map((image) => Array.from(image, (value) => (value === 0 ? '.' : (value - 1) % 4)).join('')));
    const reflected = new Set([-2, -1, 0, 1, 2].map((at) => '2101232101'.slice(at + 2, at + 6)));
    assert.deepEqual(windows({ kind: 'translate', pixels: 2, fill: 'reflect' }), reflected);
    // Rows leave the image too, and leave nothing.
    assert.deepEqual(windows({ kind: 'crop', padding: 2 }), new Set(['....', '..01', '.012', '0123', '123.', '23..']));
  });

  it('of which cutout blanks a square, cut off at the edges, with the mean', () => {
    const set = numbered(500, 8, 8, 3);
    const images = epochOf(set, [{ kind: 'cutout', size: 4 }], 1, [0.1, 0.5, 1]);
    const sizes = new Set<number>();
    for (const [at, image] of images.entries()) {
      let count = 0;
      for (let pixel = 0; pixel < 64; pixel++) {
        const own = set.images.subarray((at * 64 + pixel) * 3, (at * 64 + pixel) * 3 + 3);
        const now = image.subarray(pixel * 3, pixel * 3 + 3);
        if (own.every((value, i) => value === now[i])) continue;
        assert.deepEqual([...now], [26, 128, 255]);
        count++;
      }
      sizes.add(count);
    }
    assert.equal(Math.max(...sizes), 16);
    assert.ok(sizes.has(4) && sizes.has(8), [...sizes].join());
  });

  it('of which random_erasing and grayscale take place as often as they say', () => {
    const set = numbered(2000, 6, 6, 3);
    const share = (augment: Augmentation) =>
      epochOf(set, [augment], 0).filter((image, at) => image.some((value, i) => value !== set.images[at * 108 + i])).length / set.count;
    for (const p of [0.1, 0.5]) {
      assert.ok(Math.abs(share({ kind: 'random_erasing', p }) - p) < 0.04, `erasing ${p}`);
      assert.ok(Math.abs(share({ kind: 'grayscale', p }) - p) < 0.04, `grayscale ${p}`);
    }
    assert.deepEqual([share({ kind: 'grayscale', p: 0 }), share({ kind: 'grayscale', p: 1 })], [0, 1]);
  });

  it('of which random_resized_crop takes windows of the areas and ratios that it says', () => {
    const [{ rows }] = imageOps([{ kind: 'random_resized_crop', scale: 0.25, ratio: 2 }], [64, 64]) as [
      ReturnType<typeof imageOps>[number],
    ];
    for (const { numbers } of rows) {
      const [height, width] = numbers as [number, number];
      const area = (height * width) / 4096;
      assert.ok(area > 0.2 && area <= 1 && width / height < 2.1 && height / width < 2.1, `${height} x ${width}`);
    }
    assert.equal(rows.length, 1024);
    const whole = numbered(5, 8, 8, 3);
    assert.deepEqual(epochOf(whole, [{ kind: 'random_resized_crop', scale: 1, ratio: 1 }], 0)[4], whole.images.slice(4 * 192));
  });

  it('are of other numbers in every epoch, for every image and by every seed', () => {
    const set = { ...numbered(50, 8, 8, 3), images: new Uint8Array(50 * 192).map((_, at) => 1 + ((at % 192) % 250)) };
    const augment: readonly Augmentation[] = [
      { kind: 'rotate', degrees: 45 },
      { kind: 'color_jitter', brightness: 0.4, contrast: 0.4, saturation: 0.4 },
    ];
    const distinct = new Set([0, 1].flatMap((epoch) => epochOf(set, augment, epoch).map((image) => image.join())));
    assert.ok(distinct.size > 95, String(distinct.size));
    assert.deepEqual(epochOf(set, augment, 1), epochOf(set, augment, 1));
    assert.notDeepEqual(epochOf(set, augment, 1, [], 4), epochOf(set, augment, 1));
  });
});

describe('a change of pixels', () => {
  it('turns about the centre, exactly by right angles, and blanks what is not there', () => {
    const square = [1, 2, 3, 4, 5, 6, 7, 8, 10];
    const turn = (cos: number, sin: number) => changed(square, [3, 3, 1], 'affine', cos * ONE, sin * ONE, 0, -sin * ONE, cos * ONE, 0);
    assert.deepEqual(turn(-1, 0), [...square].reverse());
    assert.deepEqual(turn(0, 1), [7, 4, 1, 8, 5, 2, 10, 6, 3]);
    assert.deepEqual(changed(square, [3, 3, 1], 'affine', ONE, 0, ONE, 0, ONE, 0), [2, 3, 9, 5, 6, 9, 8, 10, 9]);
    assert.deepEqual(changed([10, 20], [1, 2, 1], 'affine', ONE, 0, HALF, 0, ONE, 0), [15, 15]);
  });

  it('is that of Pillow: brightness, contrast, saturation, grey', () => {
    assert.deepEqual(changed([0, 100, 200, 255], [1, 4, 1], 'brightness', 1.5 * ONE), [0, 150, 255, 255]);
    // The mean is 100.
    assert.deepEqual(changed([50, 150], [1, 2, 1], 'contrast', HALF), [75, 125]);
    // 0.299 R + 0.587 G + 0.114 B = 124.2
    assert.deepEqual(changed([200, 100, 50], [1, 1, 3], 'grayscale'), [124, 124, 124]);
    assert.deepEqual(changed([200, 100, 50], [1, 1, 3], 'saturation', 0), [124, 124, 124]);
    assert.deepEqual(changed([200, 100, 50], [1, 1, 3], 'saturation', ONE), [200, 100, 50]);
    assert.deepEqual(changed([7, 8], [1, 2, 1], 'saturation', 0), [7, 8]);
  });

  it('maps values: posterize, solarize, autocontrast, equalize', () => {
    assert.deepEqual(changed([255, 100, 17], [1, 3, 1], 'posterize', 0xf0), [240, 96, 16]);
    assert.deepEqual(changed([255, 128, 127], [1, 3, 1], 'solarize', 128), [0, 127, 127]);
    assert.deepEqual(changed([50, 75, 100], [1, 3, 1], 'autocontrast'), [0, 127, 255]);
    assert.deepEqual(changed([50, 50], [1, 2, 1], 'autocontrast'), [50, 50]);
    const ramp = Array.from({ length: 512 }, (_, at) => 100 + Math.floor(at / 64));
    const flat = changed(ramp, [16, 32, 1], 'equalize');
    assert.deepEqual([flat[0], flat[511]], [0, 255]);
    assert.ok(flat.every((value, at) => at === 0 || value >= flat[at - 1]!));
  });

  it('smooths all but the edges', () => {
    const spike = [10, 10, 10, 10, 140, 10, 10, 10, 10];
    // (8 * 10 + 5 * 140) / 13 = 60
    assert.deepEqual(changed(spike, [3, 3, 1], 'sharpness', 0), [10, 10, 10, 10, 60, 10, 10, 10, 10]);
    assert.deepEqual(changed(spike, [3, 3, 1], 'sharpness', ONE), spike);
  });

  it('is one of fourteen in rand_augment and trivial_augment, each as likely', () => {
    const [rand] = imageOps([{ kind: 'rand_augment', n: 1, magnitude: 30 }], [100, 100]) as [ReturnType<typeof imageOps>[number]];
    assert.equal(rand.rows.length, 28);
    const posterize = rand.rows.find(({ primitive }) => primitive === 'posterize');
    assert.deepEqual(posterize?.numbers, [0xf0]);
    const [trivial] = imageOps([{ kind: 'trivial_augment' }], [100, 100]) as [ReturnType<typeof imageOps>[number]];
    assert.equal(trivial.rows.length, 28 * 31);
    assert.equal(imageOps([{ kind: 'rand_augment', n: 3, magnitude: 1 }], [9, 9]).length, 3);
  });
});
