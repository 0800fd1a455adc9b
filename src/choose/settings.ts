import { given } from '../given.js';
import type { PolicyName } from '../ir/program.js';
import { COMPUTE_TYPES, type PrecisionName, precisionName } from '../ir/types.js';
import { checkSet, type Overrides } from '../lower/overrides.js';
import { POLICY } from '../lower/settings.js';

/** The compute formats by their names in the language. */
export const PRECISIONS: readonly PrecisionName[] = COMPUTE_TYPES.map(precisionName);

export const POLICIES = Object.keys(POLICY.words) as readonly PolicyName[];

/** What a caller changes of what the file says. */
export type Settings = Overrides;

/** Only the settings among `options`, without those left out: what config.json keeps. */
export function pickSettings({ precision, policy, batch, epochs, seed, set }: Settings): Settings {
  checkSet(set);
  return given({ precision, policy, batch, epochs, seed, set });
}

/** The settings that options of their own stand for. */
export const OPTION_KEYS = {
  precision: 'precision.compute',
  policy: 'precision.policy',
  batch: 'train.batch',
  epochs: 'train.epochs',
  seed: 'train.seed',
} as const satisfies Readonly<Record<Exclude<keyof Settings, 'set'>, string>>;

/** `later` on top of `earlier`: an option replaces an earlier `--set` of what it stands for. */
export function mergeSettings(earlier: Settings, later: Settings): Settings {
  const picked = pickSettings(later);
  const replaced = Object.entries(OPTION_KEYS).flatMap(([option, key]) => (option in picked ? [key] : [])) as readonly string[];
  const set = later.set ?? [];
  const kept = (earlier.set ?? []).filter((text) => !set.includes(text) && !replaced.includes(text.split('=')[0]!.trim()));
  return { ...earlier, ...picked, set: [...kept, ...set] };
}
