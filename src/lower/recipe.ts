import { suggestName } from '../diagnostics/fixes.js';
import type { LineIndex } from '../diagnostics/lines.js';
import { given } from '../given.js';
import type { Pin } from '../ir/pin.js';
import type { AuxLoss, PrecisionSpec, TrainSpec } from '../ir/program.js';
import { formatNamed } from '../numeric/formats.js';
import type { KeepItem, PrecisionSection, SettingItem, TrainSection } from '../parser/ast.js';
import type { Evaluation } from './evaluation.js';
import { readGroups } from './groups.js';
import { ratesInF32 } from './rates.js';
import { chosen, type ResolvedSetting, type ResolvedSettings, readSettings } from './read-settings.js';
import type { SettingValue } from './setting.js';
import {
  AVERAGE,
  COMMUNICATE,
  COMPUTE,
  EARLY_STOP,
  EVALUATE,
  KEEP_FORMATS,
  LOSS,
  LOSS_SCALE,
  MASTERS,
  ON_LOST_LOSS,
  OPTIMIZER,
  OPTIMIZER_STATE,
  POLICY,
  PRECISION_SETTINGS,
  SCHEDULE,
  TEST,
  TRAIN_SETTINGS,
} from './settings.js';

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

/** The `precision` section, or its defaults: fp16 under the `mixed` policy. */
export function readPrecision(section: PrecisionSection | undefined, context: Evaluation, lines: LineIndex): PrecisionSpec {
  const items = section?.items ?? [];
  const settings = readSettings(
    'precision',
    PRECISION_SETTINGS,
    items.filter((item): item is SettingItem => item.kind === 'setting'),
    context,
  );
  return {
    compute: chosen(settings, COMPUTE, context),
    policy: chosen(settings, POLICY, context),
    lossScaling: chosen(settings, LOSS_SCALE, context),
    ...given({
      masters: chosen(settings, MASTERS, context),
      optimizerState: chosen(settings, OPTIMIZER_STATE, context),
      communicate: chosen(settings, COMMUNICATE, context),
    }),
    pins: items.flatMap((item) => (item.kind === 'keep' ? readKeep(item, context, lines) : [])),
  };
}

function readKeep(item: KeepItem, { sink }: Evaluation, lines: LineIndex): readonly Pin[] {
  const { text, span } = item.format;
  const dtype = formatNamed(text);
  const { line } = lines.position(item.span.start);
  if (dtype !== undefined) return [{ pattern: item.pattern.text, dtype, origin: { kind: 'file', line } }];
  if (text !== '') sink.error('AMP4003', span, `unknown format \`${text}\``, suggestName(item.format, KEEP_FORMATS, 'formats'));
  return [];
}

/** The `train` section, or its defaults: cross entropy, adam at 1e-3, 10 epochs of batches of 64. */
export function readTrain(
  section: TrainSection | undefined,
  auxLosses: readonly AuxLoss[],
  context: Evaluation,
  lines: LineIndex,
): TrainSpec {
  const settings = readSettings(
    'train',
    TRAIN_SETTINGS,
    (section?.items ?? []).filter((item) => item.kind === 'setting'),
    context,
  );
  const average = chosen(settings, AVERAGE, context);
  const views = chosen(settings, EVALUATE, context);
  const train: TrainSpec = {
    loss: chosen(settings, LOSS, context),
    ...(auxLosses.length > 0 && { auxLosses }),
    optimizer: chosen(settings, OPTIMIZER, context),
    ...(average !== undefined && { average }),
    ...(views !== undefined && { views }),
    schedule: chosen(settings, SCHEDULE, context),
    warmup: numberSetting(settings, 'warmup'),
    clip: numberSetting(settings, 'clip'),
    batch: numberSetting(settings, 'batch'),
    accumulate: numberSetting(settings, 'accumulate'),
    dropLast: required(settings, 'drop_last').args.drop_last === true,
    epochs: numberSetting(settings, 'epochs'),
    ...given({ test: chosen(settings, TEST, context), earlyStop: chosen(settings, EARLY_STOP, context) }),
    seed: numberSetting(settings, 'seed'),
    onLostLoss: chosen(settings, ON_LOST_LOSS, context),
  };
  const made = ratesInF32(train);
  if (made !== undefined) {
    const { message, ...help } = made;
    context.sink.error('AMP4012', settings.get('schedule')?.span ?? settings.get('optimizer')?.span, message, help);
  }
  const items = section?.items.filter((item) => item.kind === 'parameter_group') ?? [];
  const groups = readGroups(items, required(settings, OPTIMIZER.name), train, context, lines);
  return groups.length === 0 ? train : { ...train, groups };
}
