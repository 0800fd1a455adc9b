import type { Span } from '../diagnostics/diagnostic.js';
import { DATASET_PROPERTIES } from '../lower/dataset-properties.js';
import { FUNCTIONS, PARAM } from '../lower/functions.js';
import { LAYERS } from '../lower/layers.js';
import { PROPERTIES } from '../lower/properties.js';
import { KEEP_FORMATS } from '../lower/settings.js';
import { LIBRARY_NAMES } from '../lower/used-text.js';
import type { Analysis } from './analysis.js';
import { describeParameter, isOptional, type Parameter } from './arguments.js';
import { callableOf, SECTIONS, signatureText } from './catalogue.js';
import {
  type Completion,
  datasets,
  initializers,
  modelValues,
  parameterKinds,
  patterns,
  settings,
  settingValues,
  wordDoc,
  wordsOf,
} from './completion-settings.js';
import type { Context, OpenCall } from './context.js';
import { cursorAt } from './cursor.js';
import { KEYWORDS, type Keyword } from './keywords.js';
import { visibleNames } from './scopes.js';

export interface Completions {
  /** What is replaced by the one that is chosen. */
  readonly replaces: Span;
  readonly items: readonly Completion[];
}

/** What may be written at an offset. */
export function completionsAt(analysis: Analysis, offset: number): Completions {
  const { parsed } = analysis;
  const isInComment = parsed.comments.some(({ startOffset, image }) => startOffset < offset && offset <= startOffset + image.length);
  if (isInComment) return { replaces: { start: offset, end: offset }, items: [] };
  const { context, word, isQuoted } = cursorAt(parsed.tokens, offset);
  const items = itemsFor(context, analysis, offset);
  return { replaces: word, items: isQuoted ? inQuotes(context, items) : items };
}

/** What may stand in quotes, with them. */
function inQuotes({ kind }: Context, items: readonly Completion[]): readonly Completion[] {
  if (kind === 'use-path') return items;
  return kind === 'pattern' ? items.map((item) => ({ ...item, label: `"${item.label.replaceAll('"', '')}"` })) : [];
}

function itemsFor(context: Context, analysis: Analysis, offset: number): readonly Completion[] {
  switch (context.kind) {
    case 'nothing':
      return [];
    case 'section':
      return [...words(context.words), ...sections()];
    case 'dataset-name':
      return datasets();
    case 'use-path':
      return LIBRARY_NAMES.map((name) => ({ label: `"${name}"`, kind: 'file', doc: 'blocks that come with ampc' }));
    case 'setting':
      return settings(context.section, analysis);
    case 'behind-pattern':
      return [...words(context.words), ...(context.section === '' ? [] : settings(context.section, analysis))];
    case 'aux-value':
      return modelValues(analysis);
    case 'setting-value':
      return settingValues(context.section, context.setting, analysis, offset);
    case 'pattern':
      return [...(context.kinds === true ? parameterKinds() : []), ...patterns(analysis, context.of)];
    case 'keep-in':
      return [{ label: 'in', kind: 'keyword', doc: 'before the format' }];
    case 'format':
      return KEEP_FORMATS.map((label) => ({ label, kind: 'format', doc: wordDoc('precision', 'compute', label) }));
    case 'stage':
      return stages(analysis, offset);
    case 'argument':
      return [...positionalWords(context.call, analysis), ...argumentNames(context.call, analysis), ...values(analysis, offset)];
    case 'argument-value':
      return [...argumentValues(context.call, context.name, analysis), ...values(analysis, offset)];
    case 'property':
      return Object.entries(context.ofDataset ? DATASET_PROPERTIES : PROPERTIES).map(([label, doc]) => ({ label, kind: 'property', doc }));
    case 'value':
      return [...bodyWords(), ...values(analysis, offset)];
    case 'after-stage':
      return [
        { label: '|>', kind: 'keyword', doc: 'joins the next layer' },
        ...words(['as', ...context.words]),
        ...bodyWords(),
        ...values(analysis, offset),
      ];
  }
}

const SECTION_SNIPPETS: Readonly<Record<string, string>> = {
  use: 'use "$1"',
  let: 'let $1 = ',
  block: 'block $1(x) {\n  x\n  |> \n}',
  model: 'model $1(image: dataset.shape) -> [dataset.classes] {\n  image\n  |> \n}',
  precision: 'precision {\n  $1\n}',
  train: 'train {\n  $1\n}',
};

function sections(): readonly Completion[] {
  return Object.entries(SECTIONS).map(([label, doc]) => ({
    label,
    kind: 'keyword',
    doc,
    snippet: SECTION_SNIPPETS[label] ?? `${label} `,
  }));
}

function stages({ blocks, parsed }: Analysis, offset: number): readonly Completion[] {
  const names = [...blocks.keys()].map((name) => ({ name, kind: 'block' as const }));
  const layers = Object.keys(LAYERS)
    .filter((name) => !blocks.has(name))
    .map((name) => ({ name, kind: 'layer' as const }));
  const applied = [...names, ...layers].map(({ name, kind }): Completion => {
    const callable = callableOf({ kind: 'callee', name, isStage: true }, blocks)!;
    const needsArguments = callable.params.some((param) => !isOptional(param)) || callable.values.length > 0;
    return { label: name, kind, detail: signatureText(callable), doc: callable.doc, ...(needsArguments && { snippet: `${name}($1)` }) };
  });
  const shared = visibleNames(parsed.file, offset).filter(({ kind }) => kind === 'shared' || kind === 'parameter');
  return [
    ...applied,
    ...shared.map(({ name, kind }): Completion => ({ label: name, kind: 'value', detail: kind })),
    { label: 'repeat', kind: 'keyword', doc: KEYWORDS.repeat, snippet: 'repeat $1 { }' },
    { label: 'if', kind: 'keyword', doc: KEYWORDS.if, snippet: 'if $1 { }' },
  ];
}

function words(keywords: readonly Keyword[]): readonly Completion[] {
  return keywords.map((label) => ({ label, kind: 'keyword', doc: KEYWORDS[label], snippet: `${label} ` }));
}

/** The words that an argument by its place may be. */
function positionalWords({ owner, index, current }: OpenCall, { blocks }: Analysis): readonly Completion[] {
  const callable = current === undefined ? callableOf(owner, blocks) : undefined;
  const param = callable?.params[index - callable.values.length];
  return param === undefined ? [] : wordsFor(param);
}

function argumentNames({ owner, named }: OpenCall, { blocks }: Analysis): readonly Completion[] {
  const params = callableOf(owner, blocks)?.params ?? [];
  return params
    .filter(({ name }) => !named.includes(name))
    .map((param) => ({
      label: `${param.name}:`,
      kind: 'argument',
      detail: describeParameter(param),
      doc: param.doc,
      snippet: `${param.name}: `,
    }));
}

function argumentValues({ owner }: OpenCall, name: string, { blocks }: Analysis): readonly Completion[] {
  const param = callableOf(owner, blocks)?.params.find((candidate) => candidate.name === name);
  if (param === undefined) return [];
  return wordsFor(param);
}

function wordsFor(param: Parameter): readonly Completion[] {
  return param.kind === 'init' ? initializers() : wordsOf(param);
}

function bodyWords(): readonly Completion[] {
  return [
    { label: 'let', kind: 'keyword', doc: KEYWORDS.let, snippet: 'let $1 = ' },
    { label: 'if', kind: 'keyword', doc: KEYWORDS.if, snippet: 'if $1 { } else { }' },
    { label: 'collect', kind: 'keyword', doc: KEYWORDS.collect, snippet: 'collect $1 { }' },
    { label: 'share', kind: 'keyword', doc: KEYWORDS.share, snippet: 'share ' },
  ];
}

/** Layers that are called with values in an expression. */
function joiningLayers(): readonly Completion[] {
  return Object.entries(LAYERS)
    .filter(([name, { values: joined }]) => joined !== undefined && !Object.hasOwn(FUNCTIONS, name))
    .map(([label, { doc }]) => ({ label, kind: 'layer', doc, snippet: `${label}($1)` }));
}

function values(analysis: Analysis, offset: number): readonly Completion[] {
  const { parsed, names } = analysis;
  const visible = new Map(visibleNames(parsed.file, offset).map(({ name, kind }) => [name, kind as string]));
  for (const name of names?.globals.all() ?? []) if (!visible.has(name)) visible.set(name, 'constant');
  return [
    ...[...visible].map(([label, detail]): Completion => ({ label, kind: 'value', detail })),
    { label: 'dataset', kind: 'value', doc: 'the data set: `dataset.shape`, `dataset.classes`', snippet: 'dataset.' },
    ...words(['true', 'false', 'not']).map((word) => (word.label === 'not' ? word : { ...word, snippet: word.label })),
    ...Object.entries(FUNCTIONS).map(([label, { doc }]): Completion => ({ label, kind: 'function', doc, snippet: `${label}($1)` })),
    // A constant may be how a weight starts.
    ...(isInBody(analysis, offset) ? joiningLayers() : initializers()),
    { label: PARAM, kind: 'function', doc: 'a learned value: `param([64], init: zeros) as gamma`', snippet: `${PARAM}($1)` },
  ];
}

function isInBody({ parsed }: Analysis, offset: number): boolean {
  return parsed.file.sections.some((section) => 'body' in section && section.span.start < offset && offset <= section.span.end);
}
