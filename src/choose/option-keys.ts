import { userError } from '../diagnostics/diagnostic.js';
import { closest } from '../diagnostics/suggest.js';
import type { CompileOptions } from './plan-file.js';
import type { Settings } from './settings.js';

/** Every key of a type of options. */
export type KeysOf<T> = Readonly<Record<keyof T, true>>;

export const SETTING_KEYS: KeysOf<Settings> = { batch: true, epochs: true, policy: true, precision: true, seed: true, set: true };

export const COMPILE_KEYS: KeysOf<CompileOptions> = {
  ...SETTING_KEYS,
  backend: true,
  calibration: true,
  costs: true,
  data: true,
  epoch: true,
  formats: true,
  images: true,
  onNotice: true,
  plainImages: true,
  ranks: true,
  strictRanges: true,
  threads: true,
};

/** Refuses keys that are no options: they would say nothing, and another thing would be done than was meant. Throws UserError AMP6214. */
export function refuseUnknown(caller: string, options: object, keys: KeysOf<object>): void {
  const names = Object.keys(keys).sort();
  const key = Object.keys(options).find((name) => !names.includes(name));
  if (key === undefined) return;
  const near = closest(key, names);
  const suggestion = near === undefined ? '' : `did you mean \`${near}\`? `;
  throw userError(
    'AMP6214',
    `${caller} has no option \`${key}\``,
    'it would say nothing',
    `${suggestion}${caller} takes ${names.join(', ')}`,
  );
}
