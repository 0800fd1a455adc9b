/** Kinds of numbers and words that settings take. `channels`: one number or one per channel. `points`: `[[epoch, factor], …]`. */
export type SettingKind = 'int' | 'number' | 'boolean' | 'channels' | 'points';

export type SettingDefault = number | boolean;

/** A named argument of a setting, or the setting's only value. */
export interface SettingParam {
  readonly name: string;
  readonly kind: SettingKind;
  /** Left out: required. */
  readonly default?: SettingDefault;
  /** Inclusive bounds. */
  readonly min?: number;
  readonly max?: number;
  /** Exclusive bounds. */
  readonly above?: number;
  readonly below?: number;
  readonly doc: string;
}

/** Bounds on a number: inclusive and exclusive ones. */
export type Bounds = Pick<SettingParam, 'min' | 'max' | 'above' | 'below'>;

/** One of the words that a setting takes, with its own arguments. */
export interface Choice {
  readonly name: string;
  readonly params: readonly SettingParam[];
  readonly doc: string;
}

export interface Setting {
  readonly name: string;
  readonly doc: string;
  readonly value:
    | { readonly kind: 'scalar'; readonly param: SettingParam }
    | { readonly kind: 'choice'; readonly choices: readonly Choice[]; readonly default: string | undefined }
    /** The setting is itself written like a call: `crop(padding: 4)`. */
    | { readonly kind: 'call'; readonly params: readonly SettingParam[] };
}

export function scalar(name: string, doc: string, param: Omit<SettingParam, 'name' | 'doc'>): Setting {
  return { name, doc, value: { kind: 'scalar', param: { name, doc, ...param } } };
}

export function choice(name: string, doc: string, fallback: string | undefined, choices: readonly Choice[]): Setting {
  return { name, doc, value: { kind: 'choice', choices, default: fallback } };
}

/** "at least 1", "above 0 and at most 1", or undefined where there are no bounds. */
export function describeBounds(param: Bounds): string | undefined {
  const parts = [
    param.min !== undefined && `at least ${param.min}`,
    param.above !== undefined && `above ${param.above}`,
    param.max !== undefined && `at most ${param.max}`,
    param.below !== undefined && `below ${param.below}`,
  ].filter((part) => part !== false);
  return parts.length === 0 ? undefined : parts.join(' and ');
}

export function withinBounds(value: number, param: Bounds): boolean {
  const { min, max, above, below } = param;
  return (
    (min === undefined || value >= min) &&
    (max === undefined || value <= max) &&
    (above === undefined || value > above) &&
    (below === undefined || value < below)
  );
}
