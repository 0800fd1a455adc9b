import type { Span } from '../diagnostics/diagnostic.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';

/**
 * What settings take, by kind. `channels`: one number or one per channel, or one of `words`. `points`: `[[epoch, factor], …]`. `word`: one
 * of `words`. `text`: anything in quotes. `pair`: one whole number, or two.
 */
interface ValueOf {
  readonly int: number;
  readonly number: number;
  readonly boolean: boolean;
  readonly channels: readonly number[] | string;
  readonly text: string;
  readonly pair: number | readonly number[];
  readonly numbers: readonly number[];
  readonly word: string;
  readonly points: readonly (readonly [epoch: number, factor: number])[];
}

export type SettingKind = keyof ValueOf;
export type SettingValue = ValueOf[SettingKind];

export type SettingDefault = number | boolean | string;

/** A named argument of a setting, or the setting's only value. */
export interface SettingParam {
  readonly name: string;
  readonly kind: SettingKind;
  /** Left out: required, unless it is optional. */
  readonly default?: SettingDefault;
  /** It may be left out, and that means something. */
  readonly optional?: true;
  /** Those that a word may be. */
  readonly words?: readonly string[];
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

/** Where a choice is written, for what is wrong with its arguments together; undefined: nowhere, it is the default. */
export interface Place {
  readonly sink: DiagnosticSink;
  readonly span: Span | undefined;
}

/** A choice without its name, and what it becomes. */
export interface Word<T> extends Omit<Choice, 'name'> {
  /** Of arguments that have the kinds of `params`, defaults filled in. */
  read(args: Readonly<Record<string, SettingValue>>, place: Place): T;
}

/** A word for each kind of record that a choice can become. */
export type Words<Spec extends { readonly kind: string }> = {
  readonly [Kind in Spec['kind']]: Word<Extract<Spec, { readonly kind: Kind }>>;
};

type Params = Readonly<Record<string, Omit<SettingParam, 'name'>>>;
type Param = Params[string];
type ArgOf<P extends Param> =
  | (P extends { kind: 'word'; words: readonly (infer W)[] } ? W : ValueOf[P['kind']])
  | (P['optional'] extends true ? undefined : never);
type ArgsOf<P extends Params> = { readonly [Name in keyof P]: ArgOf<P[Name]> };

/** Whether a setting cannot do without an argument. */
export function isRequired({ default: fallback, optional }: SettingParam): boolean {
  return fallback === undefined && optional !== true;
}

export function word<const P extends Params, const T>(doc: string, params: P, read: (args: ArgsOf<P>, place: Place) => T): Word<T> {
  return {
    doc,
    params: Object.entries(params).map(([name, param]) => ({ name, ...param })),
    read: (args, place) => read(args as ArgsOf<P>, place),
  };
}

/** A setting that is one of several words, and what these become. */
export interface ChoiceSetting<T> extends Setting {
  readonly words: Readonly<Record<string, Word<T>>>;
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

/** `fallback` undefined: the setting may be left out, and that means something, so that undefined is among what it becomes. */
export function choice<W extends Readonly<Record<string, Word<unknown>>>, const F extends (keyof W & string) | undefined>(
  name: string,
  doc: string,
  words: W,
  fallback: F,
): ChoiceSetting<ReturnType<W[keyof W]['read']> | (F extends undefined ? undefined : never)> {
  const choices = Object.entries(words).map(([label, { doc: text, params }]) => ({ name: label, doc: text, params }));
  return { name, doc, value: { kind: 'choice', choices, default: fallback }, words: words as never };
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
