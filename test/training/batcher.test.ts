import assert from 'node:assert/strict';
import { Batcher, type BatcherOptions, fillInOrder } from '../../src/training/data/batcher.js';
import type { ImageSet } from '../../src/training/data/dataset.js';

function numbered(count: number, height: number, width: number, channels: number): ImageSet {
  const images = Uint8Array.from({ length: count * height * width * channels }, (_, index) => 1 + ((index * 7 + (index >> 8)) % 255));
  return { images, labels: Int32Array.from({ length: count }, (_, index) => index % 10), count, shape: [height, width, channels] };
}

function batchOf(
  set: ImageSet,
  { batch, ...options }: BatcherOptions & { readonly batch: number },
  epoch: number,
  index: number,
): { image: Uint8Array; label: Int32Array } {
  const image = new Uint8Array((batch * set.images.length) / set.count);
  const label = new Int32Array(batch);
  new Batcher(set, options).fill(epoch, index * batch, image, label);
  return { image, label };
}

/** Pixel by pixel: the window that starts (down, right) into the image, then mirrored. */
function augmented(set: ImageSet, source: number, down: number, right: number, flip: boolean): Uint8Array {
  const [height = 0, width = 0, channels = 0] = set.shape;
  const out = new Uint8Array(height * width * channels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [fromY, fromX] = [y + down, (flip ? width - 1 - x : x) + right];
      if (fromY < 0 || fromY >= height || fromX < 0 || fromX >= width) continue;
      for (let channel = 0; channel < channels; channel++) {
        out[(y * width + x) * channels + channel] = set.images[((source * height + fromY) * width + fromX) * channels + channel];
      }
    }
  }
  return out;
}

const PLAIN = { batch: 4, seed: 1, shuffle: false };

describe('Batcher', () => {
  it('keeps the order without shuffling', () => {
    const set = numbered(10, 4, 4, 3);
    const { image, label } = batchOf(set, PLAIN, 3, 1);
    assert.deepEqual([...label], [4, 5, 6, 7]);
    assert.deepEqual(image, set.images.subarray(4 * 48, 8 * 48));
  });

  it('goes to the last image, and no further', () => {
    const batcher = new Batcher(numbered(10, 1, 1, 1), { seed: 1, shuffle: false });
    const label = new Int32Array(2);
    batcher.fill(0, 8, new Uint8Array(2), label);
    assert.deepEqual([...label], [8, 9]);
    assert.throws(() => batcher.fill(0, 9, new Uint8Array(2), label), /an epoch has 10 images, not 11/);
    assert.equal(batcher.select(0, 8, 2).order.length, 2);
  });

  it('shuffles every epoch anew, each image once', () => {
    const set = { ...numbered(101, 1, 1, 1), labels: Int32Array.from({ length: 101 }, (_, index) => index) };
    const batcher = new Batcher(set, { seed: 5, shuffle: true });
    const orders = [0, 1, 0].map((epoch) => {
      const seen: number[] = [];
      for (let first = 0; first < 101; first += 10) {
        const label = new Int32Array(Math.min(10, 101 - first));
        batcher.fill(epoch, first, new Uint8Array(label.length), label);
        seen.push(...label);
      }
      return seen;
    });
    assert.equal(new Set(orders[0]).size, 101);
    assert.notDeepEqual(orders[0], orders[1]);
    assert.deepEqual(orders[0], orders[2]);
  });

  for (const [height, width, channels] of [
    [32, 32, 3],
    [5, 4, 3],
    [6, 7, 3],
    [4, 5, 1],
    [2, 2, 3],
  ] as const) {
    it(`flips and crops [${height}, ${width}, ${channels}] images as a pixel-by-pixel copy does`, () => {
      const set = numbered(200, height, width, channels);
      const padding = 3;
      const { image } = batchOf(set, { batch: 200, seed: 9, shuffle: false, augment: [{ kind: 'flip' }, { kind: 'crop', padding }] }, 2, 0);
      const size = height * width * channels;
      const seen = new Set<string>();
      for (let source = 0; source < set.count; source++) {
        const got = image.subarray(source * size, (source + 1) * size);
        let found = false;
        for (let choice = 0; choice < 2 * 7 * 7; choice++) {
          const [down, right, flip] = [(choice % 7) - padding, (Math.floor(choice / 7) % 7) - padding, choice >= 49];
          if (Buffer.compare(got, augmented(set, source, down, right, flip)) !== 0) continue;
          found = true;
          seen.add(`${down} ${right} ${flip}`);
        }
        assert.ok(found, `image ${source} is no flipped or shifted copy`);
      }
      assert.ok(seen.size > 60, `${seen.size} of 98 choices seen`);
    });
  }

  it('augments an image the same way wherever it falls in an epoch, and otherwise in the next', () => {
    const set = numbered(40, 8, 8, 3);
    const options = { batch: 40, seed: 2, augment: [{ kind: 'flip' }, { kind: 'crop', padding: 2 }] } as const;
    const straight = batchOf(set, { ...options, shuffle: false }, 0, 0);
    const shuffled = batchOf(set, { ...options, shuffle: true }, 0, 0);
    const cut = (image: Uint8Array): string[] =>
      Array.from({ length: 40 }, (_, index) => image.subarray(index * 192, (index + 1) * 192).join());
    assert.deepEqual(cut(shuffled.image).sort(), cut(straight.image).sort());
    assert.notDeepEqual(batchOf(set, { ...options, shuffle: false }, 1, 0).image, straight.image);
  });

  it('pads the last batch of a test set with label -1', () => {
    const set = numbered(5, 2, 2, 3);
    const image = new Uint8Array(4 * 12).fill(77);
    const label = new Int32Array(4);
    fillInOrder(set, 4, 1, image, label);
    assert.deepEqual([...label], [4, -1, -1, -1]);
    assert.deepEqual([...image.subarray(0, 12)], [...set.images.subarray(48)]);
    assert.ok(image.subarray(12).every((byte) => byte === 0));
  });
});
