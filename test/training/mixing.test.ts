import assert from 'node:assert/strict';
import type { Augmentation } from '../../src/datasets/augmentation.js';
import { betaQuantiles } from '../../src/random/beta.js';
import { Batcher } from '../../src/training/data/batcher.js';
import type { ImageSet } from '../../src/training/data/dataset.js';

const CLASSES = 5;

function noise(count: number, height: number, width: number): ImageSet {
  const images = Uint8Array.from({ length: count * height * width * 3 }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 9) & 255);
  return { images, labels: Int32Array.from({ length: count }, (_, i) => i % CLASSES), count, shape: [height, width, 3] };
}

interface Filled {
  readonly image: Uint8Array;
  readonly label: Int32Array;
  readonly target: Float32Array;
}

function fill(set: ImageSet, augment: readonly Augmentation[], epoch: number, first: number, count: number): Filled {
  const size = set.images.length / set.count;
  const filled = { image: new Uint8Array(count * size), label: new Int32Array(count), target: new Float32Array(count * CLASSES) };
  new Batcher(set, { seed: 7, shuffle: true, augment }).fill(epoch, first, filled.image, filled.label, filled.target);
  return filled;
}

const CHANGES: readonly Augmentation[] = [{ kind: 'flip' }, { kind: 'crop', padding: 2 }];
const mixup = { kind: 'mixup', alpha: 0.4, probability: 1 } as const;
const cutmix = { kind: 'cutmix', alpha: 1, probability: 1 } as const;

describe('shares of mixed images', () => {
  it('are those of Beta(alpha, alpha)', () => {
    const near = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-3, `${a}, not ${b}`);
    for (let u = 0.005; u < 1; u += 0.01) {
      near(betaQuantiles(1)(u), u);
      near(betaQuantiles(0.5)(u), Math.sin((Math.PI * u) / 2) ** 2);
      const x = betaQuantiles(2)(u);
      near(3 * x ** 2 - 2 * x ** 3, u);
    }
    for (const alpha of [0.01, 0.2, 3, 100]) {
      const quantile = betaQuantiles(alpha);
      const values = Array.from({ length: 20_000 }, (_, i) => quantile((i + 0.5) / 20_000));
      const variance = values.reduce((sum, x) => sum + (x - 0.5) ** 2, 0) / values.length;
      near(variance, 1 / (4 * (2 * alpha + 1)));
      assert.ok(
        values.every((x, i) => x >= 0 && x <= 1 && x >= (values[i - 1] ?? 0)),
        String(alpha),
      );
    }
  });
});

describe('images that are joined', () => {
  const set = noise(12, 9, 8);
  const size = 9 * 8 * 3;

  it('are, with mixup, each image and the next one of the epoch by their shares, labels as well', () => {
    const plain = fill(set, CHANGES, 3, 0, 12);
    const mixed = fill(set, [...CHANGES, mixup], 3, 0, 12);
    assert.deepEqual(mixed.label, plain.label);
    for (let slot = 0; slot < 12; slot++) {
      const next = (slot + 1) % 12;
      const target = mixed.target.subarray(slot * CLASSES, (slot + 1) * CLASSES);
      const [own, other] = [plain.label[slot]!, plain.label[next]!];
      const share = own === other ? undefined : target[own]!;
      assert.ok(Math.abs(target.reduce((sum, one) => sum + one, 0) - 1) < 1e-6);
      if (share === undefined) continue;
      assert.ok(Math.abs(target[other]! - (1 - share)) < 1e-6);
      for (let i = 0; i < size; i++) {
        const exact = share * plain.image[slot * size + i]! + (1 - share) * plain.image[next * size + i]!;
        assert.ok(Math.abs(mixed.image[slot * size + i]! - exact) <= 0.501, `${mixed.image[slot * size + i]} for ${exact}`);
      }
    }
  });

  it('have, with cutmix, a window of the next image, and its share of the pixels in the label', () => {
    const plain = fill(set, CHANGES, 3, 0, 12);
    const mixed = fill(set, [...CHANGES, cutmix], 3, 0, 12);
    let windows = 0;
    for (let slot = 0; slot < 12; slot++) {
      const next = (slot + 1) % 12;
      const pixelOf = (from: Uint8Array, image: number, pixel: number) =>
        from.subarray(image * size + 3 * pixel, image * size + 3 * pixel + 3);
      const isOwn = Array.from(
        { length: 72 },
        (_, p) => Buffer.compare(pixelOf(mixed.image, slot, p), pixelOf(plain.image, slot, p)) === 0,
      );
      const taken = isOwn.flatMap((own, p) => (own ? [] : [p]));
      for (const p of taken) assert.deepEqual(pixelOf(mixed.image, slot, p), pixelOf(plain.image, next, p));
      windows += Number(taken.length > 0);
      const [own, other] = [plain.label[slot]!, plain.label[next]!];
      // Pixels that both images have alike (black borders) are among those of the window.
      if (own !== other) assert.ok(mixed.target[slot * CLASSES + other]! * 72 >= taken.length - 1e-3);
    }
    assert.ok(windows >= 6, `${windows} windows`);
  });

  it('are the same however an epoch is cut into batches, and others in another epoch', () => {
    const both = [...CHANGES, mixup, cutmix];
    const whole = fill(set, both, 1, 0, 12);
    const part = fill(set, both, 1, 5, 7);
    assert.deepEqual(part.image, whole.image.subarray(5 * size));
    assert.deepEqual(part.target, whole.target.subarray(5 * CLASSES));
    assert.notDeepEqual(fill(set, both, 2, 0, 12).target, whole.target);
  });

  it('are as many as the probability says, and single labels are 1', () => {
    const many = noise(600, 2, 2);
    const isWhole = ({ target }: Filled) => {
      const rows = Array.from({ length: 600 }, (_, slot) => Math.max(...target.subarray(slot * CLASSES, (slot + 1) * CLASSES)));
      return rows.filter((share) => share === 1).length;
    };
    const none = fill(many, [{ ...mixup, probability: 0 }], 0, 0, 600);
    const plain = fill(many, [], 0, 0, 600);
    assert.deepEqual([isWhole(none), none.image], [600, plain.image]);
    assert.equal(isWhole(plain), 600);
    // A fifth of the pairs have one label; alpha 5 leaves no image alone.
    const half = isWhole(fill(many, [{ kind: 'mixup', alpha: 5, probability: 0.5 }], 0, 0, 600));
    assert.ok(half > 300 && half < 420, String(half));
  });
});
