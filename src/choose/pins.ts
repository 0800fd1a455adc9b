import { userError } from '../diagnostics/diagnostic.js';
import type { StoredPin } from '../ir/program.js';
import { isStoredPin } from '../training/checkpoint-metadata.js';

/** The `pins` of a config.json; none in one that has no such key. Throws UserError AMP7205 when they are not what ampc writes. */
export function readStoredPins(value: unknown, path: string): readonly StoredPin[] {
  if (value === undefined) return [];
  if (Array.isArray(value) && value.every(isStoredPin))
    return (value as readonly StoredPin[]).map(({ target, dtype, reason }) => ({ target, dtype, reason }));
  throw userError('AMP7205', `${path} is damaged`, 'its `pins` are not what ampc train writes', 'start a new run');
}
