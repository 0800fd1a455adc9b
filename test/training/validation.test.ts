import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_SIZING } from '../../src/datasets/source.js';
import type { DatasetSpec } from '../../src/ir/program.js';
import type { ImageSet } from '../../src/training/data/dataset.js';
import { openData } from '../../src/training/data/open.js';
import { withValidation } from '../../src/training/data/validation.js';
import { ampc } from '../support/cli.js';
import { environment } from '../support/environment.js';
import { inTemporaryFolder } from './support/fake.js';
import { npy, npyIntegers, zip } from './support/npy.js';
import { painted, put } from './support/pictures.js';

/** Images of one row of four bytes that are all different, of two classes. */
function numbered(count: number): ImageSet {
  const images = Uint8Array.from({ length: 4 * count }, (_, at) => (at % 4 === 0 ? at >> 2 : Math.imul(at + 1, 2654435761) >>> 24));
  return { images, labels: Int32Array.from({ length: count }, (_, at) => at % 2), count, shape: [1, 4, 1] };
}

const firsts = (set: ImageSet) => Array.from({ length: set.count }, (_, at) => set.images[4 * at]!);

describe('images that are kept for choosing', () => {
  const set = environment(['AMPC_CACHE']);

  it('are about the share of each class, others than the rest, and the same when others come', () => {
    const of = (count: number) => withValidation({ name: 'x', classes: ['a', 'b'], train: numbered(count), test: numbered(2) }, 0.2);
    const { train, validation, test } = of(200);
    assert.equal(test.count, 2);
    assert.equal(train.count + validation!.count, 200);
    for (const label of [0, 1]) {
      const count = validation!.labels.filter((one) => one === label).length;
      assert.ok(count > 8 && count < 32, `${count} of class ${label}`);
    }
    const [kept, rest] = [new Set(firsts(validation!)), firsts(train)];
    assert.ok(rest.every((first) => !kept.has(first)));
    for (const [at, first] of rest.entries()) assert.equal(train.labels[at], first % 2);
    const more = new Set(firsts(of(250).validation!));
    assert.ok([...kept].every((first) => more.has(first)));
  });

  it('of a folder are pictures by their names, between the others', () =>
    inTemporaryFolder(async (dir) => {
      set({ AMPC_CACHE: join(dir, 'cache') });
      for (let i = 0; i < 30; i++)
        put(
          dir,
          `x/${i < 24 ? 'train' : 'test'}/a/${i}.png`,
          await painted({ colour: [8 * i, 0, 0] })
            .png()
            .toBuffer(),
        );
      const size = { height: 1, width: 1, ...DEFAULT_SIZING };
      const spec: DatasetSpec = {
        name: 'folder("x")',
        source: { kind: 'folder', path: 'x', channels: 3 },
        image: [1, 1, 3],
        size,
        validation: 0.25,
        mean: [0],
        std: [1],
        augment: [],
      };
      const { train, validation, test } = await openData(spec, { place: join(dir, 'x') });
      const reds = [train, validation!, test].map(({ images, count }) => Array.from({ length: count }, (_, at) => images[3 * at]! / 8));
      assert.deepEqual(
        [...reds[0]!, ...reds[1]!].sort((a, b) => a - b),
        Array.from({ length: 24 }, (_, i) => i),
      );
      assert.deepEqual(reds[2], [24, 25, 26, 27, 28, 29]);
      assert.ok(validation!.count >= 2 && validation!.count <= 12, String(validation!.count));
    }));

  it('are reported apart from the test images, and choose the best weights', () =>
    inTemporaryFolder(async (dir) => {
      const random = (count: number, from: number) =>
        Uint8Array.from({ length: count }, (_, at) => Math.imul(at + from, 2654435761) >>> 24);
      const labels = (count: number, from: number) => npyIntegers([...random(count, from)].map((value) => value % 2));
      const files = {
        'x_train.npy': npy([60, 2, 2], random(240, 1)),
        'y_train.npy': labels(60, 7777),
        'x_test.npy': npy([20, 2, 2], random(80, 9999)),
        'y_test.npy': labels(20, 333),
      };
      put(dir, 'set.npz', zip(files));
      const program = `dataset npz("set.npz") { validation(0.4) }
model Net(image: dataset.shape) -> [dataset.classes] { image |> flatten |> linear(8) |> relu |> linear(dataset.classes) }
precision { compute fp32 }
train { optimizer adam(lr: 0.05)  batch 8  epochs 6 }`;
      put(dir, 'a.amp', program);
      const train = async (epochs: number) => {
        const run = join(dir, `run-${epochs}`);
        const { code, stderr, stdout } = await ampc(
          'train',
          join(dir, 'a.amp'),
          '--backend',
          'reference',
          '--epochs',
          String(epochs),
          '--out',
          run,
        );
        assert.equal(code, 0, stderr);
        const weights = (name: string) => readFileSync(join(run, `${name}.safetensors`));
        return { run, stdout, last: weights('last'), best: weights('best') };
      };
      const whole = await train(6);
      assert.match(whole.stdout, /epoch 6 {2}loss \S+ {2}validation loss \S+ {2}validation accuracy \S+ % {2}test loss/);
      assert.match(whole.stdout, /epoch +train loss +validation +test loss/);
      const lines = readFileSync(join(whole.run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
      const epochs = lines.map((line) => JSON.parse(line) as Record<string, number | string>).filter(({ event }) => event === 'epoch');
      const firstBest = (key: string) => {
        const values = epochs.map((epoch) => epoch[key] as number);
        return 1 + values.indexOf(Math.max(...values));
      };
      const chosen = firstBest('validation_accuracy');
      assert.notEqual(chosen, firstBest('test_accuracy'), 'the two would choose alike');
      assert.deepEqual(whole.best, (await train(chosen)).last);
    }));
});
