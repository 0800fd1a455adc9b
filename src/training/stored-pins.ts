import { userError } from '../diagnostics/diagnostic.js';
import { type Check, fields, isText, oneOf, optional } from '../files/json-form.js';
import { type FoundOrigin, type FoundPin, PIN_RULES, pinWhy } from '../ir/pin.js';
import { COMPUTE_TYPES, type ComputeType } from '../ir/types.js';
import { formatWhy, parseWhy } from '../ir/why.js';

/**
 * A pin that no file has as config.json, checkpoints and events keep it: so a run is resumed, evaluated and explained with the plan that it
 * had.
 */
export interface StoredPin {
  /** What `keep` takes: an op, a layer, a block or a pattern. */
  readonly target: string;
  readonly dtype: ComputeType;
  /** Not in runs of older versions: there the rule in `reason` says it. */
  readonly origin?: FoundOrigin['kind'];
  /** The text form of why the lines that it decides are as they are. */
  readonly reason: string;
}

export const FOUND_ORIGINS = ['calibration', 'replan', 'fastest'] as const satisfies readonly FoundOrigin['kind'][];

/** Who asked for a pin of an older version. */
function originOf(reason: string): FoundOrigin['kind'] | undefined {
  const { rule } = parseWhy(reason);
  return FOUND_ORIGINS.find((kind) => PIN_RULES[kind] === rule);
}

const FORM = {
  target: (value) => isText(value) && value !== '',
  dtype: oneOf(COMPUTE_TYPES),
  origin: optional(oneOf(FOUND_ORIGINS)),
  reason: isText,
} as const satisfies Record<keyof StoredPin, Check>;

/** Whether a value read from JSON is a `StoredPin`. */
export function isStoredPin(value: unknown): value is StoredPin {
  if (!fields(FORM)(value)) return false;
  const { origin, reason } = value as StoredPin;
  return origin !== undefined || originOf(reason) !== undefined;
}

export function storePin(pin: FoundPin): Required<StoredPin> {
  const { pattern, dtype, origin } = pin;
  return { target: pattern, dtype, origin: origin.kind, reason: formatWhy(pinWhy(pin)) };
}

export function readPin({ target, dtype, origin, reason }: StoredPin): FoundPin {
  const kind = origin ?? originOf(reason);
  if (kind === undefined) throw new Error(`a pin of ${target} for no known reason`);
  return { pattern: target, dtype, origin: { kind, text: parseWhy(reason).text } };
}

/** The `pins` of a config.json; none in one that has no such key. Throws UserError AMP7205 when they are not what ampc writes. */
export function readStoredPins(value: unknown, path: string): readonly FoundPin[] {
  if (value === undefined) return [];
  if (Array.isArray(value) && value.every(isStoredPin)) return value.map(readPin);
  throw userError('AMP7205', `${path} is damaged`, 'its `pins` are not what ampc train writes', 'start a new run');
}
