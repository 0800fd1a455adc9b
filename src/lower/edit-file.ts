import { DEFAULT_DATASET } from '../datasets/registry.js';
import { NO_SPAN } from '../diagnostics/sink.js';
import type { AmpFile, Expr, Name, Section, SettingItem } from '../parser/ast.js';
import type { SettingsSection } from './settings.js';

/** What a section says of a setting, if it does. */
export function findItem(file: AmpFile, section: SettingsSection, name: string): SettingItem | undefined {
  const found = file.sections.find((candidate) => candidate.kind === section);
  if (found === undefined || !('items' in found)) return undefined;
  for (const entry of found.items) if (entry.kind === 'setting' && entry.name.text === name) return entry;
  return undefined;
}

/** The file with another value in a `let` of its top level. */
export function setLet(file: AmpFile, name: string, value: Expr): AmpFile {
  const isIt = (section: Section) => section.kind === 'let' && !section.isList && section.names[0].text === name;
  const sections = file.sections.map((section) => (isIt(section) ? ({ ...section, value: withoutPlace(value) } as Section) : section));
  return { sections };
}

/** A name of no place in the text. */
export function nameOf(text: string): Name {
  return { text, span: NO_SPAN };
}

/** A setting as an override writes it, of no place in the text. */
export function settingItem(name: string, value: Expr): SettingItem {
  return { kind: 'setting', name: nameOf(name), value, span: NO_SPAN };
}

/** The file with a section changed; one that is missing is added. */
export function updateSection(file: AmpFile, kind: SettingsSection, update: (old: Section) => Section): AmpFile {
  if (file.sections.some((section) => section.kind === kind))
    return { sections: file.sections.map((section) => (section.kind === kind ? update(section) : section)) };
  const empty: Section =
    kind === 'dataset'
      ? { kind, name: nameOf(DEFAULT_DATASET), args: undefined, items: [], span: NO_SPAN }
      : { kind, items: [], span: NO_SPAN };
  return { sections: [...file.sections, update(empty)] };
}

/** The file with a setting in the place of what it said of it. `keep`: a setting that is there already stays as it is. */
export function putItem(file: AmpFile, kind: SettingsSection, added: SettingItem, keep: boolean): AmpFile {
  if (keep && findItem(file, kind, added.name.text) !== undefined) return file;
  return updateSection(dropItem(file, kind, added.name.text), kind, (section) =>
    'items' in section ? ({ ...section, items: [...section.items, added] } as Section) : section,
  );
}

/** The file without a setting. */
export function dropItem(file: AmpFile, kind: SettingsSection, name: string): AmpFile {
  if (findItem(file, kind, name) === undefined) return file;
  return updateSection(file, kind, (section) =>
    'items' in section
      ? ({ ...section, items: section.items.filter((old) => old.kind !== 'setting' || old.name.text !== name) } as Section)
      : section,
  );
}

/** The value of an override is no part of the file: errors found later must not point into it. */
export function withoutPlace<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutPlace) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, key === 'span' ? NO_SPAN : withoutPlace(part)])) as T;
}
