import { type ComputeType, precisionName } from './types.js';
import type { RuleId, Why } from './why.js';

/** Who asks for a pin; for what ampc found out itself also why, in words. */
export type PinOrigin =
  /** `keep` on a line of the file. */
  | { readonly kind: 'file'; readonly line: number }
  /** A calibration measured, or could not rule out, what f16 cannot hold. */
  | { readonly kind: 'calibration'; readonly text: string }
  /** The value overflowed while this run trained. */
  | { readonly kind: 'replan'; readonly text: string }
  /** Policy `fastest` chose by measured times. */
  | { readonly kind: 'fastest'; readonly text: string };

/** `keep conv1 in fp32`: `pattern` names an op, a layer, or a layer glob such as `stage4.*`. */
export interface Pin {
  readonly pattern: string;
  readonly dtype: ComputeType;
  readonly origin: PinOrigin;
}

export type FoundOrigin = Exclude<PinOrigin, { readonly kind: 'file' }>;

/** A pin that no file has. */
export interface FoundPin extends Pin {
  readonly origin: FoundOrigin;
}

export function isFound(pin: Pin): pin is FoundPin {
  return pin.origin.kind !== 'file';
}

/** The rule that decides what a pin names. */
export const PIN_RULES = {
  file: 'pin',
  calibration: 'range',
  replan: 'overflow',
  fastest: 'fastest',
} as const satisfies Readonly<Record<PinOrigin['kind'], RuleId>>;

const made = new WeakMap<Pin, Why>();

/** Why a node has the format of its pin: one object for all of them. */
export function pinWhy(pin: Pin): Why {
  const { pattern, dtype, origin } = pin;
  const text = () => (origin.kind === 'file' ? `keep ${pattern} in ${precisionName(dtype)} (line ${origin.line})` : origin.text);
  const why = made.get(pin) ?? { rule: PIN_RULES[origin.kind], text: text() };
  made.set(pin, why);
  return why;
}
