import { userError } from '../diagnostics/diagnostic.js';
import type { StoredPin } from '../ir/program.js';
import type { FloatType } from '../ir/types.js';

const FORMATS: readonly unknown[] = ['f32', 'f16', 'bf16'] satisfies readonly FloatType[];

function isStoredPin(value: unknown): value is StoredPin {
  if (typeof value !== 'object' || value === null) return false;
  const { target, dtype, reason } = value as Partial<Record<keyof StoredPin, unknown>>;
  return typeof target === 'string' && target !== '' && FORMATS.includes(dtype) && typeof reason === 'string';
}

/** The `pins` of a config.json; none in one that has no such key. Throws UserError AMP7205 when they are not what ampc writes. */
export function readStoredPins(value: unknown, path: string): readonly StoredPin[] {
  if (value === undefined) return [];
  if (Array.isArray(value) && value.every(isStoredPin)) return value.map(({ target, dtype, reason }) => ({ target, dtype, reason }));
  throw userError('AMP7205', `${path} is damaged`, 'its `pins` are not what ampc train writes', 'start a new run');
}
