import { DATASET_NAMES, DEFAULT_DATASET, isDatasetName } from '../datasets/registry.js';
import { type Source, UserError } from '../diagnostics/diagnostic.js';
import { DiagnosticSink, NO_SPAN } from '../diagnostics/sink.js';
import { closest, listNames, suggestion } from '../diagnostics/suggest.js';
import type { PolicyName } from '../ir/program.js';
import { formatNamed, hasShortRange, type PrecisionName } from '../numeric/formats.js';
import type { AmpFile, Arg, CallExpr, DatasetSection, Expr, Name, Section, SettingItem } from '../parser/ast.js';
import { parseExpression } from '../parser/parse.js';
import { convertSettingArg } from './convert.js';
import { evaluate } from './evaluate.js';
import { outsideFile } from './evaluation.js';
import { callWith, choiceWith, readSettings, wordOf } from './read-settings.js';
import type { Setting, SettingParam } from './setting.js';
import { SETTINGS, type SettingsSection } from './settings.js';

/** What the command line changes of a file. */
export interface Overrides {
  /** `key.path=value`, such as `train.lr=0.1`, `train.optimizer=sgd(lr: 0.1)`, `dataset=shapes`, or `width=32` for a `let` of the file. */
  readonly set?: readonly string[];
  readonly epochs?: number;
  readonly batch?: number;
  readonly seed?: number;
  readonly precision?: PrecisionName;
  readonly policy?: PolicyName;
}

/** The file with the overrides written into it. Throws UserError, with the option as its source, on an unknown key or a bad value. */
export function applyOverrides(file: AmpFile, overrides: Overrides): AmpFile {
  return listOverrides(overrides).reduce((result, { text, option }) => applyOverride(result, text, option), file);
}

export interface Override {
  readonly option: string;
  /** `key.path=value`. */
  readonly text: string;
  /** As the command line has it: `--precision fp32`, `--set train.lr=0.1`. */
  readonly written: string;
}

/** Overrides in the order in which they are written into the file. */
export function listOverrides({ epochs, batch, seed, precision, policy, set = [] }: Overrides): readonly Override[] {
  const own = (option: string, key: string, value: string | number | undefined): Override[] =>
    value === undefined ? [] : [{ option, text: `${key}=${value}`, written: `${option} ${value}` }];
  return [
    ...own('--precision', 'precision.compute', precision),
    ...own('--policy', 'precision.policy', policy),
    ...own('--epochs', 'train.epochs', epochs),
    ...own('--batch', 'train.batch', batch),
    ...own('--seed', 'train.seed', seed),
    ...set.map((text) => ({ option: '--set', text, written: `--set ${text}` })),
  ];
}

/** One override of the form `key.path=value`; `option` names it in errors. */
export function applyOverride(file: AmpFile, text: string, option = '--set'): AmpFile {
  const source: Source = { path: option, text };
  const fail = (start: number, end: number, message: string, rest: { why?: string; fix?: string }): never => {
    throw new UserError([{ code: 'AMP4010', severity: 'error', message, span: { start, end }, ...rest }], source);
  };
  const equal = text.indexOf('=');
  if (equal <= 0)
    return fail(0, text.length, `\`${text}\` is no override`, { why: 'an override is `key.path=value`', fix: 'such as `train.lr=0.1`' });
  const key = text.slice(0, equal).trim();
  const value = parseExpression(source, equal + 1);
  const [section, ...path] = key.split('.');
  const lets = file.sections.flatMap((item) => (item.kind === 'let' && !item.isList ? [item.names[0].text] : []));
  if (path.length === 0 && lets.includes(section)) return setLet(file, section, value);
  if (section === 'dataset' && path.length === 0) {
    const word = wordOf(value)?.text ?? '';
    if (!isDatasetName(word))
      fail(equal + 1, text.length, `unknown data set \`${text.slice(equal + 1)}\``, {
        fix: suggestion(word, DATASET_NAMES, 'data sets'),
      });
    return updateSection(file, 'dataset', (old) => ({ ...(old as DatasetSection), name: nameOf(word) }));
  }
  if (!Object.hasOwn(SETTINGS, section)) {
    const keys = [...Object.keys(SETTINGS), ...lets];
    return fail(0, section.length, `\`${section}\` is no section that has settings`, {
      fix: (closest(section, keys) === undefined ? keyHelp(file, key) : undefined) ?? suggestion(section, keys, 'keys'),
    });
  }
  const target = section as SettingsSection;
  const [name, param] = expandPath(file, target, path);
  const setting = SETTINGS[target].find((candidate) => candidate.name === name);
  if (setting === undefined) {
    const names = SETTINGS[target].flatMap((candidate) => [
      candidate.name,
      ...paramsOf(candidate, findItem(file, target, candidate.name)).map((p) => p.name),
    ]);
    const distinct = [...new Set(names)];
    const shown = path[0] ?? '';
    return fail(section.length + 1, Math.max(section.length + 1, equal), `\`${section}\` has no setting \`${shown}\``, {
      fix: (closest(shown, names) === undefined ? keyHelp(file, path.join('.')) : undefined) ?? suggestion(shown, distinct, 'settings'),
    });
  }
  if (path.length > 2)
    return fail(0, equal, `\`${key}\` goes too deep`, { why: 'a key is `section.setting` or `section.setting.argument`' });
  if (param === undefined) return setSetting(file, target, setting, value, source);
  return setParam(file, target, setting, param, value, source, key);
}

/** Full paths that end with the key that was given, `train.optimizer.lr` for `lr`: of the choices that are written, or else of others. */
function keyHelp(file: AmpFile, key: string): string | undefined {
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
function expandPath(file: AmpFile, section: SettingsSection, path: readonly string[]): readonly [string | undefined, string | undefined] {
  const [name, param] = path;
  if (name === undefined || path.length > 1) return [name, param];
  if (SETTINGS[section].some((setting) => setting.name === name)) return [name, undefined];
  const owner = SETTINGS[section].find((setting) =>
    paramsOf(setting, findItem(file, section, setting.name)).some((candidate) => candidate.name === name),
  );
  return owner === undefined ? [name, undefined] : [owner.name, name];
}

/** What a section says of a setting, if it does. */
export function findItem(file: AmpFile, section: SettingsSection, name: string): SettingItem | undefined {
  const found = file.sections.find((candidate) => candidate.kind === section);
  if (found === undefined || !('items' in found)) return undefined;
  for (const entry of found.items) if (entry.kind === 'setting' && entry.name.text === name) return entry;
  return undefined;
}

/** Parameters of the choice that is written, of the default one, or of a call. */
function paramsOf(setting: Setting, item: SettingItem | undefined): readonly SettingParam[] {
  const { value } = setting;
  if (value.kind === 'scalar') return [];
  if (value.kind === 'call') return value.params;
  return value.choices.find((choice) => choice.name === choiceOf(setting, item))?.params ?? [];
}

function choiceOf(setting: Setting, item: SettingItem | undefined): string {
  if (setting.value.kind !== 'choice') return setting.name;
  const word = item === undefined ? undefined : wordOf(item.value)?.text;
  return word ?? setting.value.default ?? setting.value.choices[0].name;
}

function setLet(file: AmpFile, name: string, value: Expr): AmpFile {
  const isIt = (section: Section) => section.kind === 'let' && !section.isList && section.names[0].text === name;
  const sections = file.sections.map((section) => (isIt(section) ? ({ ...section, value: withoutPlace(value) } as Section) : section));
  return { sections };
}

function setSetting(file: AmpFile, section: SettingsSection, setting: Setting, value: Expr, source: Source): AmpFile {
  if (setting.value.kind === 'call' && value.kind === 'boolean') {
    return value.value
      ? putItem(file, section, item(setting.name, { kind: 'name', name: nameOf(setting.name), span: NO_SPAN }), true)
      : dropItem(file, section, setting.name);
  }
  const written: SettingItem = { kind: 'setting', name: { text: setting.name, span: value.span }, value, span: value.span };
  const sink = new DiagnosticSink();
  readSettings(section, [setting], [written], outsideFile(sink));
  if (sink.hasErrors) throw new UserError(sink.diagnostics, source);
  const compute = setting.name === 'compute' ? wordOf(value)?.text : undefined;
  const dtype = compute === undefined ? undefined : formatNamed(compute);
  const before = findItem(file, section, 'compute');
  // The scaling that the file chose for its format means nothing for another one.
  const base =
    dtype !== undefined && !hasShortRange(dtype) && compute !== choiceOf(setting, before) ? dropItem(file, section, 'loss_scale') : file;
  return putItem(base, section, item(setting.name, withoutPlace(value)), false);
}

function setParam(
  file: AmpFile,
  section: SettingsSection,
  setting: Setting,
  name: string,
  value: Expr,
  source: Source,
  key: string,
): AmpFile {
  const current = findItem(file, section, setting.name);
  const params = paramsOf(setting, current);
  const word = choiceOf(setting, current);
  const param = params.find((candidate) => candidate.name === name);
  if (param === undefined) {
    const span = { start: key.length - name.length, end: key.length };
    const fix =
      params.length === 0
        ? `\`${word}\` has no arguments`
        : suggestion(
            name,
            params.map((candidate) => candidate.name),
            'arguments',
          );
    throw new UserError([{ code: 'AMP4010', severity: 'error', message: `\`${word}\` has no argument \`${name}\``, span, fix }], source);
  }
  const sink = new DiagnosticSink();
  convertSettingArg(word, param, evaluate(value, outsideFile(sink)), value.span, sink);
  if (sink.hasErrors) throw new UserError(sink.diagnostics, source);
  const args = current?.value.kind === 'call' ? current.value.args : [];
  const position = params.findIndex((candidate) => candidate.name === name);
  const others = args.filter((arg, i) => (arg.name === undefined ? i !== position : arg.name.text !== name));
  // Once one positional argument is gone, the others need their names.
  const named = others.map((arg): Arg => (arg.name === undefined ? { ...arg, name: nameOf(params[args.indexOf(arg)]?.name ?? '') } : arg));
  const arg: Arg = { name: nameOf(name), value: withoutPlace(value), span: NO_SPAN };
  const place = current?.value.span ?? NO_SPAN;
  const call: CallExpr = { kind: 'call', callee: nameOf(word), args: [...named, arg], label: undefined, span: place };
  return putItem(file, section, { ...item(setting.name, call), span: current?.span ?? NO_SPAN }, false);
}

function nameOf(text: string): Name {
  return { text, span: NO_SPAN };
}

function item(name: string, value: Expr): SettingItem {
  return { kind: 'setting', name: nameOf(name), value, span: NO_SPAN };
}

function updateSection(file: AmpFile, kind: SettingsSection, update: (old: Section) => Section): AmpFile {
  if (file.sections.some((section) => section.kind === kind))
    return { sections: file.sections.map((section) => (section.kind === kind ? update(section) : section)) };
  const empty: Section =
    kind === 'dataset' ? { kind, name: nameOf(DEFAULT_DATASET), items: [], span: NO_SPAN } : { kind, items: [], span: NO_SPAN };
  return { sections: [...file.sections, update(empty)] };
}

/** `keep`: a setting that is there already stays as it is. */
function putItem(file: AmpFile, kind: SettingsSection, added: SettingItem, keep: boolean): AmpFile {
  if (keep && findItem(file, kind, added.name.text) !== undefined) return file;
  return updateSection(dropItem(file, kind, added.name.text), kind, (section) =>
    'items' in section ? ({ ...section, items: [...section.items, added] } as Section) : section,
  );
}

function dropItem(file: AmpFile, kind: SettingsSection, name: string): AmpFile {
  if (findItem(file, kind, name) === undefined) return file;
  return updateSection(file, kind, (section) =>
    'items' in section
      ? ({ ...section, items: section.items.filter((old) => old.kind !== 'setting' || old.name.text !== name) } as Section)
      : section,
  );
}

/** The value of an override is no part of the file: errors found later must not point into it. */
function withoutPlace<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutPlace) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, key === 'span' ? NO_SPAN : withoutPlace(part)])) as T;
}
