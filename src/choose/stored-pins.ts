import { userError } from '../diagnostics/diagnostic.js';
import type { FoundPin } from '../ir/pin.js';
import { isStoredPin, readPin } from '../training/stored-pins.js';

/** The `pins` of a config.json; none in one that has no such key. Throws UserError AMP7205 when they are not what ampc writes. */
export function readStoredPins(value: unknown, path: string): readonly FoundPin[] {
  if (value === undefined) return [];
  if (Array.isArray(value) && value.every(isStoredPin)) return value.map(readPin);
  throw userError('AMP7205', `${path} is damaged`, 'its `pins` are not what ampc train writes', 'start a new run');
}
