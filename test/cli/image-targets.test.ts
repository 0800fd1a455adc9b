import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { schemaProblem } from '../../src/files/schemas.js';
import { ampc } from '../support/cli.js';
import { useTiny } from '../support/tiny.js';

const AUTOENCODER = `model Tiny(image: [32, 32, 3]) -> [32, 32, 3] {
  image |> avg_pool2d(8) |> conv_transpose2d(3, kernel: 8, stride: 8) as out
}

train { loss mse(target: image)  optimizer adam(lr: 1e-2)  batch 8  epochs 3  seed 0 }
`;

describe('a model that learns its own images', () => {
  const work = useTiny(AUTOENCODER, 5);

  it('trains to a lower loss, without an accuracy anywhere, and keeps the weights of the lowest test loss', async () => {
    const run = work.path('run');
    const trained = await ampc(...work.args('train', work.program), '--out', run);
    assert.equal(trained.code, 0, trained.stderr);
    assert.match(trained.stdout, /test loss 0\.\d{4}; weights and metrics in/);
    assert.doesNotMatch(trained.stdout, /accuracy 0|%/);
    const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
    const epochs = lines.map((line) => JSON.parse(line)).filter(({ event }) => event === 'epoch');
    for (const line of lines) assert.equal(schemaProblem('events', JSON.parse(line)), undefined);
    const losses = epochs.map(({ test_loss }) => test_loss as number);
    assert.ok(losses[2]! < losses[0]!, String(losses));
    assert.deepEqual(
      epochs.map(({ test_accuracy }) => test_accuracy),
      [null, null, null],
    );
    assert.deepEqual(readFileSync(join(run, 'best.safetensors')), readFileSync(join(run, 'last.safetensors')));

    const evaluated = await ampc('eval', run, '--data', work.data, '--json');
    const { test_accuracy, test_loss } = JSON.parse(evaluated.stdout);
    assert.deepEqual([test_accuracy, test_loss], [null, losses[2]]);
    assert.equal(schemaProblem('events', JSON.parse(evaluated.stdout)), undefined);

    const doctor = await ampc('doctor', run);
    assert.equal(doctor.code, 0, doctor.stderr);
    assert.doesNotMatch(doctor.stdout, /guessing/);
  });

  it('has losses in the table of epochs, also of the images kept for validation, and no column of accuracies', async () => {
    const kept = work.file('kept.amp', `dataset cifar10 { validation(0.3) }\n${AUTOENCODER}`);
    const run = work.path('kept');
    const { stdout, stderr } = await ampc(...work.args('train', kept), '--out', run, '--epochs', '1');
    const [head, row] = stdout.slice(stdout.lastIndexOf('\n\nepoch ')).trim().split('\n');
    assert.deepEqual(head?.split(/ {2,}/), ['epoch', 'train loss', 'validation loss', 'test loss', 'images/s', 'skipped', 'time'], stderr);
    const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
    const epoch = lines.map((line) => JSON.parse(line)).find(({ event }) => event === 'epoch');
    assert.equal(row?.trim().split(/ {2,}/)[2], epoch.validation_loss.toFixed(4));
  });

  it('has no classes to predict', async () => {
    const run = work.path('predicted');
    await ampc(...work.args('train', work.program), '--out', run, '--epochs', '1');
    const { code, stderr } = await ampc('predict', run, 'a.png', '--data', work.data);
    assert.equal(code, 1);
    assert.equal(
      stderr,
      'error[AMP7402]: Tiny has no classes to name\n = why: its loss compares what it results in with the image\n' +
        ' = fix: measure how near it comes with ampc eval\n',
    );
  });
});
