import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rewriteText } from '../src/api/write-result.js';
import { DATASETS } from '../src/datasets/registry.js';
import { CODES } from '../src/diagnostics/codes.js';
import { PARAMETER_KINDS } from '../src/ir/parameter-kinds.js';
import { defaultText, describeValues, isOptional, type Parameter } from '../src/language/arguments.js';
import { HINTS } from '../src/language/idle-pins.js';
import { LINTS } from '../src/lint/lint.js';
import { FILE_SOURCES, SHAPES_CALL } from '../src/lower/choices/source.js';
import { DATASET_PROPERTIES } from '../src/lower/dataset-properties.js';
import { FUNCTIONS } from '../src/lower/functions.js';
import { LAYERS } from '../src/lower/layers.js';
import { PROPERTIES } from '../src/lower/properties.js';
import { describeBounds, type Setting } from '../src/lower/setting.js';
import {
  DATASET_SETTINGS,
  GROUP_FACTORS,
  GROUP_OPTIMIZER,
  GROUP_SCHEDULE,
  GROUP_WARMUP,
  PRECISION_SETTINGS,
  TRAIN_SETTINGS,
} from '../src/lower/settings.js';
import { INITIALIZERS } from '../src/ops/initializers.js';
import type { LayerDefinition } from '../src/ops/layer.js';

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows]
    .map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');
}

function argument(param: Parameter): readonly string[] {
  const fallback = defaultText(param);
  const standard = fallback === undefined ? (isOptional(param) ? '' : 'required') : `\`${fallback}\``;
  return [`\`${param.name}\``, describeValues(param), standard, param.doc];
}

function layer([name, definition]: readonly [string, LayerDefinition]): string {
  const { params, values, doc, example } = definition;
  const positional = values === undefined ? [] : [values.max === 1 ? 'value' : 'value, …'];
  const shown = [
    ...positional,
    ...params.map((param) => (param.default === undefined ? param.name : `${param.name} = ${String(param.default)}`)),
  ];
  const head = `### \`${name}${shown.length === 0 ? '' : `(${shown.join(', ')})`}\``;
  const rows = params.length === 0 ? [] : [table(['argument', 'takes', 'default', ''], params.map(argument))];
  return [head, doc, ...rows, `\`\`\`\n${example}\n\`\`\``].join('\n\n');
}

function setting({ name, doc, value }: Setting): string {
  if (value.kind === 'scalar') return `### \`${name}\`\n\n${table(['takes', 'default', ''], [argument(value.param).slice(1)])}`;
  if (value.kind === 'call') {
    const rows = value.params.length === 0 ? [] : [table(['argument', 'takes', 'default', ''], value.params.map(argument))];
    return [`### \`${name}${value.params.length === 0 ? '' : '(…)'}\``, `${doc[0].toUpperCase()}${doc.slice(1)}.`, ...rows].join('\n\n');
  }
  const fallback = value.default === undefined ? '' : ` Default: \`${value.default}\`.`;
  const rows = value.choices.flatMap((choice) => [
    [`\`${choice.name}\``, '', '', choice.doc],
    ...choice.params.map((param) => {
      const [label, takes, standard, text] = argument(param);
      return [`\u2003${label}`, takes, standard, text];
    }),
  ]);
  return [`### \`${name}\``, `${doc[0].toUpperCase()}${doc.slice(1)}.${fallback}`, table(['choice', 'takes', 'default', ''], rows)].join(
    '\n\n',
  );
}

/** Without the words that a choice takes: they are those of the section. */
function groupSetting({ name, doc, value }: Setting): string {
  const bounds = value.kind === 'scalar' ? describeBounds(value.param) : undefined;
  return `- \`${name}\`: ${doc}${bounds === undefined ? '' : ` (${bounds})`}`;
}

function codeTable(codes: Readonly<Record<string, { readonly title: string; readonly meaning: string }>>): string {
  const rows = Object.entries(codes).map(([code, { title, meaning }]) => [`\`${code}\``, title, meaning]);
  return table(['code', 'what', ''], rows);
}

/** The generated parts of docs/, by the name in their markers. */
export const GENERATED: Readonly<Record<string, () => string>> = {
  layers: () => Object.entries(LAYERS).map(layer).join('\n\n'),
  datasets: () =>
    table(
      ['name', 'images', 'classes', ''],
      Object.entries(DATASETS).map(([name, info]) => [`\`${name}\``, `[${info.image.join(', ')}]`, String(info.classes), info.doc]),
    ),
  sources: () =>
    Object.entries(FILE_SOURCES)
      .map(([name, { doc, params }]) => setting({ name, doc, value: { kind: 'call', params } }))
      .join('\n\n'),
  drawn: () => setting({ name: 'shapes', doc: SHAPES_CALL.doc, value: { kind: 'call', params: SHAPES_CALL.params } }),
  'dataset-properties': () =>
    table(
      ['property', ''],
      Object.entries(DATASET_PROPERTIES).map(([name, doc]) => [`\`dataset.${name}\``, doc]),
    ),
  'dataset-settings': () => DATASET_SETTINGS.map(setting).join('\n\n'),
  'precision-settings': () => PRECISION_SETTINGS.map(setting).join('\n\n'),
  'train-settings': () => TRAIN_SETTINGS.map(setting).join('\n\n'),
  'group-settings': () => [GROUP_OPTIMIZER, GROUP_SCHEDULE, GROUP_WARMUP, ...Object.values(GROUP_FACTORS)].map(groupSetting).join('\n'),
  'parameter-kinds': () =>
    table(
      ['kind', ''],
      Object.entries(PARAMETER_KINDS).map(([name, doc]) => [`\`${name}\``, doc]),
    ),
  functions: () =>
    table(
      ['function', ''],
      Object.entries(FUNCTIONS).map(([name, { arity, doc }]) => [`\`${name}(${arity === 1 ? 'a' : 'a, b'})\``, doc]),
    ),
  initializers: () =>
    table(
      ['initializer', ''],
      Object.entries(INITIALIZERS).map(([name, { doc, params }]) => {
        const args = params.map((param) => (param.default === undefined ? param.name : `${param.name} = ${String(param.default)}`));
        return [`\`${name}${args.length === 0 ? '' : `(${args.join(', ')})`}\``, doc];
      }),
    ),
  properties: () =>
    table(
      ['property', ''],
      Object.entries(PROPERTIES).map(([name, doc]) => [`\`.${name}\``, doc]),
    ),
  codes: () => codeTable(CODES),
  warnings: () => codeTable({ ...LINTS, ...HINTS }),
};

export const DOCUMENTS: readonly string[] = ['docs/language.md', 'docs/diagnostics.md', 'docs/precision.md'];

/** The text of a document with its generated parts made anew. Throws on a marker that nothing generates. */
export function regenerate(text: string): string {
  return text.replaceAll(/(<!-- generated: ([\w-]+) -->\n)[\s\S]*?(<!-- end -->)/g, (_match, open: string, name: string, close: string) => {
    const make = GENERATED[name];
    if (make === undefined) throw new Error(`nothing generates ${name}`);
    return `${open}\n${make()}\n\n${close}`;
  });
}

if (process.argv[1]?.endsWith('docs-language.ts')) {
  for (const path of DOCUMENTS) {
    const url = new URL(`../${path}`, import.meta.url);
    const before = readFileSync(url, 'utf8');
    const after = regenerate(before);
    if (before !== after) await rewriteText(fileURLToPath(url), after);
    console.log(before === after ? `${path} is up to date` : `updated ${path}`);
  }
}
