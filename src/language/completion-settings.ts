import { DATASET_NAMES } from '../datasets/registry.js';
import { PARAMETER_KINDS } from '../ir/parameter-kinds.js';
import { LOSS_KINDS } from '../ir/program.js';
import { isState } from '../ir/structure.js';
import { FILE_SOURCES } from '../lower/choices/source.js';
import { LINES } from '../lower/lines.js';
import { INITIALIZERS } from '../ops/initializers.js';
import type { Analysis } from './analysis.js';
import { describeParameter, isOptional, type Parameter } from './arguments.js';
import { callableOf, datasetDoc, findSetting, linesOf, optimizerOf, settingsOf } from './catalogue.js';
import { visibleNames } from './scopes.js';

export type CompletionKind =
  | 'layer'
  | 'block'
  | 'argument'
  | 'value'
  | 'function'
  | 'keyword'
  | 'setting'
  | 'word'
  | 'format'
  | 'pattern'
  | 'dataset'
  | 'property'
  | 'file';

export interface Completion {
  readonly label: string;
  readonly kind: CompletionKind;
  readonly detail?: string;
  readonly doc?: string;
  /** What is written; the label where it is left out. `$1` is where the cursor goes then. */
  readonly snippet?: string;
}

export function datasets(): readonly Completion[] {
  const known = DATASET_NAMES.map((name): Completion => ({ label: name, kind: 'dataset', doc: datasetDoc(name) }));
  const files = Object.entries(FILE_SOURCES).map(
    ([label, { doc }]): Completion => ({ label, kind: 'dataset', doc, snippet: `${label}("$1")` }),
  );
  return [...known, ...files];
}

export function settings(section: string, { parsed }: Analysis): readonly Completion[] {
  const own = settingsOf(section, optimizerOf(parsed.file)).map(({ name, doc, value }): Completion => {
    if (value.kind === 'call') return { label: name, kind: 'setting', doc, ...(value.params.length > 0 && { snippet: `${name}($1)` }) };
    const detail = value.kind === 'scalar' ? describeParameter(value.param) : value.default && `default ${value.default}`;
    return { label: name, kind: 'setting', doc, snippet: `${name} `, ...(detail && { detail }) };
  });
  return [...own, ...linesOf(section).map(({ word: label, doc }): Completion => ({ label, kind: 'keyword', doc, snippet: `${label} ` }))];
}

export function wordDoc(section: string, setting: string, word: string): string {
  return callableOf({ kind: 'setting', section, setting, word }, new Map())?.doc ?? '';
}

export function settingValues(section: string, name: string, analysis: Analysis, offset: number): readonly Completion[] {
  const setting = findSetting(section, name, optimizerOf(analysis.parsed.file));
  if (name === LINES.init.word) return initializers();
  if (setting === undefined) return [];
  const { value } = setting;
  if (value.kind === 'choice')
    return value.choices.map(({ name: label, doc, params }) => ({
      label,
      kind: 'word',
      doc,
      ...(params.length > 0 && { snippet: params.some((param) => !isOptional(param)) ? `${label}($1)` : label }),
    }));
  if (value.kind === 'scalar') return [...wordsOf(value.param), ...constants(analysis, offset)];
  return [];
}

export function constants(analysis: Analysis, offset: number): readonly Completion[] {
  const names = visibleNames(analysis.parsed.file, offset);
  return names.filter(({ kind }) => kind === 'constant').map(({ name }) => ({ label: name, kind: 'value', detail: 'constant' }));
}

export function parameterKinds(): readonly Completion[] {
  return Object.entries(PARAMETER_KINDS).map(([label, doc]) => ({ label, kind: 'word', doc }));
}

/** The values of the model that have a name, each of which can have a loss of its own. */
export function modelValues({ parsed }: Analysis): readonly Completion[] {
  const lets = parsed.file.sections.flatMap((section) => (section.kind === 'model' ? section.body.lets : []));
  const names = lets.flatMap((item) => item.names.map(({ text }) => text)).filter((text) => text !== '');
  return names.map((label) => ({ label, kind: 'value', detail: 'value of the model' }));
}

/** `a.b` and `a` of `a.b.weight`. */
function layersAround(parameter: string): readonly string[] {
  const parts = parameter.split('.').slice(0, -1);
  return parts.map((_, i) => parts.slice(0, i + 1).join('.'));
}

export function patterns(analysis: Analysis, of: 'layers' | 'parameters'): readonly Completion[] {
  const { program } = analysis;
  const layers = new Set<string>();
  for (const traces of analysis.stages.values()) for (const { path } of traces) if (path !== '') layers.add(path);
  const written = (text: string) => (/^[A-Za-z_]\w*$/.test(text) ? text : `"${text}"`);
  if (of === 'parameters') {
    const names = (program?.train.nodes ?? []).filter(isState).filter(({ attrs }) => attrs.role === 'parameter');
    const all = names.map(({ attrs }) => String(attrs.name));
    const owners = new Set(all.flatMap((name) => layersAround(name)));
    return [
      ...[...all, '*.weight', '*.bias'].map((label): Completion => ({ label: written(label), kind: 'pattern', detail: 'parameter' })),
      ...[...owners].map((label): Completion => ({ label: written(label), kind: 'pattern', detail: 'layer' })),
    ];
  }
  const ops = program === undefined ? [] : [...new Set(program.train.nodes.map(({ op }) => op))];
  const blocks = new Set([...layers].filter((layer) => layer.includes('.')).map((layer) => `${layer.split('.')[0]}.*`));
  return [
    ...[...layers].map((label): Completion => ({ label: written(label), kind: 'pattern', detail: 'layer' })),
    ...[...blocks].map((label): Completion => ({ label: written(label), kind: 'pattern', detail: 'layers' })),
    ...[...new Set<string>([...ops, ...LOSS_KINDS])].map((label): Completion => ({ label, kind: 'pattern', detail: 'op' })),
  ];
}

export function wordsOf({ kind, words = [] }: Parameter): readonly Completion[] {
  const all = kind === 'boolean' ? ['true', 'false'] : kind === 'padding' ? ['same', 'valid', ...words] : words;
  return all.map((label) => ({ label, kind: 'word' }));
}

export function initializers(): readonly Completion[] {
  return Object.entries(INITIALIZERS).map(([label, { doc, params }]) => ({
    label,
    kind: 'function',
    doc,
    ...(params.length > 0 && { snippet: `${label}($1)` }),
  }));
}
