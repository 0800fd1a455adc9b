import { DEFAULT_SIZING, FILTERS, FITS } from '../datasets/source.js';
import { AUGMENTATIONS } from './choices/augmentation.js';
import { AVERAGES } from './choices/average.js';
import { EARLY_STOPS } from './choices/early-stop.js';
import { AUX_LOSSES, LOSSES, LOST_LOSS } from './choices/loss.js';
import { OPTIMIZERS } from './choices/optimizer.js';
import { COMPUTE_FORMATS, LOSS_SCALES, POLICIES, WIRE_FORMATS } from './choices/precision.js';
import { SCHEDULES } from './choices/schedule.js';
import { TEST_TIMES } from './choices/test-times.js';
import { VIEWS } from './choices/views.js';
import { choice, type Setting, type SettingParam, scalar } from './setting.js';

/** Words in the place of both statistics: those of the training images at hand, and those that models trained on ImageNet take. */
export const STATISTICS_WORDS = ['measured', 'imagenet'] as const;

const NORMALIZE: readonly SettingParam[] = [
  {
    name: 'mean',
    kind: 'channels',
    words: STATISTICS_WORDS,
    default: 0.5,
    min: 0,
    max: 1,
    doc: 'in the range 0..1; one number or one per channel, `measured` of the training images, or `imagenet`',
  },
  {
    name: 'std',
    kind: 'channels',
    words: STATISTICS_WORDS,
    default: 0.5,
    above: 0,
    max: 100,
    doc: 'as `mean`; where that is a word, it is the same',
  },
];

export const DATASET_SETTINGS: readonly Setting[] = [
  {
    name: 'size',
    doc: 'brings all images to one size, in training and wherever the model is given a picture',
    value: {
      kind: 'call',
      params: [
        { name: 'pixels', kind: 'pair', min: 1, max: 8192, doc: 'of a square, or `[height, width]`' },
        {
          name: 'fit',
          kind: 'word',
          words: FITS,
          default: DEFAULT_SIZING.fit,
          doc: 'other proportions are cut around the centre, put between black edges, or not kept',
        },
        { name: 'filter', kind: 'word', words: FILTERS, default: DEFAULT_SIZING.filter, doc: 'kernel of the resizing' },
      ],
    },
  },
  {
    name: 'split',
    doc: 'takes images of each class for testing, chosen by their names, so that none changes sides when others are added',
    value: {
      kind: 'call',
      params: [{ name: 'test', kind: 'number', above: 0, below: 1, doc: 'about this share of each class, and at least one image of two' }],
    },
  },
  {
    name: 'validation',
    doc: 'keeps a part of the training images of each class for choosing the best weights, and reports it apart from the test images',
    value: {
      kind: 'call',
      params: [{ name: 'part', kind: 'number', above: 0, below: 1, doc: 'about so much of each class, chosen by names or contents' }],
    },
  },
  {
    name: 'skip_broken',
    doc:
      'leaves out files that are no pictures, or damaged ones, and says how many; without it they are an error that names them all. ' +
      'A class that is left without any is an error all the same. All are decoded before the first step',
    value: { kind: 'call', params: [] },
  },
  {
    name: 'normalize',
    doc: 'turns bytes into floats: (pixel / 255 - mean) / std; `normalize(measured)` and `normalize(imagenet)` give both',
    value: { kind: 'call', params: NORMALIZE },
  },
  ...Object.entries(AUGMENTATIONS).map(([name, { doc, params }]): Setting => ({ name, doc, value: { kind: 'call', params } })),
];

export const COMPUTE = choice('compute', 'format of convolutions, linear layers and what lies between them', COMPUTE_FORMATS, 'fp16');
export const POLICY = choice('policy', 'how formats are decided', POLICIES, 'mixed');
export const LOSS_SCALE = choice(
  'loss_scale',
  'keeps small gradients from vanishing in fp16; by default dynamic for fp16 and none for the others',
  LOSS_SCALES,
  undefined,
);

export const COMMUNICATE = choice(
  'communicate',
  'format in which gradients travel where several ranks train together; each has been divided by the number of ranks before',
  WIRE_FORMATS,
  'fp32',
);

export const MASTERS = choice(
  'masters',
  'format in which the weights of convolutions and linear layers live between steps; biases and what norms learn stay in fp32',
  WIRE_FORMATS,
  'fp32',
);

export const OPTIMIZER_STATE = choice(
  'optimizer_state',
  'format in which the optimizer keeps what it knows of each parameter, such as its momentum',
  WIRE_FORMATS,
  'fp32',
);

export const PRECISION_SETTINGS: readonly Setting[] = [COMPUTE, POLICY, LOSS_SCALE, MASTERS, OPTIMIZER_STATE, COMMUNICATE];

/** `keep PATTERN in FORMAT` stands beside the settings of `precision`. */
export const KEEP_FORMATS: readonly string[] = Object.keys(COMPUTE_FORMATS);

export const LOSS = choice('loss', 'what is minimised: a mean over the batch, or a sum', LOSSES, 'cross_entropy');
/** Of `aux_loss NAME LOSS`, which may stand there more than once and is no setting. */
export const AUX_LOSS = choice('aux_loss', 'what is minimised besides, of a value of the model', AUX_LOSSES, undefined);
export const OPTIMIZER = choice('optimizer', 'update rule; those that PyTorch has follow it', OPTIMIZERS, 'adam');
/** The numbers that an optimizer takes, as settings of a `group` line: what it leaves out is as it is for all. */
export function numbersOfOptimizer(name: string): readonly Setting[] {
  const { params = [] } = OPTIMIZER.words[name] ?? {};
  return params.map(({ default: _, ...param }) => ({ name: param.name, doc: param.doc, value: { kind: 'scalar', param } }));
}

export const SCHEDULE = choice('schedule', 'factor on the learning rate over time', SCHEDULES, 'constant');
const OF_ALL = 'left out: as for all';
/** Of `group OF { … }`, which may stand there more than once and is no setting. */
export const GROUP_OPTIMIZER = choice(OPTIMIZER.name, `update rule of its own, with all of its numbers; ${OF_ALL}`, OPTIMIZERS, undefined);
export const GROUP_SCHEDULE = choice(SCHEDULE.name, `factor on its own learning rate over time; ${OF_ALL}`, SCHEDULES, undefined);
export const GROUP_WARMUP = scalar('warmup', `epochs over which its rate first rises from 0; ${OF_ALL}`, {
  kind: 'number',
  min: 0,
  max: 1_000_000,
});
export const GROUP_FACTORS = {
  lr: scalar('lr_times', "factor on the optimizer's `lr`", { kind: 'number', above: 0 }),
  decay: scalar('weight_decay_times', "factor on the optimizer's `weight_decay`", { kind: 'number', min: 0 }),
} as const;

export const EARLY_STOP = choice(
  'early_stop',
  'ends the run, as one that is done, once a number of an epoch has not become better in so many epochs; by default none does',
  EARLY_STOPS,
  undefined,
);
export const AVERAGE = choice('average', 'average of the weights over the steps, by default none', AVERAGES, undefined);
export const EVALUATE = choice(
  'evaluate',
  'what is made of each image in evaluation and prediction; by default it is looked at as it is',
  VIEWS,
  undefined,
);
export const TEST = choice('test', 'when the test images are evaluated; by default behind each epoch', TEST_TIMES, undefined);
export const ON_LOST_LOSS = choice(
  'on_lost_loss',
  'what follows a loss that is infinite or NaN, in a step that no loss scaling skips',
  LOST_LOSS,
  'stop',
);

export const TRAIN_SETTINGS: readonly Setting[] = [
  LOSS,
  OPTIMIZER,
  SCHEDULE,
  AVERAGE,
  EVALUATE,
  TEST,
  scalar('warmup', 'epochs over which the rate first rises from 0, before and times the schedule', {
    kind: 'number',
    default: 0,
    min: 0,
    max: 1_000_000,
  }),
  scalar('clip', 'largest global norm of the gradients, applied after unscaling; 0 does not clip', { kind: 'number', default: 0, min: 0 }),
  scalar('batch', 'images of one step (of one micro-batch, with accumulate)', { kind: 'int', default: 64, min: 1, max: 65536 }),
  scalar('accumulate', 'micro-batches of one optimizer step; an overflow in one of them skips the whole step', {
    kind: 'int',
    default: 1,
    min: 1,
    max: 65536,
  }),
  scalar('drop_last', 'true: leave out the images that fill no whole step at the end of an epoch, instead of a smaller last step', {
    kind: 'boolean',
    default: false,
  }),
  scalar('epochs', 'passes over the training images; a part of one ends behind the step in which it would', {
    kind: 'number',
    default: 10,
    above: 0,
    max: 1_000_000,
  }),
  EARLY_STOP,
  ON_LOST_LOSS,
  scalar('seed', 'of initial weights, shuffling, augmentation and dropout', { kind: 'int', default: 0, min: 0, max: 2 ** 32 - 1 }),
];

/** The sections that hold settings. */
export const SETTINGS = {
  dataset: DATASET_SETTINGS,
  precision: PRECISION_SETTINGS,
  train: TRAIN_SETTINGS,
} as const;

export type SettingsSection = keyof typeof SETTINGS;

/** The words that arguments of settings may be. */
export function settingWords(): readonly string[] {
  const paramsOf = ({ value }: Setting) => {
    if (value.kind === 'choice') return value.choices.flatMap(({ params }) => params);
    return value.kind === 'call' ? value.params : [];
  };
  return Object.values(SETTINGS).flatMap((settings) => settings.flatMap((setting) => paramsOf(setting).flatMap(({ words = [] }) => words)));
}
