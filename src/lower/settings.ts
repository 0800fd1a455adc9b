import { type ComputeType, FORMATS, LIMITS, type PrecisionName } from '../numeric/formats.js';
import { formatMagnitude } from '../numeric/magnitude.js';
import { type Choice, choice, type Setting, type SettingParam, scalar } from './setting.js';

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
  { name: 'flip', doc: 'mirrors each training image left to right with probability one half', value: { kind: 'call', params: [] } },
  {
    name: 'crop',
    doc: 'pads each training image with zeros and cuts it back at a random place',
    value: { kind: 'call', params: [{ name: 'padding', kind: 'int', default: 4, min: 1, max: 16, doc: 'pixels on each side' }] },
  },
];

const fraction = (dtype: ComputeType) => `${FORMATS[dtype].fractionBits} bits of fraction`;

const COMPUTE_FORMATS = {
  fp16: `half precision: ${fraction('f16')}, largest value ${formatMagnitude(LIMITS.f16.largest)}`,
  bf16: `bfloat16: ${fraction('bf16')}, the range of fp32`,
  fp32: 'single precision: no mixed precision at all',
} as const satisfies Readonly<Record<PrecisionName, string>>;
const FORMAT_CHOICES: readonly Choice[] = Object.entries(COMPUTE_FORMATS).map(([name, doc]) => ({ name, params: [], doc }));

export const PRECISION_SETTINGS: readonly Setting[] = [
  choice('compute', 'format of convolutions, linear layers and what lies between them', 'fp16', FORMAT_CHOICES),
  choice('policy', 'how formats are decided', 'mixed', [
    { name: 'mixed', params: [], doc: 'keeps gradients of parameters and biases in fp32 and casts each weight once a step' },
    { name: 'autocast', params: [], doc: "decides as PyTorch's autocast would" },
    { name: 'fastest', params: [], doc: 'chooses formats by measured time, for each machine; pins and the rules that need fp32 hold' },
  ]),
  choice('loss_scale', 'keeps small gradients from vanishing in fp16; by default dynamic for fp16 and none for the others', undefined, [
    {
      name: 'dynamic',
      doc: "finds the largest scale that does not overflow, as PyTorch's GradScaler",
      params: [
        { name: 'init', kind: 'number', default: 65536, above: 0, max: 1e37, doc: 'first scale' },
        { name: 'growth', kind: 'number', default: 2, min: 1, max: 65536, doc: 'factor after `interval` steps without overflow' },
        { name: 'backoff', kind: 'number', default: 0.5, above: 0, below: 1, doc: 'factor after an overflow, whose step is skipped' },
        { name: 'interval', kind: 'int', default: 2000, min: 1, max: 2 ** 31 - 1, doc: 'steps without overflow before the scale grows' },
        { name: 'floor', kind: 'number', default: 1, above: 0, max: 1e37, doc: 'smallest scale' },
        { name: 'cap', kind: 'number', default: 2 ** 24, above: 0, max: 1e37, doc: 'largest scale' },
        {
          name: 'abort_after',
          kind: 'int',
          default: 20,
          min: 1,
          max: 2 ** 31 - 1,
          doc: 'skipped steps in a row after which the run stops and says where the overflow is',
        },
      ],
    },
    {
      name: 'static',
      doc: 'always the same scale',
      params: [{ name: 'scale', kind: 'number', above: 0, max: 1e37, doc: 'the scale' }],
    },
    { name: 'none', doc: 'no scaling', params: [] },
  ]),
];

/** `keep PATTERN in FORMAT` stands beside the settings of `precision`. */
export const KEEP_FORMATS: readonly string[] = FORMAT_CHOICES.map((format) => format.name);

const RATE: SettingParam = { name: 'lr', kind: 'number', min: 0, doc: 'learning rate' };
const decay = (value: number): readonly SettingParam[] => [
  { name: 'weight_decay', kind: 'number', default: value, min: 0, doc: 'decay of all parameters' },
  {
    name: 'decay_norms',
    kind: 'boolean',
    default: true,
    doc: 'false: only weights decay, not the scales and shifts of batch_norm, nor biases',
  },
];
const adam = (name: string, weightDecay: number, doc: string): Choice => ({
  name,
  doc,
  params: [
    { ...RATE, default: 1e-3 },
    { name: 'beta1', kind: 'number', default: 0.9, min: 0, below: 1, doc: 'memory of the mean of gradients' },
    { name: 'beta2', kind: 'number', default: 0.999, min: 0, below: 1, doc: 'memory of the mean of squares' },
    { name: 'eps', kind: 'number', default: 1e-8, min: 0, doc: 'added to the denominator' },
    ...decay(weightDecay),
  ],
});

export const TRAIN_SETTINGS: readonly Setting[] = [
  choice('loss', 'mean over the batch', 'cross_entropy', [
    {
      name: 'cross_entropy',
      doc: 'negative log likelihood of the softmax',
      params: [
        { name: 'label_smoothing', kind: 'number', default: 0, min: 0, below: 1, doc: 'share of the target spread over all classes' },
      ],
    },
    { name: 'mse', doc: 'squared distance to the one-hot label, mean over the classes as well', params: [] },
    {
      name: 'binary_cross_entropy',
      doc: 'each class a yes or no of its own, with the sigmoid of its logit; mean over the classes as well. Of a model that ends with `sigmoid` it reads the logits before it',
      params: [],
    },
  ]),
  choice('optimizer', "update rule; all follow PyTorch's", 'adam', [
    {
      name: 'sgd',
      doc: 'stochastic gradient descent',
      params: [
        RATE,
        { name: 'momentum', kind: 'number', default: 0, min: 0, below: 1, doc: 'memory of past gradients' },
        { name: 'nesterov', kind: 'boolean', default: false, doc: 'look ahead; needs momentum' },
        ...decay(0),
      ],
    },
    adam('adam', 0, 'Kingma and Ba 2015; weight decay is added to the gradient'),
    adam('adamw', 0.01, 'Loshchilov and Hutter 2019; weight decay is applied to the parameter'),
  ]),
  choice('schedule', 'factor on the learning rate over time', 'constant', [
    { name: 'constant', doc: 'always 1', params: [] },
    {
      name: 'step',
      doc: 'multiplies by `gamma` every so many epochs',
      params: [
        { name: 'every', kind: 'number', above: 0, max: 1_000_000, doc: 'epochs' },
        { name: 'gamma', kind: 'number', default: 0.1, above: 0, doc: 'factor' },
      ],
    },
    {
      name: 'cosine',
      doc: 'falls along half a cosine to the end of the run',
      params: [{ name: 'min', kind: 'number', default: 0, min: 0, max: 1, doc: 'last factor' }],
    },
    {
      name: 'one_cycle',
      doc: "up along a cosine to 1, then down: PyTorch's OneCycleLR, with `lr` as its peak",
      params: [
        { name: 'warmup', kind: 'number', default: 0.3, min: 0, below: 1, doc: 'share of the run that goes up' },
        { name: 'div_start', kind: 'number', default: 25, min: 1, doc: 'the first factor is 1 / div_start' },
        { name: 'div_end', kind: 'number', default: 1e4, min: 1, doc: 'the last factor is 1 / (div_start * div_end)' },
      ],
    },
    {
      name: 'piecewise',
      doc: 'straight lines between points',
      params: [{ name: 'points', kind: 'points', doc: 'a list of [epoch, factor], epochs ascending; two with one epoch are a jump' }],
    },
  ]),
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
  choice('on_lost_loss', 'what follows a loss that is infinite or NaN, in a step that no loss scaling skips', 'stop', [
    { name: 'stop', doc: 'the run ends, says where it comes from, and keeps the checkpoint and the weights from before', params: [] },
    { name: 'continue', doc: 'the run warns once and goes on; weights and checkpoints that are not finite are not written', params: [] },
  ]),
  scalar('seed', 'of initial weights, shuffling, augmentation and dropout', { kind: 'int', default: 0, min: 0, max: 2 ** 32 - 1 }),
];

/** The sections that hold settings. */
export const SETTINGS = {
  dataset: DATASET_SETTINGS,
  precision: PRECISION_SETTINGS,
  train: TRAIN_SETTINGS,
} as const;

export type SettingsSection = keyof typeof SETTINGS;
