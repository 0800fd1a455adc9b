import assert from 'node:assert/strict';
import {
  bench,
  calibrate,
  compile,
  dataInfo,
  dataPreview,
  diffPlans,
  dryRun,
  evaluate,
  exportModel,
  fileCosts,
  findLearningRate,
  importModel,
  largestBatch,
  load,
  plan,
  predict,
  profile,
  resume,
  sweep,
  type TrainOptions,
  train,
  tune,
  UserError,
  verify,
} from '../../src/index.js';
import { useTiny } from '../support/tiny.js';

async function refused(promise: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  const error = await promise.then(
    () => assert.fail('it was taken'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof UserError, String(error));
  const [first] = error.diagnostics;
  assert.equal(first!.code, code);
  assert.match([first!.message, first!.why, first!.fix].join('\n'), message);
}

describe('calls that JavaScript lets through', () => {
  const tiny = useTiny();
  const run = () => tiny.path('run');
  const options = (): TrainOptions => ({ backend: 'reference', data: tiny.data, maxSteps: 1 });
  const batches = (...labels: readonly number[]) => [{ images: new Uint8Array(32 * 32 * 3 * labels.length), labels }];

  before(() => train(tiny.program, { ...options(), out: run() }));

  it('export: a run as evaluate takes it, and formats by name', async () => {
    const { files } = await exportModel({ run: run() }, { to: 'onnx', out: tiny.path('net.onnx'), data: tiny.data });
    assert.deepEqual(files, ['net.onnx']);
    await refused(exportModel(run(), { to: 'tf' as 'onnx' }), 'AMP6214', /^"tf" is no format to export to\nthe formats are .*onnx/);
  });

  it('train: a set that is no list, and options that are nearly some', async () => {
    const set = 'train.lr=1' as unknown as string[];
    await refused(
      train(tiny.program, { ...options(), set }),
      'AMP6214',
      /^`set` is not a list of texts\nit is "train\.lr=1"\ngive an array/,
    );
    await refused(train(tiny.program, { ...options(), resume: run(), set }), 'AMP6214', /^`set` is not a list/);
    const misspelt = { ...options(), epoch: 1 };
    await refused(train(tiny.program, misspelt), 'AMP6214', /^train has no option `epoch`\n.*\ndid you mean `epochs`\?/);
  });

  it('every function refuses what is none of its options, with all of them', async () => {
    const odd: Record<string, unknown> = { frobnicate: true };
    const is = (caller: string, also: string) => new RegExp(`^${caller} has no option \`frobnicate\`\n.*\n${caller} takes .*${also}`);
    await refused(train(tiny.program, odd), 'AMP6214', is('train', 'maxSteps.*workers'));
    await refused(resume(run(), odd), 'AMP6214', is('resume', 'maxSteps'));
    await refused(resume(run(), { out: 'x' } as object), 'AMP6214', /^resume has no option `out`/);
    await refused(sweep(tiny.program, odd), 'AMP6214', is('sweep', 'jobs'));
    await refused(evaluate(run(), odd), 'AMP6214', is('evaluate', 'dataSet'));
    await refused(predict(run(), [], odd), 'AMP6214', is('predict', 'top'));
    await refused(load(run(), odd), 'AMP6214', is('load', 'top'));
    const file = tiny.program;
    await refused(compile(file, odd), 'AMP6214', is('compile', 'epoch'));
    await refused(plan(file, odd), 'AMP6214', is('plan', 'epoch'));
    await refused(diffPlans(file, file, odd), 'AMP6214', is('diffPlans', 'policy'));
    await refused(bench(file, odd), 'AMP6214', is('bench', 'warmup'));
    await refused(profile(file, odd), 'AMP6214', is('profile', 'warmup'));
    await refused(verify(file, odd), 'AMP6214', is('verify', 'minCosine'));
    await refused(calibrate(file, odd), 'AMP6214', is('calibrate', 'init'));
    await refused(tune(file, odd), 'AMP6214', is('tune', 'steps'));
    await refused(fileCosts(file, odd), 'AMP6214', is('fileCosts', 'steps'));
    await refused(findLearningRate(file, odd), 'AMP6214', is('findLearningRate', 'workers'));
    await refused(largestBatch(file, odd), 'AMP6214', is('largestBatch', 'memory'));
    await refused(exportModel(run(), { to: 'onnx', ...odd }), 'AMP6214', is('exportModel', 'weights'));
    await refused(importModel('net.onnx', odd), 'AMP6214', is('importModel', 'out'));
    await refused(dataInfo('cifar10', odd), 'AMP6214', is('dataInfo', 'split'));
    await refused(dataPreview(file, { out: 'x.png', ...odd }), 'AMP6214', is('dataPreview', 'images'));
    await refused(dryRun(file, odd), 'AMP6214', is('train', 'workers'));
  });

  it('train: a label beyond the classes is told with its batch', async () => {
    const data = { train: [...batches(1, 2), ...batches(3, 12)], test: batches(1) };
    await refused(
      train(tiny.program, { ...options(), batches: data }),
      'AMP7031',
      /^batch 2 of the training images cannot be used\nit has the label 12, and there are 10 classes, from 0 to 9\n/,
    );
  });

  it('predict: what is no picture, and a model that is closed', async () => {
    const model = await load(run(), { data: tiny.data });
    for (const wrong of [42, null, undefined, { a: 1 }])
      await refused(model.predict(wrong as unknown as string), 'AMP7404', /is no picture\na picture is the path of a file, a Uint8Array/);
    await refused(model.predict(['a.png', 42] as string[]), 'AMP7404', /^42 is no picture/);
    await model.close();
    await model.close();
    await refused(model.predict(new Uint8Array(48)), 'AMP7405', /^Tiny is closed\n/);
  });
});
