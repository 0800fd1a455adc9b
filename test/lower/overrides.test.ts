import assert from 'node:assert/strict';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { listNames } from '../../src/diagnostics/suggest.js';
import type { Recipe } from '../../src/ir/program.js';
import { SOURCE_NAMES } from '../../src/lower/dataset.js';
import { lowerProgram } from '../../src/lower/lower.js';
import type { Overrides } from '../../src/lower/overrides.js';

const MODEL = 'model Net(image: [32, 32, 3]) -> [10] { image |> flatten |> linear(width) |> linear(10) }\n';
const FILE = `let width = 4
dataset cifar10 { flip() crop(padding: 4) }
${MODEL}
precision { loss_scale dynamic(1024, growth: 4) }
train { optimizer sgd(0.1, 0.9, nesterov: true) schedule one_cycle epochs 10 }
`;

function recipe(overrides: Overrides, text = FILE): Recipe {
  return lowerProgram({ path: 'net.amp', text }, { overrides }).recipe;
}

function failure(set: string): string {
  try {
    recipe({ set: [set] });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const [{ code, span, fix }] = error.diagnostics;
    return `${code} ${error.source?.path} ${error.source?.text.slice(span?.start, span?.end)}: ${fix ?? ''}`;
  }
  throw new Error(`${set} was accepted`);
}

describe('overrides', () => {
  it('set the common settings', () => {
    const { train, precision } = recipe({ epochs: 3, batch: 7, seed: 9, precision: 'fp32', policy: 'autocast' });
    assert.deepEqual([train.epochs, train.batch, train.seed, precision.compute, precision.policy], [3, 7, 9, 'f32', 'autocast']);
  });

  it('leave what is a share of the run as it is written', () => {
    assert.deepEqual(recipe({ epochs: 20 }).train.schedule, { kind: 'one_cycle', warmup: 0.3, divStart: 25, divEnd: 10000 });
  });

  it('take two points of one epoch for a jump, and no third', () => {
    const points = (text: string) => recipe({ set: [`train.schedule=piecewise(${text})`] }).train.schedule;
    assert.deepEqual(points('[[60, 1], [60, 0.2]]'), {
      kind: 'piecewise',
      points: [
        [60, 1],
        [60, 0.2],
      ],
    });
    assert.throws(() => points('[[60, 1], [60, 0.5], [60, 0.2]]'), /point 3 of the schedule, \[60, 0\.2\], is out of order/);
  });

  it('drop the loss scaling of fp16 for another format, unless it is set too', () => {
    assert.equal(recipe({ precision: 'bf16' }).precision.lossScaling, undefined);
    assert.equal(recipe({ precision: 'fp16' }).precision.lossScaling?.kind, 'dynamic');
    assert.deepEqual(recipe({ precision: 'bf16', set: ['precision.loss_scale=static(8)'] }).precision.lossScaling, {
      kind: 'static',
      scale: 8,
    });
  });

  it('change one argument and keep the others, also positional ones', () => {
    assert.deepEqual(recipe({ set: ['train.lr=0.5'] }).train.optimizer, {
      kind: 'sgd',
      lr: 0.5,
      momentum: 0.9,
      nesterov: true,
      weightDecay: 0,
    });
    assert.deepEqual(recipe({ set: ['train.optimizer.momentum=0.5', 'train.weight_decay=1e-4'] }).train.optimizer, {
      kind: 'sgd',
      lr: 0.1,
      momentum: 0.5,
      nesterov: true,
      weightDecay: 1e-4,
    });
    const scaling = recipe({ set: ['precision.loss_scale.init=2'] }).precision.lossScaling;
    assert.ok(scaling?.kind === 'dynamic' && scaling.init === 2 && scaling.growth === 4);
  });

  it('replace whole settings', () => {
    assert.deepEqual(recipe({ set: ['train.optimizer=adamw(lr: 2e-3)'] }).train.optimizer, {
      kind: 'adamw',
      lr: 0.002,
      beta1: 0.9,
      beta2: 0.999,
      eps: 1e-8,
      weightDecay: 0.01,
    });
    assert.deepEqual(recipe({ set: ['train.schedule=piecewise([[0, 0], [5, 1]])'] }).train.schedule, {
      kind: 'piecewise',
      points: [
        [0, 0],
        [5, 1],
      ],
    });
    assert.equal(recipe({ set: ['train.batch=2 * 16'] }).train.batch, 32);
  });

  it('change the data set and its augmentation', () => {
    const { dataset } = recipe({
      set: ['dataset=shapes', 'dataset.flip=false', 'dataset.crop.padding=2', 'dataset.normalize.mean=[0.1, 0.2, 0.3]'],
    });
    assert.deepEqual([dataset.name, dataset.mean, dataset.std], ['shapes', [0.1, 0.2, 0.3], [0.5, 0.5, 0.5]]);
    assert.deepEqual(dataset.augment, [{ kind: 'crop', padding: 2 }]);
    assert.deepEqual(recipe({ set: ['dataset.crop=false'] }).dataset.augment, [{ kind: 'flip' }]);
    assert.deepEqual(recipe({ set: ['dataset.crop=true'] }, `let width = 2\n${MODEL}`).dataset.augment, [{ kind: 'crop', padding: 4 }]);
  });

  it('add sections that the file does not have', () => {
    const { train, precision } = recipe({ set: ['train.epochs=2', 'precision.init=8', 'train.lr=1'] }, `let width = 2\n${MODEL}`);
    assert.equal(train.epochs, 2);
    assert.ok(precision.lossScaling?.kind === 'dynamic' && precision.lossScaling.init === 8);
    assert.ok(train.optimizer.kind === 'adam' && train.optimizer.lr === 1);
  });

  it('change a `let` of the file', () => {
    const { train } = lowerProgram({ path: 'net.amp', text: FILE }, { overrides: { set: ['width=6'] } });
    assert.deepEqual(train.nodes.find((node) => node.attrs.name === 'linear_1.weight')?.type.shape, [3072, 6]);
  });

  it('say what is wrong with the option, not with the file', () => {
    assert.deepEqual(
      [
        'train.bach=3',
        'trian.batch=3',
        'train.batch',
        'train.batch=0',
        'train.batch=x',
        'train.schedule=one_cyle',
        'train.optimizer.beta1=0.5',
        'dataset=imagenet',
        'widht=3',
        'train.optimizer.lr.x=3',
      ].map(failure),
      [
        'AMP4010 --set bach: did you mean `batch`?',
        'AMP4010 --set trian: did you mean `train`?',
        'AMP4010 --set train.batch: such as `train.lr=0.1`',
        'AMP4005 --set 0: ',
        'AMP2008 --set x: ',
        'AMP4003 --set one_cyle: did you mean `one_cycle`?',
        'AMP4010 --set beta1: the arguments are `lr`, `momentum`, `nesterov`, `weight_decay` and `decay_norms`',
        `AMP4010 --set imagenet: the data sets are ${listNames(SOURCE_NAMES, 'and')}`,
        'AMP4010 --set widht: did you mean `width`?',
        'AMP4010 --set train.optimizer.lr.x: ',
      ],
    );
  });

  it('report settings that contradict the file without a place in it', () => {
    assert.throws(
      () => recipe({ set: ['train.momentum=0'] }),
      (error) => error instanceof UserError && error.diagnostics[0].code === 'AMP4009',
    );
  });
});
