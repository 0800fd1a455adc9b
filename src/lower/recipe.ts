import { DATASET_NAMES, DATASETS, DEFAULT_DATASET, isDatasetName } from '../datasets/registry.js';
import type { LineIndex } from '../diagnostics/lines.js';
import { suggestion } from '../diagnostics/suggest.js';
import type { DatasetSpec, LossScaling, LossSpec, OptimizerSpec, Pin, PrecisionSpec, ScheduleSpec, TrainSpec } from '../ir/program.js';
import type { ComputeType } from '../ir/types.js';
import { formatNamed } from '../numeric/formats.js';
import type { DatasetSection, KeepItem, PrecisionSection, SettingItem, TrainSection } from '../parser/ast.js';
import type { SettingValue } from './convert.js';
import type { Evaluation } from './evaluate.js';
import { ratesInF32 } from './rates.js';
import { type ResolvedSetting, type ResolvedSettings, readSettings } from './read-settings.js';
import { DATASET_SETTINGS, KEEP_FORMATS, PRECISION_SETTINGS, TRAIN_SETTINGS } from './settings.js';

function numberOf(args: Readonly<Record<string, SettingValue>>, name: string): number {
  const value = args[name];
  if (typeof value !== 'number') throw new Error(`the setting table gives no number for ${name}`);
  return value;
}

function numberSetting(settings: ResolvedSettings, name: string): number {
  return numberOf(required(settings, name).args, name);
}

function required(settings: ResolvedSettings, name: string): ResolvedSetting {
  const setting = settings.get(name);
  if (setting === undefined) throw new Error(`the setting table has no default for ${name}`);
  return setting;
}

function perChannel(value: SettingValue, channels: number): readonly number[] {
  const numbers = value as readonly number[];
  return numbers.length === 1 ? Array.from({ length: channels }, () => numbers[0]) : numbers;
}

/** The `dataset` section, or its defaults: cifar10, normalized with mean and std 0.5. Undefined: its name is unknown, which is reported. */
export function readDataset(section: DatasetSection | undefined, context: Evaluation): DatasetSpec | undefined {
  const { sink } = context;
  const written = section?.name.text ?? DEFAULT_DATASET;
  const name = written === '' ? DEFAULT_DATASET : written;
  if (!isDatasetName(name))
    sink.error('AMP4006', section?.name.span, `unknown data set \`${written}\``, {
      fix: suggestion(written, DATASET_NAMES, 'data sets'),
    });
  const settings = readSettings('dataset', DATASET_SETTINGS, section?.items ?? [], context);
  if (!isDatasetName(name)) return undefined;
  const [, , channels] = DATASETS[name].image;
  const normalize = settings.get('normalize');
  const statistic = (key: 'mean' | 'std'): readonly number[] => {
    const numbers = perChannel(normalize?.args[key] ?? [0.5], channels);
    if (numbers.length === channels) return numbers;
    sink.error('AMP4009', normalize?.span, `\`${key}\` has ${numbers.length} numbers, the images of ${name} have ${channels} channels`, {
      fix: `give one number, or ${channels}`,
    });
    return perChannel([0.5], channels);
  };
  const spec = { mean: statistic('mean'), std: statistic('std') };
  const crop = settings.get('crop');
  return { name, ...spec, flip: settings.has('flip'), cropPadding: crop === undefined ? 0 : numberOf(crop.args, 'padding') };
}

/** The `precision` section, or its defaults: fp16 under the `mixed` policy. */
export function readPrecision(section: PrecisionSection | undefined, context: Evaluation, lines: LineIndex): PrecisionSpec {
  const items = section?.items ?? [];
  const settings = readSettings(
    'precision',
    PRECISION_SETTINGS,
    items.filter((item): item is SettingItem => item.kind === 'setting'),
    context,
  );
  const policy = required(settings, 'policy').word;
  return {
    compute: computeFormat(required(settings, 'compute').word),
    policy: policy === 'autocast' || policy === 'fastest' ? policy : 'mixed',
    lossScaling: lossScaling(settings.get('loss_scale'), context),
    pins: items.flatMap((item) => (item.kind === 'keep' ? readKeep(item, context, lines) : [])),
  };
}

function computeFormat(word: string): ComputeType {
  const dtype = formatNamed(word);
  if (dtype === undefined) throw new Error(`the setting table has a format ${word}, the table of formats has not`);
  return dtype;
}

function readKeep(item: KeepItem, { sink }: Evaluation, lines: LineIndex): readonly Pin[] {
  const { text, span } = item.format;
  const dtype = formatNamed(text);
  if (dtype !== undefined) return [{ pattern: item.pattern.text, dtype, line: lines.position(item.span.start).line }];
  if (text !== '') sink.error('AMP4003', span, `unknown format \`${text}\``, { fix: suggestion(text, KEEP_FORMATS, 'formats') });
  return [];
}

function lossScaling(setting: ResolvedSetting | undefined, { sink }: Evaluation): LossScaling | undefined {
  if (setting === undefined) return undefined;
  const { word, args, span } = setting;
  if (word === 'none') return { kind: 'none' };
  if (word === 'static') return { kind: 'static', scale: numberOf(args, 'scale') };
  const [init, floor, cap] = ['init', 'floor', 'cap'].map((name) => numberOf(args, name));
  if (init < floor || init > cap) {
    sink.error('AMP4009', span, `the loss scale starts at ${init}, outside of its bounds ${floor} to ${cap}`, {
      why: 'the scale stays between `floor` and `cap`',
      fix: 'change `init`, `floor` or `cap`',
    });
  }
  return {
    kind: 'dynamic',
    init,
    growth: numberOf(args, 'growth'),
    backoff: numberOf(args, 'backoff'),
    interval: numberOf(args, 'interval'),
    floor,
    cap,
    abortAfter: numberOf(args, 'abort_after'),
  };
}

/** The `train` section, or its defaults: cross entropy, adam at 1e-3, 10 epochs of batches of 64. */
export function readTrain(section: TrainSection | undefined, context: Evaluation): TrainSpec {
  const settings = readSettings('train', TRAIN_SETTINGS, section?.items ?? [], context);
  const train: TrainSpec = {
    loss: loss(required(settings, 'loss')),
    optimizer: optimizer(required(settings, 'optimizer'), context),
    schedule: schedule(required(settings, 'schedule'), context),
    warmup: numberSetting(settings, 'warmup'),
    clip: numberSetting(settings, 'clip'),
    batch: numberSetting(settings, 'batch'),
    accumulate: numberSetting(settings, 'accumulate'),
    dropLast: required(settings, 'drop_last').args.drop_last === true,
    epochs: numberSetting(settings, 'epochs'),
    seed: numberSetting(settings, 'seed'),
    onLostLoss: required(settings, 'on_lost_loss').word === 'continue' ? 'continue' : 'stop',
  };
  const made = ratesInF32(train);
  if (made !== undefined) {
    const { message, ...help } = made;
    context.sink.error('AMP4012', settings.get('schedule')?.span ?? settings.get('optimizer')?.span, message, help);
  }
  return train;
}

function loss({ word, args }: ResolvedSetting): LossSpec {
  if (word === 'mse' || word === 'binary_cross_entropy') return { kind: word, labelSmoothing: 0 };
  return { kind: 'cross_entropy', labelSmoothing: numberOf(args, 'label_smoothing') };
}

function optimizer({ word, args, span }: ResolvedSetting, { sink }: Evaluation): OptimizerSpec {
  const lr = numberOf(args, 'lr');
  const decay = { weightDecay: numberOf(args, 'weight_decay'), ...(args.decay_norms === false && { decayNorms: false }) };
  if (word !== 'sgd') {
    return {
      kind: word === 'adamw' ? 'adamw' : 'adam',
      lr,
      beta1: numberOf(args, 'beta1'),
      beta2: numberOf(args, 'beta2'),
      eps: numberOf(args, 'eps'),
      ...decay,
    };
  }
  const momentum = numberOf(args, 'momentum');
  const nesterov = args.nesterov === true;
  if (nesterov && momentum === 0)
    sink.error('AMP4009', span, '`nesterov` needs `momentum`', {
      why: 'it looks ahead along the momentum, and that is 0',
      fix: 'add `momentum: 0.9`, or remove `nesterov`',
    });
  return { kind: 'sgd', lr, momentum, nesterov, ...decay };
}

function schedule({ word, args, span }: ResolvedSetting, { sink }: Evaluation): ScheduleSpec {
  switch (word) {
    case 'step':
      return { kind: 'step', every: numberOf(args, 'every'), gamma: numberOf(args, 'gamma') };
    case 'cosine':
      return { kind: 'cosine', min: numberOf(args, 'min') };
    case 'one_cycle':
      return {
        kind: 'one_cycle',
        warmup: numberOf(args, 'warmup'),
        divStart: numberOf(args, 'div_start'),
        divEnd: numberOf(args, 'div_end'),
      };
    case 'piecewise': {
      const points = args.points as readonly (readonly [number, number])[];
      const isThird = (i: number): boolean => i > 1 && points[i][0] === points[i - 2][0];
      const isBad = ([epoch, factor]: (typeof points)[number], i: number): boolean =>
        epoch < 0 || factor < 0 || (i > 0 && epoch < points[i - 1][0]) || isThird(i);
      const bad = points.findIndex(isBad);
      if (bad !== -1)
        sink.error('AMP4009', span, `point ${bad + 1} of the schedule, [${points[bad].join(', ')}], is out of order`, {
          why: 'epochs ascend from point to point, or are the same at two of them, for a jump; nothing is negative',
        });
      return { kind: 'piecewise', points };
    }
    default:
      return { kind: 'constant' };
  }
}
