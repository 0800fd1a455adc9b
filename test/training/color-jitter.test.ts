import assert from 'node:assert/strict';
import { drawOrder, drawRow, type ImageRow, imageOps } from '../../src/datasets/image-ops.js';
import { fnv1a32, threefry2x32 } from '../../src/random/threefry.js';
import { Batcher } from '../../src/training/data/batcher.js';
import { applyRow } from '../../src/training/data/image-primitives.js';
import fixture from '../fixtures/torchvision/jitter.json' with { type: 'json' };

const { height, width, factors } = fixture;
const unpacked = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'base64'));
const image = unpacked(fixture.image);

function changed(rows: readonly ImageRow[]): Uint8Array {
  const pixels = image.slice();
  for (const row of rows) applyRow({ pixels, height, width, channels: 3, blank: new Uint8Array(3), down: 0, right: 0 }, row);
  return pixels;
}

const levels = (a: Uint8Array, b: Uint8Array): number => a.reduce((most, value, at) => Math.max(most, Math.abs(value - b[at]!)), 0);

const ROWS = {
  brightness: { primitive: 'brightness', numbers: [Math.round(65536 * factors.brightness)] },
  contrast: { primitive: 'contrast', numbers: [Math.round(65536 * factors.contrast)] },
  saturation: { primitive: 'saturation', numbers: [Math.round(65536 * factors.saturation)] },
  hue: { primitive: 'hue', numbers: [Math.round(6 * 65536 * factors.hue)] },
} as const satisfies Record<string, ImageRow>;
type Change = keyof typeof ROWS;

/** Every order of so many. */
function orders(count: number): number[][] {
  if (count === 0) return [[]];
  return orders(count - 1).flatMap((rest) => Array.from({ length: count }, (_, at) => rest.toSpliced(at, 0, count - 1)));
}

describe('color_jitter', () => {
  it("makes in each order what torchvision's formulas make in it, but for what is rounded after each change", () => {
    assert.equal(fixture.cases.length, 24);
    for (const { order, image: theirs } of fixture.cases) {
      const reversed = fixture.cases.find((other) => other.order.join() === order.toReversed().join())!;
      const ours = changed((order as readonly Change[]).map((change) => ROWS[change]));
      const difference = levels(ours, unpacked(theirs));
      assert.ok(difference <= 3, `${order}: ${difference} levels`);
      assert.ok(levels(ours, unpacked(reversed.image)) > 9, `${order}: not the reverse`);
    }
  });

  for (const together of [3, 4])
    it(`draws each order of ${together} as often as any other`, () => {
      const counts = new Map<string, number>();
      for (let drawn = 0; drawn < 8192; drawn++) {
        const order = drawOrder(together, [0, drawn * 2 ** 19 + 5]).join('');
        counts.set(order, (counts.get(order) ?? 0) + 1);
      }
      const all = orders(together);
      assert.deepEqual([...counts.keys()].sort(), all.map((order) => order.join('')).sort());
      for (const count of counts.values()) assert.ok(Math.abs(count - 8192 / all.length) < 1, String(count));
    });

  it('changes each image of an epoch in an order of its own, by factors of its own', () => {
    const [seed, epoch, count] = [5, 3, 80];
    const images = new Uint8Array(count * image.length);
    for (let at = 0; at < count; at++) images.set(image, at * image.length);
    const set = { images, labels: new Int32Array(count), count, shape: [height, width, 3] };
    const augment = [{ kind: 'color_jitter', brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.2 }] as const;
    const batch = new Uint8Array(images.length);
    new Batcher(set, { seed, shuffle: false, augment }).fill(epoch, 0, batch, new Int32Array(count));
    const ops = imageOps(augment, [height, width]);
    const certain = new Set<string>();
    for (let number = 0; number < count; number++) {
      const rows = ops.map((op) => drawRow(op, threefry2x32(seed, fnv1a32(op.stream), number, epoch))!.row);
      const made = batch.subarray(number * image.length, (number + 1) * image.length);
      const same = orders(4).filter((order) => levels(changed(order.map((i) => rows[i]!)), made) === 0);
      assert.ok(same.length > 0, `image ${number} is that of no order`);
      if (same.length === 1) certain.add(same[0]!.join(''));
    }
    assert.ok(certain.size > 16, `${certain.size} orders for certain`);
  });
});
