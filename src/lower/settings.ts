import { AUGMENTATIONS } from './choices/augmentation.js';
import { LOSSES, LOST_LOSS } from './choices/loss.js';
import { OPTIMIZERS } from './choices/optimizer.js';
import { COMPUTE_FORMATS, LOSS_SCALES, POLICIES } from './choices/precision.js';
import { SCHEDULES } from './choices/schedule.js';
import { choice, type Setting, scalar } from './setting.js';

export const DATASET_SETTINGS: readonly Setting[] = [
  {
    name: 'normalize',
    doc: 'turns bytes into floats: (pixel / 255 - mean) / std',
    value: {
      kind: 'call',
      params: [
        { name: 'mean', kind: 'channels', default: 0.5, min: 0, max: 1, doc: 'in the range 0..1; one number or one per channel' },
        { name: 'std', kind: 'channels', default: 0.5, above: 0, max: 100, doc: 'in the range 0..1; one number or one per channel' },
      ],
    },
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

export const PRECISION_SETTINGS: readonly Setting[] = [COMPUTE, POLICY, LOSS_SCALE];

/** `keep PATTERN in FORMAT` stands beside the settings of `precision`. */
export const KEEP_FORMATS: readonly string[] = Object.keys(COMPUTE_FORMATS);

export const LOSS = choice('loss', 'what is minimised: a mean over the batch, or a sum', LOSSES, 'cross_entropy');
export const OPTIMIZER = choice('optimizer', 'update rule; those that PyTorch has follow it', OPTIMIZERS, 'adam');
export const SCHEDULE = choice('schedule', 'factor on the learning rate over time', SCHEDULES, 'constant');
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
  scalar('epochs', 'passes over the training images', { kind: 'int', default: 10, min: 1, max: 1_000_000 }),
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
  const paramsOf = ({ value }: Setting) => (value.kind === 'choice' ? value.choices.flatMap(({ params }) => params) : []);
  return Object.values(SETTINGS).flatMap((settings) => settings.flatMap((setting) => paramsOf(setting).flatMap(({ words = [] }) => words)));
}
