import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Augmentation } from '../../src/datasets/augmentation.js';
import { compilerNamed } from '../codegen/compile.js';
import { ampc } from '../support/cli.js';
import { environment } from '../support/environment.js';
import { skip } from '../support/skip.js';
import { makeWorkspace } from '../support/tiny.js';
import { npy, npyIntegers, zip } from '../training/support/npy.js';

/** Every kind of augmentation as a file has it. */
const WRITTEN = {
  flip: 'flip(both, alternating: true)',
  crop: 'crop(2, fill: reflect)',
  translate: 'translate(2)',
  random_resized_crop: 'random_resized_crop(scale: 0.3)',
  rotate: 'rotate(40)',
  color_jitter: 'color_jitter(brightness: 0.3, contrast: 0.4, saturation: 0.5, hue: 0.2)',
  grayscale: 'grayscale(0.5)',
  auto_contrast: 'auto_contrast(0.5)',
  rand_augment: 'rand_augment(2, magnitude: 12)',
  trivial_augment: 'trivial_augment',
  cutout: 'cutout(4)',
  random_erasing: 'random_erasing(0.5)',
  mixup: 'mixup(0.4)',
  cutmix: 'cutmix(1, probability: 0.7)',
} as const satisfies Record<Augmentation['kind'], string>;

const program = (augmentation: string) => `dataset npz("set.npz") { ${augmentation} }

model Net(image: dataset.shape) -> [dataset.classes] {
  image |> flatten |> linear(dataset.classes) as fc
}

precision { compute fp32 }

train { optimizer adam(lr: 0.01)  batch 6  epochs 3 }
`;

const IMAGES = 26;

describe('training with augmentations', function () {
  this.timeout(120_000);
  const work = makeWorkspace();
  const set = environment(['AMPC_CACHE']);

  before(async function () {
    if ((await compilerNamed()) === undefined) skip(this, 'there is no C compiler');
    const images = Uint8Array.from({ length: (IMAGES + 4) * 192 }, (_, at) => (Math.imul(at + 1, 2654435761) >>> 11) & 255);
    const labels = (count: number) => npyIntegers(Array.from({ length: count }, (_, at) => at % 3));
    const files = {
      'x_train.npy': npy([IMAGES, 8, 8, 3], images.subarray(0, IMAGES * 192)),
      'y_train.npy': labels(IMAGES),
      'x_test.npy': npy([4, 8, 8, 3], images.subarray(IMAGES * 192)),
      'y_test.npy': labels(4),
    };
    writeFileSync(work.path('set.npz'), zip(files));
  });
  after(() => work.remove());
  beforeEach(() => set({ AMPC_CACHE: work.path('cache') }));

  async function weights(file: string, run: string, ...args: readonly string[]): Promise<Buffer> {
    const { code, stderr } = await ampc('train', file, '--out', run, '--backend', 'cpu', ...args);
    assert.equal(code, 0, stderr);
    return readFileSync(join(run, 'last.safetensors'));
  }

  let plain: Buffer;

  it('without any is what it is compared with', async () => {
    plain = await weights(work.file('none.amp', program('')), work.path('none'));
  });

  for (const [kind, written] of Object.entries(WRITTEN))
    it(`such as ${written} gives the same bits with any number of threads, and after an interruption`, async () => {
      const file = work.file(`${kind}.amp`, program(written));
      const one = await weights(file, work.path(`${kind}-1`), '--threads', '1');
      assert.ok(!one.equals(plain), 'images are changed');
      assert.ok((await weights(file, work.path(`${kind}-3`), '--threads', '3')).equals(one), 'three threads');
      const parted = work.path(`${kind}-parted`);
      // Within the second epoch.
      await weights(file, parted, '--threads', '2', '--max-steps', '7');
      const { code, stderr } = await ampc('train', file, '--resume', parted, '--backend', 'cpu');
      assert.equal(code, 0, stderr);
      assert.ok(readFileSync(join(parted, 'last.safetensors')).equals(one), 'resumed');
    });
});
