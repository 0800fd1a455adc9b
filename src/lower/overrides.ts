import { isDatasetName } from '../datasets/registry.js';
import { type Source, UserError } from '../diagnostics/diagnostic.js';
import { DiagnosticSink, NO_SPAN } from '../diagnostics/sink.js';
import { closest, listNames, suggestion } from '../diagnostics/suggest.js';
import type { PolicyName } from '../ir/program.js';
import { formatNamed, hasShortRange, type PrecisionName } from '../numeric/formats.js';
import type { AmpFile, Arg, CallExpr, DatasetSection, Expr, GroupItem, SettingItem } from '../parser/ast.js';
import { parseExpression } from '../parser/parse.js';
import { FILE_SOURCES } from './choices/source.js';
import { SOURCE_NAMES } from './dataset.js';
import { dropItem, findItem, nameOf, putItem, setLet, settingItem, updateSection, withoutPlace } from './edit-file.js';
import { outsideFile } from './evaluation.js';
import { groupSettings, meantBy } from './groups.js';
import { choiceOf, expandPath, keyHelp, paramsOf } from './override-keys.js';
import { readArgument } from './read-argument.js';
import { readSettings, wordOf } from './read-settings.js';
import type { Setting } from './setting.js';
import { OPTIMIZER, SETTINGS, type SettingsSection } from './settings.js';

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

/** Throws UserError AMP6214 for a `set` that is no list: a caller in JavaScript may give one text, whose characters would be its items. */
export function checkSet(set: unknown): void {
  if (set === undefined || (Array.isArray(set) && set.every((text) => typeof text === 'string'))) return;
  throw new UserError([
    {
      code: 'AMP6214',
      severity: 'error',
      message: '`set` is not a list of texts',
      why: `it is ${Array.isArray(set) ? 'a list of something else' : JSON.stringify(set)}`,
      fix: "give an array, such as ['train.lr=0.1']",
    },
  ]);
}

/** Overrides in the order in which they are written into the file. */
export function listOverrides({ epochs, batch, seed, precision, policy, set = [] }: Overrides): readonly Override[] {
  checkSet(set);
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
    if (!isDatasetName(word) && !Object.hasOwn(FILE_SOURCES, word))
      fail(equal + 1, text.length, `unknown data set \`${text.slice(equal + 1)}\``, {
        fix: suggestion(word, SOURCE_NAMES, 'data sets'),
      });
    const args = value.kind === 'call' ? withoutPlace(value.args) : undefined;
    return updateSection(file, 'dataset', (old) => ({ ...(old as DatasetSection), name: nameOf(word), args }));
  }
  if (!Object.hasOwn(SETTINGS, section)) {
    const keys = [...Object.keys(SETTINGS), ...lets];
    return fail(0, section.length, `\`${section}\` is no section that has settings`, {
      fix: (closest(section, keys) === undefined ? keyHelp(file, key) : undefined) ?? suggestion(section, keys, 'keys'),
    });
  }
  if (section === 'train' && path[0] === 'group') return setInGroup(file, key, value, source);
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

/** `train.group.norm_shifts.lr_times=8`: in the line about that; of several the last one, which counts. */
function setInGroup(file: AmpFile, key: string, value: Expr, source: Source): AmpFile {
  const train = file.sections.find((section) => section.kind === 'train');
  const items = train?.items.filter((item) => item.kind === 'parameter_group') ?? [];
  const keyOf = (item: GroupItem): string => `train.group.${meantBy(item).of}.`;
  const item = items.findLast((candidate) => key.startsWith(keyOf(candidate)));
  const fail = (message: string, fix: string | undefined): never => {
    const span = { start: 0, end: key.length };
    throw new UserError([{ code: 'AMP4010', severity: 'error', message, span, ...(fix !== undefined && { fix }) }], source);
  };
  if (train === undefined || item === undefined) {
    const known = [...new Set(items.map(keyOf))];
    return fail(
      'the file has no such group',
      known.length === 0 ? 'it has no `group` line' : `a key is \`${known[0]}lr\`, or one of ${listNames(known)}`,
    );
  }
  const [name = '', param, ...deeper] = key.slice(keyOf(item).length).split('.');
  const settings = groupSettings(item.items, choiceOf(OPTIMIZER, findItem(file, 'train', OPTIMIZER.name)));
  const setting = settings.find((candidate) => candidate.name === name);
  if (setting === undefined || deeper.length > 0) {
    const names = settings.map((candidate) => candidate.name);
    return fail(
      `\`group ${meantBy(item).of}\` has no setting \`${[name, param, ...deeper].filter((part) => part !== undefined).join('.')}\``,
      suggestion(name, names, 'settings'),
    );
  }
  // Its settings are read and written as those of a section that has them alone.
  const alone: AmpFile = { sections: [{ kind: 'train', items: item.items, span: item.span }] };
  const changed =
    param === undefined ? setSetting(alone, 'train', setting, value, source) : setParam(alone, 'train', setting, param, value, source, key);
  const own = changed.sections.flatMap((section) =>
    section.kind === 'train' ? section.items.filter(({ kind }) => kind === 'setting') : [],
  );
  const replaced: GroupItem = { ...item, items: own as readonly SettingItem[] };
  return {
    sections: file.sections.map((section) =>
      section === train ? { ...train, items: train.items.map((old) => (old === item ? replaced : old)) } : section,
    ),
  };
}

function setSetting(file: AmpFile, section: SettingsSection, setting: Setting, value: Expr, source: Source): AmpFile {
  if (setting.value.kind === 'call' && value.kind === 'boolean') {
    return value.value
      ? putItem(file, section, settingItem(setting.name, { kind: 'name', name: nameOf(setting.name), span: NO_SPAN }), true)
      : dropItem(file, section, setting.name);
  }
  const written: SettingItem = { kind: 'setting', name: { text: setting.name, span: value.span }, value, span: value.span };
  const sink = new DiagnosticSink();
  readSettings(section, [setting], [written], outsideFile(sink));
  if (sink.hasErrors) throw new UserError(sink.diagnostics, source);
  const compute = setting.name === 'compute' ? wordOf(value)?.text : undefined;
  const dtype = compute === undefined ? undefined : formatNamed(compute);
  const before = findItem(file, section, 'compute');
  // The scaling that the file chose for its format, and the formats of states beside it, mean nothing for another one.
  const isOther = dtype !== undefined && compute !== choiceOf(setting, before);
  const others = isOther ? ['masters', 'optimizer_state', ...(hasShortRange(dtype) ? [] : ['loss_scale'])] : [];
  const base = others.reduce((rest, name) => dropItem(rest, section, name), file);
  return putItem(base, section, settingItem(setting.name, withoutPlace(value)), false);
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
  readArgument(word, param, value, outsideFile(sink));
  if (sink.hasErrors) throw new UserError(sink.diagnostics, source);
  const args = current?.value.kind === 'call' ? current.value.args : [];
  const position = params.findIndex((candidate) => candidate.name === name);
  const others = args.filter((arg, i) => (arg.name === undefined ? i !== position : arg.name.text !== name));
  // Once one positional argument is gone, the others need their names.
  const named = others.map((arg): Arg => (arg.name === undefined ? { ...arg, name: nameOf(params[args.indexOf(arg)]?.name ?? '') } : arg));
  const arg: Arg = { name: nameOf(name), value: withoutPlace(value), span: NO_SPAN };
  const place = current?.value.span ?? NO_SPAN;
  const call: CallExpr = { kind: 'call', callee: nameOf(word), args: [...named, arg], label: undefined, span: place };
  return putItem(file, section, { ...settingItem(setting.name, call), span: current?.span ?? NO_SPAN }, false);
}
