import type { PolicyName } from '../ir/program.js';
import type { PrecisionName } from '../ir/types.js';
import type { Overrides } from '../lower/overrides.js';

/** The compute formats by their names in the language. */
export const PRECISIONS = ['fp32', 'fp16', 'bf16'] as const satisfies readonly PrecisionName[];

export const POLICIES = ['mixed', 'autocast', 'fastest'] as const satisfies readonly PolicyName[];

/** What a caller changes of what the file says. */
export type Settings = Overrides;

/** Only the settings among `options`, without those left out: what config.json keeps. */
export function pickSettings({ precision, policy, batch, epochs, seed, set }: Settings): Settings {
  const picked = { precision, policy, batch, epochs, seed, set };
  return Object.fromEntries(Object.entries(picked).filter(([, value]) => value !== undefined));
}

/** `later` on top of `earlier`. */
export function mergeSettings(earlier: Settings, later: Settings): Settings {
  return { ...earlier, ...pickSettings(later), set: [...(earlier.set ?? []), ...(later.set ?? [])] };
}
