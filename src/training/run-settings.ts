import { isRecord } from '../files/json-form.js';
import type { ParameterGroup, Recipe, TrainSpec } from '../ir/program.js';
import { formatWhy } from '../ir/why.js';
import type { Plan } from '../plan/plan.js';
import type { RunSettings } from './checkpoint-metadata.js';
import { modelHash } from './states.js';

/** The setting that stands for the model itself. */
export const LAYERS = 'layers';

function flatten(value: unknown, path: string, into: Record<string, string>): void {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value)) flatten(inner, path === '' ? key : `${path}.${key}`, into);
  } else if (value !== undefined) {
    into[path] = typeof value === 'string' ? value : JSON.stringify(value);
  }
}

/**
 * Augmentations as the settings that a file has them in: `dataset.crop.padding`, and `dataset.flip`, which has no arguments. What follows
 * from others, or from the files, is left out.
 */
function augmentationSettings({ augment, source: _, image: _image, images: _images, ...dataset }: Recipe['dataset']): object {
  const entries = augment.map(({ kind, ...args }) => [kind, Object.keys(args).length === 0 ? true : args]);
  return { ...dataset, ...Object.fromEntries(entries) };
}

const GROUP = 'train.group.';

/** A setting of the group that is so called: `train.group.norm_shifts.optimizer.lr`. */
export function groupKey(of: string, setting: string): string {
  return `${GROUP}${of}.${setting}`;
}

/** The groups, each by what its line is about; of several lines about the same the last one counts. Where they stand means nothing. */
function withNamedGroups({ groups, ...train }: TrainSpec): object {
  if (!Array.isArray(groups)) return train;
  const named = (groups as readonly ParameterGroup[]).map(({ of, optimizer, schedule, warmup, ownRate }) => {
    return [of, { optimizer, ...(ownRate && { schedule, warmup }) }];
  });
  return { ...train, group: Object.fromEntries(named) };
}

/** Every setting of a recipe, with the formats that its plan has. */
function recipeSettings(recipe: Recipe, formats: { readonly compute: string; readonly policy: string }): Record<string, string> {
  const settings: Record<string, string> = {};
  const pins = recipe.precision.pins.map(({ pattern, dtype }) => `${pattern}: ${dtype}`);
  const { chosen, ...precision } = recipe.precision;
  const choice = chosen && { ...chosen, ...(chosen.reason && { reason: formatWhy(chosen.reason) }) };
  flatten(
    {
      ...recipe,
      train: withNamedGroups(recipe.train),
      dataset: augmentationSettings(recipe.dataset),
      precision: { ...precision, chosen: choice, ...formats, pins },
    },
    '',
    settings,
  );
  return settings;
}

/** `extra`: settings from outside the recipe, such as whether batches are shuffled. */
export function runSettings(plan: Plan, recipe: Recipe, extra: Readonly<Record<string, string | number | boolean>>): RunSettings {
  const settings = recipeSettings(recipe, { compute: plan.precision, policy: plan.policy });
  delete settings['train.epochs'];
  delete settings['train.onLostLoss'];
  delete settings['train.average.both'];
  for (const key of Object.keys(settings)) if (/^train\.(earlyStop|test)\./.test(key)) delete settings[key];
  flatten(extra, '', settings);
  settings[LAYERS] = modelHash(plan);
  return settings;
}

/** Ends the key that holds which choice a setting is, such as `adam` of `train.optimizer`. */
const KIND = /\.kind$/;

/** As a file has it: its names are in lower case, with underscores. */
function written(key: string): string {
  return key.replace(KIND, '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Whether another change says it already: that of the same setting in its section, or that of the choice which has it as an argument. */
function isImplied(key: string, changed: readonly string[]): boolean {
  return changed.some(
    (other) => other.endsWith(`.${key}`) || (KIND.test(other) && key !== other && key.startsWith(other.replace(KIND, '.'))),
  );
}

/** Settings that `concerns` and that differ, each as a clause. */
export function changedSettings(then: RunSettings, now: RunSettings, concerns: (key: string) => boolean): string[] {
  const keys = [...new Set([...Object.keys(then), ...Object.keys(now)])].sort();
  const changed = keys.filter((key) => key !== LAYERS && concerns(key) && then[key] !== now[key]);
  return changed
    .filter((key) => !isImplied(key, changed))
    .map((key) => `${written(key)} was ${then[key] ?? 'not set'} and is ${now[key] ?? 'not set'}`);
}

const RATE_OF_GROUP = /\.(optimizer\.lr|warmup|schedule\.[^.]+)$/;

/** Whether a setting decides nothing but the learning rate of each step. */
export function isRateSetting(key: string): boolean {
  if (key.startsWith(GROUP)) return RATE_OF_GROUP.test(key);
  return key === 'train.optimizer.lr' || key === 'train.warmup' || key.startsWith('train.schedule.');
}

/** Of config.json, besides its recipe. */
const CHOICES = ['file', 'backend', 'shuffle', 'augment', 'maxSteps', 'limit'];

/** Whether a stored recipe has what this version reads of one. */
function isRecipe(value: unknown): value is Recipe {
  const { dataset, precision } = value as { readonly dataset?: unknown; readonly precision?: unknown };
  return isRecord(dataset) && Array.isArray(dataset.augment) && isRecord(precision) && Array.isArray(precision.pins);
}

/** The losses of further values, each by the name of its value, as the lines of a file have them. */
function withNamedLosses({ train, ...recipe }: Recipe): object {
  const { auxLosses, ...others } = train;
  if (!Array.isArray(auxLosses)) return { ...recipe, train };
  const named = Object.fromEntries(auxLosses.map(({ of, weight, loss: { kind, ...args } }) => [of, { kind, weight, ...args }]));
  return { ...recipe, train: { ...others, auxLoss: named } };
}

/**
 * What config.json of a run says of its settings, by the names that `--set` takes, and how long it was last to train. The recipe of an
 * older version is given as it stands.
 */
export function storedSettings(config: Readonly<Record<string, unknown>>): RunSettings {
  const { recipe, precision: compute, policy } = config;
  const settings: Record<string, string> = {};
  if (isRecipe(recipe))
    Object.assign(settings, recipeSettings(withNamedLosses(recipe) as Recipe, { compute: String(compute), policy: String(policy) }));
  else if (isRecord(recipe)) flatten(recipe, '', settings);
  for (const key of CHOICES) flatten(config[key], key, settings);
  return Object.fromEntries(Object.entries(settings).map(([key, value]) => [written(key), value]));
}
