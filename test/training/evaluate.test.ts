import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import type { LossKind, LossSpec } from '../../src/ir/program.js';
import { LOSSES } from '../../src/lower/choices/loss.js';
import type { Place } from '../../src/lower/setting.js';
import { createBackend } from '../../src/runtime/reference/index.js';
import { evaluate } from '../../src/training/evaluate.js';
import { predictImages, readImage } from '../../src/training/predict.js';
import { initialStates } from '../../src/training/states.js';
import { type Model, planOf } from '../support/network.js';
import { FakeExecutable, fakeDataset, fakePlan, inTemporaryFolder } from './support/fake.js';

async function model(evalBatch = 4): Promise<{ plan: ReturnType<typeof fakePlan>; executable: FakeExecutable }> {
  const plan = fakePlan({ evalBatch });
  const executable = new FakeExecutable(plan);
  await executable.writeStates(initialStates(plan, 1));
  return { plan, executable };
}

/** A loss with the defaults of the language. */
function lossOf(kind: LossKind): LossSpec {
  return LOSSES[kind].read(Object.fromEntries(LOSSES[kind].params.map(({ name, default: value }) => [name, value!])), {} as Place);
}

describe('evaluate', () => {
  it('gives the same for any batch size, padded or not, in series or batch by batch', async () => {
    const { test } = fakeDataset(4, 12);
    const results = await Promise.all(
      [1, 4, 5, 12, 50].flatMap((batch) =>
        [true, false].map(async (series) => {
          const { plan, executable } = await model(batch);
          if (!series) executable.series = undefined;
          return evaluate(executable, plan, test);
        }),
      ),
    );
    for (const result of results) {
      assert.equal(result?.accuracy, results[0]?.accuracy);
      assert.ok(Math.abs((result?.loss ?? 0) - (results[0]?.loss ?? 1)) < 1e-6);
      assert.equal(result?.images, 12);
    }
  });

  it('takes the mean by weights over the whole set, padded or not, and images that are ignored for nothing', async () => {
    const { test } = fakeDataset(4, 12);
    const [, height, width, channels] = [0, ...test.shape];
    const losses = await Promise.all(
      [1, 5, 12].map(async (batch) => {
        const network: Model = ({ image, call }) => call('linear', call('flatten', image), { features: 10 }, { as: 'fc' });
        const weights = Array.from({ length: 10 }, (_, label) => 1 + label);
        const loss = { kind: 'cross_entropy', labelSmoothing: 0, reduction: 'sum', weights, ignore: 1 } as const;
        const options = { batch, image: [height, width, channels] as number[], precision: { compute: 'f32' }, train: { loss } } as const;
        const plan = planOf(network, options as never);
        const executable = await createBackend().load(plan, {});
        await executable.writeStates(initialStates(plan, 1));
        return (await evaluate(executable, plan, test))!.loss;
      }),
    );
    assert.ok(losses[0]! > 0.5);
    for (const loss of losses) assert.ok(Math.abs(loss - losses[0]!) < 1e-6, String(losses));
  });

  it('has a loss and no accuracy where the model makes images, padded or not', async () => {
    const { test } = fakeDataset(4, 12);
    const results = await Promise.all(
      [1, 5, 12].map(async (batch) => {
        const network: Model = ({ image, call }) => call('conv2d', image, { channels: test.shape.at(-1)!, kernel: 1 }, { as: 'out' });
        const train = { loss: { kind: 'l1', reduction: 'sum', target: 'image' } } as const;
        const options = { batch, image: test.shape, precision: { compute: 'f32' }, train } as const;
        const plan = planOf(network, options as never);
        const executable = await createBackend().load(plan, {});
        await executable.writeStates(initialStates(plan, 1));
        return (await evaluate(executable, plan, test))!;
      }),
    );
    for (const { accuracy, loss } of results) {
      assert.equal(accuracy, undefined);
      assert.ok(loss > 0.1 && Math.abs(loss - results[0]!.loss) < 1e-6, String(loss));
    }
  });

  it('stops when asked to', async () => {
    const { plan, executable } = await model();
    const controller = new AbortController();
    const onProgress = (done: number): void => {
      if (done >= 4) controller.abort();
    };
    assert.equal(await evaluate(executable, plan, fakeDataset(4, 40).test, { signal: controller.signal, onProgress }), undefined);
    assert.deepEqual(await executable.drain(), []);
  });
});

describe('predictImages', () => {
  const picture = (width: number, height: number) =>
    sharp({ create: { width, height, channels: 3, background: { r: 200, g: 30, b: 90 } } });

  it('reads PNG and JPEG of any size and ranks the classes', () =>
    inTemporaryFolder(async (dir) => {
      const paths = ['a.png', 'b.jpg', 'c.png', 'd.png', 'e.png'].map((name) => join(dir, name));
      for (const [index, path] of paths.entries()) await picture(10 + 30 * index, 40).toFile(path);
      const { plan, executable } = await model();
      const predictions = await predictImages(executable, plan, paths, { classes: ['x', 'y'] });
      assert.deepEqual(
        predictions.map(({ path }) => path),
        paths,
      );
      for (const { top } of predictions) {
        assert.deepEqual(top.map(({ name }) => name).sort(), ['2', 'x', 'y']);
        assert.ok(Math.abs(top.reduce((sum, { probability }) => sum + probability, 0) - 1) < 1e-9);
        assert.ok(top.every(({ probability }, index) => index === 0 || probability <= top[index - 1].probability));
      }
    }));

  it('gives the probabilities that the loss means, whether the model ends with them or not', () =>
    inTemporaryFolder(async (dir) => {
      const path = join(dir, 'a.png');
      await picture(8, 8).toFile(path);
      const probabilities = async (kind: LossKind, end?: 'sigmoid' | 'softmax'): Promise<number[]> => {
        const network: Model = ({ image, call }) => {
          const logits = call('linear', call('flatten', image), { features: 10 }, { as: 'fc' });
          return end === undefined ? logits : call(end, logits);
        };
        const plan = planOf(network, { precision: { compute: 'f32' }, train: { loss: lossOf(kind) } });
        const executable = await createBackend().load(plan, {});
        await executable.writeStates(initialStates(plan, 1));
        const [{ top }] = await predictImages(executable, plan, [path], { classes: [], top: 10 });
        return top.map(({ probability }) => probability);
      };
      for (const [kind, end] of [
        ['cross_entropy', 'softmax'],
        ['mse', 'softmax'],
        ['binary_cross_entropy', 'sigmoid'],
        ['focal', 'sigmoid'],
        ['huber', 'softmax'],
      ] as const) {
        const [without, within] = [await probabilities(kind), await probabilities(kind, end)];
        for (const [i, p] of without.entries()) assert.ok(Math.abs(p - within[i]!) < 1e-6, `${kind}: ${without} and ${within}`);
        const sum = without.reduce((total, p) => total + p, 0);
        assert.equal(Math.abs(sum - 1) < 1e-6, end === 'softmax', `${kind}: ${sum}`);
      }
    }));

  it('brings pictures to the model’s size and channels', () =>
    inTemporaryFolder(async (dir) => {
      const path = join(dir, 'a.png');
      await sharp({ create: { width: 90, height: 30, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } } }).toFile(path);
      assert.deepEqual([...(await readImage(path, [2, 2, 3]))], new Array(12).fill(255));
      assert.equal((await readImage(path, [3, 4, 1])).length, 12);
    }));

  it('names every file that is no picture', () =>
    inTemporaryFolder(async (dir) => {
      await writeFile(join(dir, 'a.png'), 'not a picture');
      const { plan, executable } = await model();
      await assert.rejects(predictImages(executable, plan, [join(dir, 'a.png'), join(dir, 'b.png')], { classes: [] }), (error) => {
        assert.ok(error instanceof UserError);
        assert.deepEqual(
          error.diagnostics.map(({ code }) => code),
          ['AMP7401', 'AMP7401'],
        );
        return true;
      });
    }));
});
