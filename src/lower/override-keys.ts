import { closest, listNames } from '../diagnostics/suggest.js';
import type { AmpFile, SettingItem } from '../parser/ast.js';
import { findItem } from './edit-file.js';
import { callWith, choiceWith, wordOf } from './read-settings.js';
import type { Setting, SettingParam } from './setting.js';
import { SETTINGS, type SettingsSection } from './settings.js';

/** Full paths that end with the key that was given, `train.optimizer.lr` for `lr`: of the choices that are written, or else of others. */
export function keyHelp(file: AmpFile, key: string): string | undefined {
  const sections = Object.keys(SETTINGS) as SettingsSection[];
  const settings = sections.flatMap((section) => SETTINGS[section].map((setting) => ({ section, setting })));
  const paths = settings.flatMap(({ section, setting }) => [
    `${section}.${setting.name}`,
    ...paramsOf(setting, findItem(file, section, setting.name)).map((param) => `${section}.${setting.name}.${param.name}`),
  ]);
  const full = paths.filter((path) => path.endsWith(`.${key}`));
  if (full.length > 0) return `did you mean ${listNames(full)}?`;
  for (const { section, setting } of settings) {
    const choice = choiceWith(setting, key, undefined);
    if (choice !== undefined) return `it is an argument: \`${section}.${setting.name}=${callWith(choice, key)}\``;
  }
  const last = (path: string): string => path.slice(path.lastIndexOf('.') + 1);
  const near = closest(last(key), paths.map(last));
  return near === undefined ? undefined : `did you mean ${listNames(paths.filter((path) => last(path) === near))}?`;
}

/** `train.lr` stands for `train.optimizer.lr`: an argument of the only choice that has it. */
export function expandPath(
  file: AmpFile,
  section: SettingsSection,
  path: readonly string[],
): readonly [string | undefined, string | undefined] {
  const [name, param] = path;
  if (name === undefined || path.length > 1) return [name, param];
  if (SETTINGS[section].some((setting) => setting.name === name)) return [name, undefined];
  const owner = SETTINGS[section].find((setting) =>
    paramsOf(setting, findItem(file, section, setting.name)).some((candidate) => candidate.name === name),
  );
  return owner === undefined ? [name, undefined] : [owner.name, name];
}

/** Parameters of the choice that is written, of the default one, or of a call. */
export function paramsOf(setting: Setting, item: SettingItem | undefined): readonly SettingParam[] {
  const { value } = setting;
  if (value.kind === 'scalar') return [];
  if (value.kind === 'call') return value.params;
  return value.choices.find((choice) => choice.name === choiceOf(setting, item))?.params ?? [];
}

/** The word of a choice: what is written, or the default. */
export function choiceOf(setting: Setting, item: SettingItem | undefined): string {
  if (setting.value.kind !== 'choice') return setting.name;
  const word = item === undefined ? undefined : wordOf(item.value)?.text;
  return word ?? setting.value.default ?? setting.value.choices[0].name;
}
