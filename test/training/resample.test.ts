import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FILTERS, FITS, type Filter } from '../../src/datasets/source.js';
import type { ImageSet } from '../../src/training/data/dataset.js';
import { placeOf } from '../../src/training/data/dataset.js';
import { Resampler } from '../../src/training/data/resample.js';
import { resizeSet } from '../../src/training/data/resize-set.js';
import fixture from '../fixtures/torchvision/resampled.json' with { type: 'json' };
import { ampc } from '../support/cli.js';
import { inTemporaryFolder } from './support/fake.js';

const unpacked = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'base64'));

/** How many images `work` brings to another size. */
async function resampledBy(work: () => Promise<unknown>): Promise<number> {
  const { write } = Resampler.prototype;
  let count = 0;
  Resampler.prototype.write = function (...images) {
    count++;
    write.apply(this, images);
  };
  try {
    await work();
  } finally {
    Resampler.prototype.write = write;
  }
  return count;
}

/** Of 2x3 pixels, each of one value. */
const plainSet = (count: number): ImageSet => ({
  images: Uint8Array.from({ length: count * 6 }, (_, at) => Math.floor(at / 6)),
  labels: new Int32Array(count),
  count,
  shape: [2, 3, 1],
});

const SIZE = { height: 4, width: 4, fit: 'crop', filter: 'lanczos3' } as const;
const NO_MORE = () => new Uint32Array(0);

describe('images of arrays at another size', () => {
  it("have Pillow's pixels, to the bit, for every kernel that it has", () => {
    const { height, width, image, cases } = fixture;
    assert.deepEqual([...new Set(cases.map(({ filter }) => filter))], ['nearest', 'linear', 'cubic', 'lanczos3']);
    for (const { filter, size, pixels } of cases) {
      const [rows, columns] = size as [number, number];
      const sizing = { height: rows, width: columns, fit: 'stretch', filter: filter as Filter } as const;
      const found = new Uint8Array(rows * columns * 3).fill(7);
      new Resampler([height, width, 3], sizing).write(unpacked(image), found);
      assert.deepEqual(found, unpacked(pixels), `${filter} ${rows}x${columns}`);
    }
  });

  it('have any number of channels, each as if it were alone', () => {
    const [height, width, channels] = [9, 7, 5];
    const all = Uint8Array.from({ length: height * width * channels }, (_, at) => Math.imul(at + 1, 2654435761) >>> 24);
    for (const filter of FILTERS)
      for (const fit of FITS) {
        const size = { height: 4, width: 6, fit, filter };
        const found = new Uint8Array(24 * channels);
        new Resampler([height, width, channels], size).write(all, found);
        for (let channel = 0; channel < channels; channel++) {
          const alone = new Uint8Array(24);
          const own = all.filter((_, at) => at % channels === channel);
          new Resampler([height, width, 1], size).write(own, alone);
          assert.deepEqual(
            found.filter((_, at) => at % channels === channel),
            alone,
            `${fit} ${filter}`,
          );
        }
      }
  });

  it('are cut around the centre, put between black edges or stretched, and keep a plain colour', () => {
    // Left half 40, right half 200.
    const pixels = Uint8Array.from({ length: 8 * 4 }, (_, at) => (at % 8 < 4 ? 40 : 200));
    const at = (fit: 'crop' | 'pad' | 'stretch') => {
      const to = new Uint8Array(16).fill(9);
      new Resampler([4, 8, 1], { height: 4, width: 4, fit, filter: 'linear' }).write(pixels, to);
      return [...to];
    };
    assert.deepEqual(at('crop'), [40, 40, 200, 200, 40, 40, 200, 200, 40, 40, 200, 200, 40, 40, 200, 200]);
    const row = at('stretch').slice(0, 4);
    assert.deepEqual(at('pad'), [0, 0, 0, 0, ...row, ...row, 0, 0, 0, 0]);
    assert.deepEqual([row[0], row[3]], [40, 200]);
  });

  it('are made when they are held: each once of a small set, of a larger one no more than are held', async () => {
    for (const [whole, made, bytes] of [
      [160, [3, 0, 4, 1], 160],
      [159, [3, 3, 4, 4], 64],
    ] as const) {
      const set = resizeSet(plainSet(10), SIZE, { whole, ring: 64 });
      const batches = [
        [7, 2, 2, 0],
        [7, 2, 2, 0],
        [9, 3, 4, 5],
        [7, 2, 0, 1],
      ];
      for (const [at, numbers] of batches.entries()) {
        assert.equal(await resampledBy(async () => set.supply!.hold(Uint32Array.from(numbers), NO_MORE)), made[at]);
        for (const number of numbers) {
          const from = placeOf(set, number) * 16;
          assert.deepEqual([...set.images.subarray(from, from + 16)], new Array(16).fill(number));
        }
      }
      assert.equal(set.images.length, bytes);
    }
  });

  it('of which a run of a few are used are no more than these', () =>
    inTemporaryFolder(async (dir) => {
      const file = join(dir, 'net.amp');
      await writeFile(
        file,
        `dataset shapes(size: 24, images: 400) { size(16) validation(0.1) flip }
          model Net(image: dataset.shape) -> [dataset.classes] { image |> global_avg_pool |> linear(dataset.classes) }
          precision { compute fp32 }
          train { batch 10  epochs 2 }`,
      );
      const made = await resampledBy(async () => {
        const { code, stderr } = await ampc('train', file, '--backend', 'reference', '--limit', '20', '--out', join(dir, 'run'));
        assert.equal(code, 0, stderr);
      });
      // So many of each part of the set, each once.
      assert.equal(made, 60);
    }));
});
