import type { Span } from '../diagnostics/diagnostic.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import { listNames } from '../diagnostics/suggest.js';
import { initializerNamed } from '../ops/initializers.js';
import type { ArgKind, ArgValue, LayerParam } from '../ops/layer.js';
import type { Expr } from '../parser/ast.js';
import type { Bound } from './bind.js';
import { isNoInitializer } from './functions.js';
import { type Bounds, describeBounds, type SettingParam, type SettingValue, withinBounds } from './setting.js';
import { problemInF32 } from './single.js';
import { describeKind, type Value } from './value.js';

const EXPECTED: Readonly<Record<ArgKind, string>> = {
  int: 'a whole number',
  number: 'a number',
  boolean: '`true` or `false`',
  pair: 'a whole number, or two as `[rows, columns]`',
  padding: 'a whole number, two as `[rows, columns]`, `same` or `valid`',
  value: 'a value of the graph',
  shape: 'a list of whole numbers',
  axes: 'a whole number, or a list of them',
  sections: 'a whole number, or a list of sizes',
  word: 'a word',
  init: 'an initializer, such as `normal(0.02)` or `zeros`',
};

function wholeNumbers(value: Value): readonly number[] | undefined {
  if (value.kind !== 'list') return undefined;
  const numbers = value.items.flatMap((item) => (item.kind === 'number' && Number.isInteger(item.value) ? [item.value] : []));
  return numbers.length === value.items.length ? numbers : undefined;
}

/** `words`: those that a word may be; `default` is an initializer where the argument may be left out. */
function convert(kind: ArgKind, value: Value, { words, default: standard }: Partial<LayerParam> = {}): ArgValue | undefined {
  switch (kind) {
    case 'int':
      return value.kind === 'number' && Number.isInteger(value.value) ? value.value : undefined;
    case 'number':
      return value.kind === 'number' ? value.value : undefined;
    case 'boolean':
      return value.kind === 'boolean' ? value.value : undefined;
    case 'pair': {
      const numbers = wholeNumbers(value);
      return numbers === undefined ? convert('int', value) : numbers.length === 2 ? numbers : undefined;
    }
    case 'padding':
      return value.kind === 'word' && (value.value === 'same' || value.value === 'valid') ? value.value : convert('pair', value);
    case 'init':
      if (value.kind === 'init') return value.init;
      if (value.kind !== 'word') return undefined;
      return value.value === 'default' && standard !== undefined ? value.value : initializerNamed(value.value);
    case 'sections':
      return wholeNumbers(value) ?? convert('int', value);
    case 'shape':
      return wholeNumbers(value);
    case 'axes': {
      const one = convert('int', value) as number | undefined;
      const numbers = one === undefined ? wholeNumbers(value) : [one];
      return numbers?.length === 0 ? undefined : numbers;
    }
    case 'word':
      return value.kind === 'word' && words?.includes(value.value) ? value.value : undefined;
    case 'value':
      return undefined;
  }
}

function holdsUnknown(value: Value): boolean {
  return value.kind === 'unknown' || (value.kind === 'list' && value.items.some(holdsUnknown));
}

/** What an argument takes, where it takes words of its own. */
export function describeWords(owner: string, { name, kind, words }: LayerParam | SettingParam): string | undefined {
  if (words === undefined && kind !== 'padding') return undefined;
  return `\`${name}\` of \`${owner}\` takes ${kind === 'channels' ? channelsExpected({ words }) : expected(words, EXPECTED.padding)}`;
}

/** The words that an argument may be, or else what its kind takes. */
function expected(words: readonly string[] | undefined, ofKind: string): string {
  return words === undefined ? ofKind : listNames(words);
}

/** An argument of a layer as its builder wants it; undefined after reporting why it is not. */
export function convertLayerArg(layer: string, param: LayerParam, value: Value, span: Span, sink: DiagnosticSink): ArgValue | undefined {
  if (holdsUnknown(value)) return undefined;
  const label = `\`${param.name}\` of \`${layer}\``;
  const converted = convert(param.kind, value, param);
  if (converted === undefined) {
    sink.error('AMP2006', span, `${label} takes ${expected(param.words, EXPECTED[param.kind])}, not ${describeKind(value)}`, {
      why: `\`${param.name}\`: ${param.doc}`,
    });
    return undefined;
  }
  const numbers = typeof converted === 'number' ? [converted] : Array.isArray(converted) ? (converted as readonly number[]) : [];
  const outside = numbers.find((n) => !withinBounds(n, param) || (param.kind !== 'number' && !Number.isSafeInteger(n)));
  if (outside !== undefined) {
    sink.error('AMP2010', span, `${label} is ${outside}`, {
      why: `it must be ${describeBounds(param) ?? 'a number that fits in 53 bits'}`,
    });
    return undefined;
  }
  return param.kind !== 'number' || fitsF32('AMP2015', label, numbers, param, span, sink) ? converted : undefined;
}

/** The arguments of a call, defaults filled in; undefined after reporting what is wrong, or where `named` lacks a required one. */
export function convertLayerArgs(
  name: string,
  params: readonly LayerParam[],
  { named }: Pick<Bound, 'named'>,
  read: (expr: Expr) => Value,
  sink: DiagnosticSink,
): Readonly<Record<string, ArgValue>> | undefined {
  const args: Record<string, ArgValue> = {};
  let usable = true;
  for (const param of params) {
    const arg = named.get(param.name);
    const value =
      arg === undefined
        ? param.default
        : isNoInitializer(arg.value, param, sink)
          ? undefined
          : convertLayerArg(name, param, read(arg.value), arg.value.span, sink);
    if (value === undefined) usable = false;
    else args[param.name] = value;
  }
  return usable ? args : undefined;
}

/** Reports a number that f32 does not hold as it should, of those that are within their bounds as they are written. */
function fitsF32(
  code: 'AMP2015' | 'AMP4012',
  label: string,
  numbers: readonly number[],
  bounds: Bounds,
  span: Span,
  sink: DiagnosticSink,
): boolean {
  for (const value of numbers) {
    const problem = problemInF32(value, bounds);
    if (problem === undefined) continue;
    sink.error(code, span, `${label} is ${value}`, problem);
    return false;
  }
  return true;
}

const EXPECTED_SETTING: Readonly<Record<SettingParam['kind'], string>> = {
  int: 'a whole number',
  number: 'a number',
  boolean: '`true` or `false`',
  channels: 'a number, or a list with one number per channel',
  numbers: 'a list of numbers',
  word: 'a word',
  text: 'text in quotes',
  pair: 'a whole number, or two as `[height, width]`',
  points: 'a list of points `[[epoch, factor], …]`',
};

function channelsExpected({ words = [] }: Pick<SettingParam, 'words'>): string {
  return words.length === 0 ? EXPECTED_SETTING.channels : `${EXPECTED_SETTING.channels}, or ${listNames(words)}`;
}

function numbersOf(value: Value): readonly number[] | undefined {
  if (value.kind !== 'list' || value.items.length === 0) return undefined;
  const numbers = value.items.flatMap((item) => (item.kind === 'number' ? [item.value] : []));
  return numbers.length === value.items.length ? numbers : undefined;
}

function convertSetting({ kind, words }: SettingParam, value: Value): SettingValue | undefined {
  if (kind === 'numbers') return numbersOf(value);
  if (kind === 'channels') {
    if (value.kind === 'word') return words?.includes(value.value) ? value.value : undefined;
    return value.kind === 'number' ? [value.value] : numbersOf(value);
  }
  if (kind === 'text') return value.kind === 'word' && value.value !== '' ? value.value : undefined;
  if (kind === 'pair') return convert('pair', value) as number | readonly number[] | undefined;
  if (kind !== 'points') return convert(kind, value, { words }) as number | boolean | string | undefined;
  if (value.kind !== 'list' || value.items.length === 0) return undefined;
  const points = value.items.map(numbersOf).filter((point) => point?.length === 2) as [number, number][];
  return points.length === value.items.length ? points : undefined;
}

function isEmptyText({ kind }: SettingParam, value: Value): boolean {
  return kind === 'text' && value.kind === 'word' && value.value === '';
}

/** As `convertLayerArg`, for a parameter of a setting; `owner` names the setting or its choice. */
export function convertSettingArg(
  owner: string,
  param: SettingParam,
  value: Value,
  span: Span,
  sink: DiagnosticSink,
): SettingValue | undefined {
  if (holdsUnknown(value)) return undefined;
  const label = owner === param.name ? `\`${owner}\`` : `\`${param.name}\` of \`${owner}\``;
  const converted = convertSetting(param, value);
  if (converted === undefined) {
    const taken = param.kind === 'channels' ? channelsExpected(param) : expected(param.words, EXPECTED_SETTING[param.kind]);
    sink.error('AMP4004', span, `${label} takes ${taken}, not ${isEmptyText(param, value) ? 'an empty one' : describeKind(value)}`, {
      why: `\`${param.name}\`: ${param.doc}`,
    });
    return undefined;
  }
  const numbers = [converted].flat(2).filter((part): part is number => typeof part === 'number');
  const outside = numbers.find((n) => !withinBounds(n, param));
  if (outside !== undefined) {
    sink.error('AMP4005', span, `${label} is ${outside}`, { why: `it must be ${describeBounds(param)}` });
    return undefined;
  }
  return param.kind === 'int' || param.kind === 'pair' || fitsF32('AMP4012', label, numbers, param, span, sink) ? converted : undefined;
}
