import type { Span } from '../diagnostics/diagnostic.js';
import type { ValueId } from '../ir/types.js';
import type { Initializer } from '../ops/state-init.js';

/** What an expression of the language evaluates to while a model is lowered. */
export type Value =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'word'; readonly value: string }
  | { readonly kind: 'list'; readonly items: readonly Value[] }
  /** A value of the graph; `origin` and `source` say where it comes from: the layer's call. */
  | { readonly kind: 'tensor'; readonly id: ValueId; readonly origin: Span; readonly source: string }
  /** How a weight starts. */
  | { readonly kind: 'init'; readonly init: Initializer }
  /** A layer or block that was given to `share`; `index` finds it in the expansion of the model. */
  | { readonly kind: 'layer'; readonly index: number; readonly source: string }
  /** Its expression had an error that is already reported; nothing about it is reported again. */
  | { readonly kind: 'unknown' };

export type NumberValue = Extract<Value, { kind: 'number' }>;
export type Tensor = Extract<Value, { kind: 'tensor' }>;

export const UNKNOWN: Value = { kind: 'unknown' };

/** "a number", "a list", as in "takes a number, not a list". */
export function describeKind(value: Value): string {
  switch (value.kind) {
    case 'number':
      return `the number ${value.value}`;
    case 'boolean':
      return `\`${value.value}\``;
    case 'word':
      return `the word \`${value.value}\``;
    case 'list':
      return 'a list';
    case 'tensor':
      return 'a value of the graph';
    case 'init':
      return 'an initializer';
    case 'layer':
      return 'a shared layer';
    case 'unknown':
      return 'an unknown value';
  }
}
