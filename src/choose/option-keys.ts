import type { Settings } from '../choose/settings.js';
import { userError } from '../diagnostics/diagnostic.js';
import { closest } from '../diagnostics/suggest.js';

/** Every key of a type of options. */
export type KeysOf<T> = Readonly<Record<keyof T, true>>;

export const SETTING_KEYS: KeysOf<Settings> = { batch: true, epochs: true, policy: true, precision: true, seed: true, set: true };

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
