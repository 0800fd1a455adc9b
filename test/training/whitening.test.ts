import assert from 'node:assert/strict';
import { join } from 'node:path';
import { compile } from '../../src/choose/plan-file.js';
import type { ImageSet } from '../../src/training/data/dataset.js';
import { readSafetensors, writeSafetensors } from '../../src/training/safetensors.js';
import { initialStates } from '../../src/training/states.js';
import { whitenedStates } from '../../src/training/whitening.js';
import { ampc } from '../support/cli.js';
import { useTiny } from '../support/tiny.js';

const STATISTICS = { mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3] };
const EPS = 0.01;
const [SIDE, PATCH] = [9, 12];

const net = (images: number) => `dataset cifar10 { normalize(mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3])  flip }
model Net(image: [32, 32, 3]) -> [10] {
  image |> conv2d(24, kernel: 2, stride: 2, init: whiten(eps: ${EPS}, images: ${images})) as conv |> global_avg_pool |> linear(10) as fc
}
precision { compute fp32 }
train { freeze "conv.weight"  batch 16  epochs 1 }
`;

/** Images whose neighbours are alike, so that their patches are far from white. */
function imagesOf(count: number): ImageSet {
  const size = SIDE * SIDE * 3;
  const images = Uint8Array.from({ length: count * size }, (_, at) => (31 * Math.floor(at / size) + 5 * at + ((at * at) % 53)) % 251);
  return { images, labels: new Int32Array(count), count, shape: [SIDE, SIDE, 3] };
}

async function filtersOf(set: ImageSet, images: number): Promise<Float32Array> {
  const { plan } = await compile({ path: 'net.amp', text: net(images) }, { backend: 'reference' });
  return (await whitenedStates(plan, set, STATISTICS)).get('conv.weight')!;
}

/** The patches of the first images of a set as the model sees them. */
function patchesOf({ images }: ImageSet, count: number): number[][] {
  const at = (image: number, y: number, x: number, c: number) =>
    (images[((image * SIDE + y) * SIDE + x) * 3 + c]! / 255 - STATISTICS.mean[c]!) / STATISTICS.std[c]!;
  const patches: number[][] = [];
  for (let image = 0; image < count; image += 1)
    for (let y = 0; y + 1 < SIDE; y += 1)
      for (let x = 0; x + 1 < SIDE; x += 1)
        patches.push(Array.from({ length: PATCH }, (_, i) => at(image, y + (i >= 6 ? 1 : 0), x + (i % 6 >= 3 ? 1 : 0), i % 3)));
  return patches;
}

describe('filters that whiten images', () => {
  const tiny = useTiny();

  it('make patches uncorrelated, of variance v / (v + eps), from the largest v on, and negative as well', async () => {
    const filters = await filtersOf(imagesOf(30), 20);
    const responses = patchesOf(imagesOf(30), 20).map((patch) =>
      Array.from({ length: 2 * PATCH }, (_, k) => patch.reduce((sum, x, i) => sum + x * filters[i * 2 * PATCH + k]!, 0)),
    );
    const moment = (k: number, l: number) => responses.reduce((sum, r) => sum + r[k]! * r[l]!, 0) / responses.length;
    const norms = Array.from({ length: PATCH }, (_, k) => Array.from({ length: PATCH }, (__, i) => filters[i * 2 * PATCH + k]! ** 2));
    // A filter is a unit vector by the root of v + eps.
    const variances = norms.map((squares) => 1 / squares.reduce((sum, x) => sum + x, 0) - EPS);
    for (let k = 0; k < PATCH; k += 1) {
      assert.ok(k === 0 || variances[k]! <= variances[k - 1]! + 1e-9);
      for (let l = 0; l < PATCH; l += 1) {
        const expected = k === l ? variances[k]! / (variances[k]! + EPS) : 0;
        assert.ok(Math.abs(moment(k, l) - expected) < 1e-4, `${k}, ${l}: ${moment(k, l)}, not ${expected}`);
      }
    }
    assert.ok(responses.every((response) => response.every((x, k) => k >= PATCH || x === -response[k + PATCH]!)));
  });

  it('look at no images beyond those that are asked for, and at all where there are fewer', async () => {
    assert.deepEqual(await filtersOf(imagesOf(30), 20), await filtersOf(imagesOf(20), 5000));
    assert.notDeepEqual(await filtersOf(imagesOf(30), 20), await filtersOf(imagesOf(30), 21));
  });

  it('start a run, whatever its seed and what augments its images, unless its file of weights has others', async () => {
    const file = tiny.file('white.amp', net(5000));
    const train = async (out: string, ...more: readonly string[]): Promise<Float32Array> => {
      const run = tiny.path(out);
      const { code, stderr } = await ampc(
        'train',
        file,
        '--data',
        tiny.data,
        '--backend',
        'reference',
        '--out',
        run,
        '--max-steps',
        '1',
        ...more,
      );
      assert.equal(code, 0, stderr);
      return Float32Array.from((await readSafetensors(join(run, 'last.safetensors'))).tensors.get('conv.weight')!.data as Float32Array);
    };
    const first = await train('one');
    assert.deepEqual(await train('two', '--seed', '1'), first);
    const { plan } = await compile(file, { backend: 'reference' });
    assert.notDeepEqual(first, initialStates(plan, 0).get('conv.weight'));
    const weights = tiny.path('others.safetensors');
    const others = new Float32Array(first.length).fill(0.5);
    await writeSafetensors(weights, new Map([['conv.weight', { shape: [2, 2, 3, 24], data: others }]]));
    assert.deepEqual(await train('three', '--init', weights, '--init-partial'), others);
  });
});
