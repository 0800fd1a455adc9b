import type { Span } from '../diagnostics/diagnostic.js';
import { findLine } from '../lower/lines.js';
import type { Setting } from '../lower/setting.js';
import type { AmpFile, SettingItem } from '../parser/ast.js';
import type { Analysis } from './analysis.js';
import { defaultText, describeParameter, describeValues, parameterLine } from './arguments.js';
import { findSetting, optimizerOf } from './catalogue.js';
import type { DocumentPlan } from './document-plan.js';
import { runValue } from './run-values.js';

type Item = Extract<AmpFile['sections'][number], { readonly items: unknown }>['items'][number];

/** The setting whose word begins at an offset, also one in the braces of a `group` line. */
function itemAt({ sections }: AmpFile, start: number): SettingItem | undefined {
  const items = sections.flatMap((section): Item[] => ('items' in section ? [...section.items] : []));
  const settings = items.flatMap((item) => (item.kind === 'parameter_group' ? item.items : item.kind === 'setting' ? [item] : []));
  return settings.find(({ name }) => name.span.start === start);
}

function takes({ value }: Setting): string {
  switch (value.kind) {
    case 'scalar':
      return describeValues(value.param);
    case 'choice':
      return value.choices.map(({ name, doc }) => `- \`${name}\`: ${doc}`).join('\n');
    case 'call':
      return value.params.map((param) => `${parameterLine(param)} (${describeParameter(param, '`')})`).join('\n');
  }
}

function defaultOf({ value }: Setting): string | undefined {
  switch (value.kind) {
    case 'scalar':
      return defaultText(value.param);
    case 'choice':
      return value.default;
    case 'call':
      return undefined;
  }
}

/** Of the word of a setting: its meaning, its default, what the file has, and what a run then has where that is more or another. */
export function settingText(
  { section, name, span }: { readonly section: string; readonly name: string; readonly span: Span },
  { parsed, source, program }: Analysis,
  plan: DocumentPlan | undefined,
): string | undefined {
  const line = findLine(section, name)?.doc;
  const setting = findSetting(section, name, optimizerOf(parsed.file));
  if (setting === undefined) return line && `**${name}** ${line}`;
  const item = itemAt(parsed.file, span.start);
  const written = item && source.text.slice(item.value.span.start, item.value.span.end);
  const run = program && runValue(section, name, program, plan);
  const values = [
    ['default', defaultOf(setting)],
    ['here', written],
    ['in a run', run === written ? undefined : run],
  ].flatMap(([word, value]) => (value === undefined ? [] : [`${word} \`${value}\``]));
  return [`**${name}**: ${line ?? setting.doc}`, takes(setting), values.join('; ')].filter((part) => part !== '').join('\n\n');
}
