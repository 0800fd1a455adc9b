import { listNames } from '../diagnostics/suggest.js';
import { describeBounds, type SettingParam } from '../lower/setting.js';
import type { ArgKind, LayerParam } from '../ops/layer.js';

/** What an argument takes, in words. */
const KINDS: Readonly<Record<ArgKind | SettingParam['kind'], string>> = {
  int: 'whole number',
  number: 'number',
  boolean: '`true` or `false`',
  pair: 'number or `[rows, columns]`',
  padding: 'number, `[rows, columns]`, `same` or `valid`',
  value: 'graph value',
  shape: 'list of sizes',
  axes: 'whole number or list of them',
  sections: 'number or list of sizes',
  word: 'word',
  init: 'initializer',
  channels: 'number or list',
  text: 'text in quotes',
  numbers: 'list of numbers',
  points: 'list of points',
};

/** An argument of a layer, a setting or an initializer, by what its table says. */
export type Parameter = LayerParam | SettingParam;

/** "whole number, at least 1", "`mean` or `sum`". */
export function describeValues({ kind, words, ...bounds }: Pick<Parameter, 'kind' | 'words' | 'min' | 'max' | 'above'>): string {
  const limits = describeBounds(bounds);
  const one = kind === 'channels' || words === undefined ? KINDS[kind] : listNames(words);
  const takes = limits === undefined ? one : `${one}, ${limits}`;
  return kind === 'channels' && words !== undefined ? `${takes}; ${listNames(words)}` : takes;
}

/** Its default as it is written; undefined where there is none. */
export function defaultText({ default: fallback }: Pick<Parameter, 'default'>): string | undefined {
  if (fallback === undefined) return undefined;
  return Array.isArray(fallback) ? `[${fallback.join(', ')}]` : String(fallback);
}

export function isOptional(param: Parameter): boolean {
  return param.default !== undefined || ('optional' in param && param.optional === true);
}

/** `kernel = 3`, or `kernel` where it must be given. */
export function parameterLabel(param: Parameter): string {
  const fallback = defaultText(param);
  return fallback === undefined ? param.name : `${param.name} = ${fallback}`;
}

/** "whole number, at least 1; default 3". `quote`: around the default, for Markdown. */
export function describeParameter(param: Parameter, quote: '' | '`' = ''): string {
  const fallback = defaultText(param);
  return `${describeValues(param)}${fallback === undefined ? '' : `; default ${quote}${fallback}${quote}`}`;
}

/** An item of a list in Markdown. */
export const parameterLine = ({ name, doc }: Parameter): string => `- \`${name}\`: ${doc}`;
