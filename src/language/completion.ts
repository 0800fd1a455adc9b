import type { Span } from '../diagnostics/diagnostic.js';
import { DATASET_PROPERTIES } from '../lower/dataset-properties.js';
import { FUNCTIONS, PARAM } from '../lower/functions.js';
import { LAYERS } from '../lower/layers.js';
import { PROPERTIES } from '../lower/properties.js';
import { KEEP_FORMATS } from '../lower/settings.js';
import { LIBRARY_NAMES } from '../lower/used-text.js';
import type { Analysis } from './analysis.js';
import { describeParameter, isOptional } from './arguments.js';
import { callableOf, SECTIONS, signatureText } from './catalogue.js';
import { type Completion, datasets, initializers, patterns, settings, settingValues, wordDoc, wordsOf } from './completion-settings.js';
import { type Context, cursorAt, type OpenCall } from './cursor.js';
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
      return Object.entries(SECTIONS).map(([label, doc]) => ({
        label,
        kind: 'keyword',
        doc,
        snippet: SECTION_SNIPPETS[label] ?? `${label} `,
      }));
    case 'dataset-name':
      return datasets();
    case 'use-path':
      return LIBRARY_NAMES.map((name) => ({ label: `"${name}"`, kind: 'file', doc: 'blocks that come with ampc' }));
    case 'setting':
      return settings(context.section);
    case 'setting-value':
      return settingValues(context.section, context.setting, analysis, offset);
    case 'pattern':
      return patterns(analysis, context.of);
    case 'keep-in':
      return [{ label: 'in', kind: 'keyword', doc: 'before the format' }];
    case 'format':
      return KEEP_FORMATS.map((label) => ({ label, kind: 'format', doc: wordDoc('precision', 'compute', label) }));
    case 'stage':
      return stages(analysis);
    case 'argument':
      return [...argumentNames(context.call, analysis), ...values(analysis, offset)];
    case 'argument-value':
      return [...argumentValues(context.call, context.name, analysis), ...values(analysis, offset)];
    case 'property':
      return Object.entries(context.ofDataset ? DATASET_PROPERTIES : PROPERTIES).map(([label, doc]) => ({ label, kind: 'property', doc }));
    case 'value':
      return [...bodyWords(), ...values(analysis, offset)];
    case 'after-stage':
      return [
        { label: '|>', kind: 'keyword', doc: 'joins the next layer' },
        { label: 'as', kind: 'keyword', doc: 'names the layer, and with it its weights', snippet: 'as ' },
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

function stages({ blocks }: Analysis): readonly Completion[] {
  const names = [...blocks.keys()].map((name) => ({ name, kind: 'block' as const }));
  const layers = Object.keys(LAYERS)
    .filter((name) => !blocks.has(name))
    .map((name) => ({ name, kind: 'layer' as const }));
  const applied = [...names, ...layers].map(({ name, kind }): Completion => {
    const callable = callableOf({ kind: 'callee', name, isStage: true }, blocks)!;
    const needsArguments = callable.params.some((param) => !isOptional(param)) || callable.values.length > 0;
    return { label: name, kind, detail: signatureText(callable), doc: callable.doc, ...(needsArguments && { snippet: `${name}($1)` }) };
  });
  return [
    ...applied,
    {
      label: 'repeat',
      kind: 'keyword',
      doc: 'stages, several times: `repeat 3 { … }`, `repeat stride in [2, 1] { … }`',
      snippet: 'repeat $1 { }',
    },
    { label: 'if', kind: 'keyword', doc: 'stages where a condition holds: `if stride != 1 { … } else { … }`', snippet: 'if $1 { }' },
  ];
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
  return param.kind === 'init' ? initializers() : wordsOf(param);
}

function bodyWords(): readonly Completion[] {
  return [
    { label: 'let', kind: 'keyword', doc: SECTIONS.let!, snippet: 'let $1 = ' },
    { label: 'if', kind: 'keyword', doc: 'one value or another: `if wide { 2 } else { 1 }`', snippet: 'if $1 { } else { }' },
    { label: 'collect', kind: 'keyword', doc: 'a list of values: `collect i in 0..4 { x |> Path(i) }`', snippet: 'collect $1 { }' },
    { label: 'share', kind: 'keyword', doc: 'a layer whose weights all its uses have in common', snippet: 'share ' },
  ];
}

function values(analysis: Analysis, offset: number): readonly Completion[] {
  const { parsed, names } = analysis;
  const visible = new Map(visibleNames(parsed.file, offset).map(({ name, kind }) => [name, kind as string]));
  for (const name of names?.globals.all() ?? []) if (!visible.has(name)) visible.set(name, 'constant');
  return [
    ...[...visible].map(([label, detail]): Completion => ({ label, kind: 'value', detail })),
    { label: 'dataset', kind: 'value', doc: 'the data set: `dataset.shape`, `dataset.classes`', snippet: 'dataset.' },
    ...Object.entries(FUNCTIONS).map(([label, { doc }]): Completion => ({ label, kind: 'function', doc, snippet: `${label}($1)` })),
    { label: PARAM, kind: 'function', doc: 'a learned value: `param([64], init: zeros) as gamma`', snippet: `${PARAM}($1)` },
  ];
}
