import assert from 'node:assert/strict';
import { join } from 'node:path';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import type { TrainEvent } from '../../src/index.js';
import type { DatasetSpec } from '../../src/ir/program.js';
import { openData } from '../../src/training/data/open.js';
import { ampc } from '../support/cli.js';
import { inTemporaryFolder } from './support/fake.js';
import { npy, npyIntegers, npyReals, zip } from './support/npy.js';
import { put } from './support/pictures.js';

/** Images that show nothing, with labels that only the first of two further numbers tells. */
function files(train: number, test: number): Record<string, Uint8Array> {
  const side = (name: string, count: number) => {
    const labels = Array.from({ length: count }, (_, i) => ((i * 7) % 3) % 2);
    return {
      [`x_${name}.npy`]: npy([count, 4, 4], new Uint8Array(16 * count)),
      [`y_${name}.npy`]: npyIntegers(labels),
      [`age_${name}.npy`]: npyReals(
        labels.flatMap((label, i) => [label === 0 ? -1 : 1, i / count]),
        [count, 2],
      ),
    };
  };
  return { ...side('train', train), ...side('test', test) };
}

const MODEL = `dataset npz("x.npz") {}
model Net(image: [4, 4, 1], age: [2]) -> [2] {
  image |> flatten |> concat(age) |> linear(2) as fc
}
precision { compute fp32 }
train { optimizer adam(lr: 0.1)  batch 8  epochs 3 }`;

const spec = (more: Partial<DatasetSpec> = {}): DatasetSpec => ({
  ...{ name: 'npz("x")', source: { kind: 'npz', path: 'x.npz' }, image: [4, 4, 1], mean: [0.5], std: [0.5], augment: [] },
  inputs: [{ name: 'age', shape: [2] }],
  ...more,
});

async function trained(dir: string, ...choices: readonly string[]) {
  const { code, stdout, stderr } = await ampc('train', join(dir, 'net.amp'), '--json', ...choices);
  assert.equal(code, 0, stderr);
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as TrainEvent);
  const last = events.findLast(({ event }) => event === 'epoch');
  assert.ok(last?.event === 'epoch');
  return last;
}

describe('further inputs of a model', () => {
  it('are learned from and evaluated with, the last smaller step included, to the same losses on each backend', () =>
    inTemporaryFolder(async (dir) => {
      put(dir, 'x.npz', zip(files(43, 19)));
      put(dir, 'net.amp', MODEL);
      const backends = ['cpu', 'reference'] as const;
      const [cpu, reference] = await Promise.all(
        backends.map((backend) => trained(dir, '--backend', backend, '--out', join(dir, backend))),
      );
      assert.equal(cpu!.test_accuracy, 1);
      assert.ok(Math.abs(cpu!.train_loss / reference!.train_loss - 1) < 1e-5, `${cpu!.train_loss}, not ${reference!.train_loss}`);
      const [here, there] = [Number(cpu!.test_loss), Number(reference!.test_loss)];
      assert.ok(Math.abs(here / there - 1) < 1e-5, `${here}, not ${there}`);
      const result = await ampc('eval', join(dir, 'cpu'), '--json');
      assert.equal(result.code, 0, result.stderr);
      assert.match(result.stdout, /"accuracy":1[,}]/);
      put(dir, 'mixed.amp', MODEL.replace('{}', '{ mixup() }'));
      const checked = await ampc('check', join(dir, 'mixed.amp'));
      assert.match(checked.stderr, /AMP4009.*`mixup` joins images, and not what belongs to them/);
      const predicted = await ampc('predict', join(dir, 'cpu'), 'a.png');
      assert.match(predicted.stderr, /AMP7402.*Net takes more than a picture/);
      assert.equal(predicted.code, 1);
    }));

  it('follow their images to the sides of a division, and are part of what a run goes on with', () =>
    inTemporaryFolder(async (dir) => {
      const count = 40;
      const pixels = Uint8Array.from({ length: count * 4 }, (_, i) => Math.floor(i / 4));
      const write = (first: number) =>
        put(
          dir,
          'x.npz',
          zip({
            'images.npy': npy([count, 2, 2], pixels),
            'labels.npy': npyIntegers(Array.from({ length: count }, (_, i) => i % 2)),
            'age.npy': npyReals(Array.from({ length: count }, (_, i) => (i === 0 ? first : i))),
          }),
        );
      const open = () =>
        openData(spec({ inputs: [{ name: 'age', shape: [1] }], split: { test: 0.25 }, validation: 0.2 }), { place: join(dir, 'x.npz') });
      write(0);
      const before = await open();
      for (const set of [before.train, before.test, before.validation!])
        for (let i = 0; i < set.count; i++) assert.equal(set.further!.age![i], set.images[4 * i]);
      write(99);
      assert.notEqual((await open()).content, before.content);
    }));

  it('are refused where the arrays do not have them, or other ones', () =>
    inTemporaryFolder(async (dir) => {
      const refusal = async (changed: Readonly<Record<string, Uint8Array | undefined>>) => {
        const all = Object.entries({ ...files(4, 4), ...changed }).filter((entry): entry is [string, Uint8Array] => entry[1] !== undefined);
        put(dir, 'x.npz', zip(Object.fromEntries(all)));
        try {
          await openData(spec(), { place: join(dir, 'x.npz') });
        } catch (error) {
          assert.ok(error instanceof UserError, String(error));
          const { code, message, why } = error.diagnostics[0]!;
          return `${code} ${message}: ${why}`;
        }
        return assert.fail('nothing was refused');
      };
      assert.match(await refusal({ 'age_test.npy': undefined }), /^AMP7016 .*has no `age_test`: the model takes `age` of each image/);
      assert.match(
        await refusal({ 'age_train.npy': npyReals([1, 2, 3, 4]) }),
        /^AMP7020 .*shape is \[4\]; with 4 images the model takes \[4, 2\]/,
      );
      const wrong = npyReals([0, Number.NaN, 0, 0, 0, 0, 0, 0], [4, 2]);
      assert.match(await refusal({ 'age_test.npy': wrong }), /^AMP7020 .*number 1 of it is NaN/);
    }));
});
