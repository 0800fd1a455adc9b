import type { PrecisionSpec, Program, TrainSpec } from '../ir/program.js';
import { precisionName } from '../ir/types.js';
import { resolveScaling } from '../precision/scaling.js';
import type { DocumentPlan } from './document-plan.js';
import { formatName } from './units.js';

/** What a setting is in a run, by its section and name: defaults and what follows from other settings included. */
type Readers<T> = Readonly<Record<string, (spec: T) => unknown>>;

const PRECISION: Readers<PrecisionSpec> = {
  compute: ({ compute }) => precisionName(compute),
  policy: ({ policy }) => policy,
  loss_scale: resolveScaling,
};

const TRAIN: Readers<TrainSpec> = {
  loss: ({ loss }) => loss,
  optimizer: ({ optimizer }) => optimizer,
  schedule: ({ schedule }) => schedule,
  average: ({ average }) => average,
  evaluate: ({ views }) => views,
  warmup: ({ warmup }) => warmup,
  clip: ({ clip }) => clip,
  batch: ({ batch }) => batch,
  accumulate: ({ accumulate }) => accumulate,
  drop_last: ({ dropLast }) => dropLast,
  epochs: ({ epochs }) => epochs,
  early_stop: ({ earlyStop }) => earlyStop,
  on_lost_loss: ({ onLostLoss }) => onLostLoss,
  seed: ({ seed }) => seed,
};

const written = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** `adam(lr: 0.001, weight_decay: 0)`. */
function textOf(value: unknown): string {
  if (value === undefined) return 'none';
  if (Array.isArray(value)) return `[${value.map(textOf).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const { kind, ...rest } = value as Readonly<Record<string, unknown>>;
  const args = Object.entries(rest).flatMap(([name, part]) => (part === undefined ? [] : [`${written(name)}: ${textOf(part)}`]));
  return args.length === 0 ? String(kind) : `${kind ?? ''}(${args.join(', ')})`;
}

/** What a setting is in a run of a program; undefined where nothing but the file says. */
export function runValue(section: string, name: string, { recipe }: Program, plan: DocumentPlan | undefined): string | undefined {
  // What a policy that looks at costs has chosen stands in the plan alone.
  if (section === 'precision' && name === 'compute' && plan !== undefined) return formatName(plan.plan.precision);
  if (section === 'precision' && Object.hasOwn(PRECISION, name)) return textOf(PRECISION[name]!(recipe.precision));
  if (section === 'train' && Object.hasOwn(TRAIN, name)) return textOf(TRAIN[name]!(recipe.train));
  if (section === 'dataset' && name === 'normalize') {
    const { mean, std, isUnmeasured } = recipe.dataset;
    return isUnmeasured ? undefined : `normalize(mean: ${textOf(mean)}, std: ${textOf(std)})`;
  }
  return undefined;
}
