import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import {
  type Batches,
  compile,
  earlyStopping,
  evaluate,
  type ImageBatch,
  listRuns,
  load,
  plan,
  type TrainEvent,
  train,
  UserError,
} from '../../src/index.js';
import { useTiny } from '../support/tiny.js';

const SHAPE = [8, 8, 3] as const;
const BYTES = 8 * 8 * 3;

/** Two classes that a pixel's brightness tells apart. */
function* batches(count: number, size = 4, dark = 40, bright = 200): Generator<ImageBatch> {
  const images = new Uint8Array(size * BYTES);
  const labels = new Int32Array(size);
  for (let batch = 0; batch < count; batch += 1) {
    for (let i = 0; i < size; i += 1) {
      labels[i] = (batch + i) % 2;
      images.fill(labels[i] === 0 ? dark + batch : bright - batch, i * BYTES, (i + 1) * BYTES);
    }
    // The same memory again: it is copied.
    yield { images, labels };
  }
}

async function* later(source: Batches): AsyncGenerator<ImageBatch> {
  for await (const batch of source) yield batch;
}

const TWO = `dataset folder("images") { size(8) normalize(mean: 0.5, std: 0.5) }
model Two(image: [8, 8, 3]) -> [2] { image |> global_avg_pool |> linear(2) as fc }
precision { compute fp32 }
train { loss cross_entropy optimizer sgd(lr: 0.5) batch 4 epochs 8 seed 0 }
`;

async function refusal(promise: Promise<unknown>): Promise<UserError['diagnostics'][number]> {
  const error = await promise.then(
    () => assert.fail('it was taken'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof UserError, String(error));
  return error.diagnostics[0]!;
}

describe('from TypeScript', () => {
  const tiny = useTiny();
  const source = { path: 'two.amp', text: TWO };
  const backend = 'reference';
  const data = () => ({ train: later(batches(6)), test: batches(2), classes: ['dark', 'bright'] });
  const options = (out: string) => ({ backend, out: tiny.path(out), batches: data() }) as const;

  it('batches of a program are data: a run learns them, is evaluated and predicts', async () => {
    const run = await train(source, options('batches'));
    assert.equal(run.testAccuracy, 1);
    assert.equal(run.history.length, 8);
    assert.deepEqual([run.interrupted, run.isStopped], [false, false]);
    const result = await evaluate(run, { batches: batches(3) });
    assert.equal(result!.accuracy, 1);
    assert.equal(result!.details!.per_class[1]!.name, 'bright');
    const model = await load(run);
    assert.deepEqual(model.shape, SHAPE);
    assert.deepEqual(model.classes, ['dark', 'bright']);
    const bytes = new Uint8Array(BYTES).fill(51);
    const fromBytes = await model.predict(bytes);
    assert.equal(fromBytes.top![0]!.name, 'dark');
    assert.ok(Math.abs(fromBytes.probabilities!.reduce((sum, part) => sum + part, 0) - 1) < 1e-6);
    // The same pixels in every form that a picture has.
    const png = await sharp(bytes, { raw: { width: 8, height: 8, channels: 3 } })
      .png()
      .toBuffer();
    const path = tiny.path('dark.png');
    await sharp(png).toFile(path);
    const others = await model.predict([
      new Float32Array(BYTES).fill(0.2),
      new Uint8Array(png),
      path,
      new Uint8Array(BYTES).fill(220),
      bytes,
      bytes,
    ]);
    for (const at of [0, 1, 2, 4, 5]) assert.deepEqual(others[at]!.output, fromBytes.output, String(at));
    assert.equal(others[3]!.top![0]!.name, 'bright');
    assert.equal((await refusal(model.predict(new Float32Array(BYTES).fill(3)))).code, 'AMP7404');
    assert.equal((await refusal(model.predict(new Uint8Array(5)))).code, 'AMP7401');
    await model.close();
  });

  it('resumed runs go on with the same batches alone', async () => {
    const whole = await train(source, options('whole'));
    const first = await train(source, { ...options('half'), maxSteps: 20 });
    await train(source, { backend, resume: first.run, batches: data(), maxSteps: 48 });
    const weights = (run: string) => readFileSync(join(run, 'last.safetensors'));
    assert.deepEqual(weights(first.run), weights(whole.run));
    const other = { ...data(), train: batches(6, 4, 41) };
    const { code } = await refusal(train(source, { backend, resume: first.run, batches: other }));
    assert.match(code, /^AMP72/);
  });

  it('callbacks are told of the run and end it, as one that is done', async () => {
    const told: string[] = [];
    const stopped = await train(source, {
      ...options('stopped'),
      callbacks: [
        {
          onStart: ({ model }) => void told.push(model),
          onEpoch: async ({ epoch }, control) => {
            await Promise.resolve();
            told.push(`epoch ${epoch}`);
            if (epoch === 3) control.stop();
          },
        },
      ],
    });
    assert.deepEqual(told, ['Two', 'epoch 1', 'epoch 2', 'epoch 3']);
    assert.deepEqual([stopped.interrupted, stopped.isStopped, stopped.epochs, stopped.history.length], [false, true, 3, 3]);
    const { runs } = await listRuns(tiny.dir);
    assert.equal(runs.find(({ run }) => run === stopped.run)!.state, 'complete');
    // Within an epoch as well: what is saved is of the step that it ended with.
    const events: TrainEvent[] = [];
    const early = await train(source, {
      ...options('early'),
      logEvery: 1,
      onEvent: (event) => void events.push(event),
      callbacks: [{ onStep: ({ step }, control) => (step >= 2 ? control.stop() : undefined) }],
    });
    assert.equal(early.isStopped, true);
    assert.ok(early.steps < 48 && early.hasWeights);
    assert.equal(events.at(-1)!.event, 'done');
  });

  it('early stopping ends a run that no longer gets better', async () => {
    const run = await train(source, {
      ...options('patience'),
      callbacks: [earlyStopping({ monitor: 'test_loss', patience: 2, minDelta: 10 })],
    });
    assert.deepEqual([run.isStopped, run.epochs], [true, 3]);
    const better = await train(source, { ...options('better'), callbacks: [earlyStopping({ monitor: 'train_loss', patience: 2 })] });
    assert.deepEqual([better.isStopped, better.epochs], [false, 8]);
  });

  it('compiles, plans, and says mistakes as data', async () => {
    const compiled = await compile(source, { backend });
    assert.equal(compiled.plan.model, 'Two');
    const report = await plan(source, { backend });
    assert.equal(report.model, 'Two');
    const { code, span, fix } = await refusal(train({ path: 'wrong.amp', text: TWO.replace('linear(2)', 'linaer(2)') }));
    assert.match(code, /^AMP/);
    assert.equal(TWO.replace('linear(2)', 'linaer(2)').slice(span!.start, span!.end), 'linaer');
    assert.match(fix ?? '', /linear/);
  });

  it('batches that are no images of the file are refused', async () => {
    const one = (images: Uint8Array, labels: readonly number[]) => ({
      ...options('refused'),
      batches: { train: [{ images, labels }], test: batches(1) },
    });
    for (const [images, labels] of [
      [new Uint8Array(BYTES - 1), [0]],
      [new Uint8Array(BYTES), [-1]],
      [new Uint8Array(0), []],
    ] as const)
      assert.equal((await refusal(train(source, one(images, labels)))).code, 'AMP7031');
    const { code } = await refusal(train(source, { ...options('labels'), batches: { ...data(), classes: ['only'] } }));
    assert.equal(code, 'AMP7031');
  });
});
