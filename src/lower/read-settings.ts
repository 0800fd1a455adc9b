import type { Span } from '../diagnostics/diagnostic.js';
import { type Fix, suggestName } from '../diagnostics/fixes.js';
import { listNames } from '../diagnostics/suggest.js';
import type { Arg, Expr, Name, SettingItem } from '../parser/ast.js';
import { bindArguments } from './bind.js';
import type { Evaluation } from './evaluation.js';
import { readArgument } from './read-argument.js';
import { type Choice, type ChoiceSetting, isRequired, type Setting, type SettingParam, type SettingValue } from './setting.js';
import { SETTINGS } from './settings.js';

/** A setting with its arguments, defaults filled in. `word` is the choice, or the name of the setting. */
export interface ResolvedSetting {
  readonly word: string;
  readonly args: Readonly<Record<string, SettingValue>>;
  /** The arguments that are written. */
  readonly given: ReadonlySet<string>;
  /** Undefined: not written, so that these are the defaults. */
  readonly span: Span | undefined;
}

const NONE: ReadonlySet<string> = new Set();

export type ResolvedSettings = ReadonlyMap<string, ResolvedSetting>;

/** Reads the items of a section by its table, reporting every mistake; what is wrong or missing takes its default. */
export function readSettings(
  section: string,
  table: readonly Setting[],
  items: readonly SettingItem[],
  context: Evaluation,
): ResolvedSettings {
  const written = new Map<string, SettingItem>();
  const { sink } = context;
  for (const item of items) {
    const name = item.name.text;
    const setting = table.find((candidate) => candidate.name === name);
    if (setting === undefined) {
      if (name === '') continue;
      sink.error('AMP4001', item.name.span, `\`${section}\` has no setting \`${name}\``, settingHelp(section, item.name, table, items));
      continue;
    }
    const first = written.get(name);
    if (first !== undefined) {
      sink.error('AMP4002', item.name.span, `\`${name}\` is set twice`, {
        fix: 'remove one of the two',
        related: [{ span: first.span, message: 'first set here' }],
      });
      continue;
    }
    written.set(name, item);
  }
  const resolved = new Map<string, ResolvedSetting>();
  for (const setting of table) {
    const item = written.get(setting.name);
    const value = item === undefined ? defaultOf(setting) : readSetting(setting, item, context);
    if (value !== undefined) resolved.set(setting.name, value);
  }
  return resolved;
}

function hasErrorWithin(span: Span | undefined, { diagnostics }: Evaluation['sink']): boolean {
  if (span === undefined) return false;
  return diagnostics.some((found) => found.severity === 'error' && found.span !== undefined && covers(span, found.span));
}

const covers = (outer: Span, inner: Span): boolean => inner.start >= outer.start && inner.end <= outer.end;

/** What the word of a choice becomes, or that of its default. */
export function chosen<T>(settings: ResolvedSettings, { name, words }: ChoiceSetting<T>, { sink }: Evaluation): T {
  const setting = settings.get(name);
  // Only a choice without a default can be missing, and undefined is then among what it becomes.
  if (setting === undefined) return undefined as T;
  const read = () => words[setting.word]!.read(setting.args, { sink, span: setting.span });
  // In the place of what is wrong stands a default, and what follows from that is no mistake of the file.
  return hasErrorWithin(setting.span, sink) ? sink.unheard(read) : read();
}

/** The choice of a setting that has an argument: the one that is written if it does, then the default, then any other. */
export function choiceWith(setting: Setting, argument: string, written: string | undefined): Choice | undefined {
  const { value } = setting;
  if (value.kind !== 'choice') return undefined;
  const having = value.choices.filter(({ params }) => params.some(({ name }) => name === argument));
  return [written, value.default].flatMap((word) => having.find(({ name }) => name === word) ?? [])[0] ?? having[0];
}

/** `sgd(lr: …, momentum: …)`: the argument with those that the choice cannot do without. */
export function callWith(choice: Choice, argument: string): string {
  const required = choice.params.filter((param) => isRequired(param) && param.name !== argument);
  return `${choice.name}(${[...required.map(({ name }) => name), argument].map((name) => `${name}: …`).join(', ')})`;
}

/** An argument in the place of a setting, such as `lr 0.1`, belongs to a choice; a setting of another section belongs there. */
function settingHelp(section: string, written: Name, table: readonly Setting[], items: readonly SettingItem[]): Fix {
  const { text: name } = written;
  for (const setting of table) {
    const item = items.find((candidate) => candidate.name.text === setting.name);
    const choice = choiceWith(setting, name, item && wordOf(item.value)?.text);
    if (choice !== undefined) return { fix: `it is an argument: \`${setting.name} ${callWith(choice, name)}\`` };
  }
  const home = Object.entries(SETTINGS).find(([other, settings]) => other !== section && settings.some((setting) => setting.name === name));
  if (home !== undefined) return { fix: `it is a setting of \`${home[0]}\`` };
  return suggestName(
    written,
    table.map((candidate) => candidate.name),
    'settings',
  );
}

/** Undefined: the setting has no default, and its absence means something. */
function defaultOf(setting: Setting): ResolvedSetting | undefined {
  const { value } = setting;
  if (value.kind === 'call') return undefined;
  if (value.kind === 'scalar') return { word: setting.name, args: defaults([value.param]), given: NONE, span: undefined };
  const choice = value.choices.find((candidate) => candidate.name === value.default);
  return choice && { word: choice.name, args: defaults(choice.params), given: NONE, span: undefined };
}

function defaults(params: readonly SettingParam[]): Record<string, SettingValue> {
  const withDefault = params.filter((param) => param.default !== undefined);
  return Object.fromEntries(
    withDefault.map((param): [string, SettingValue] => [
      param.name,
      param.kind === 'channels' ? [param.default as number] : param.default!,
    ]),
  );
}

/** A setting as `item` has it; undefined where it is wrong, which is reported, and has no default. */
export function readSetting(setting: Setting, item: Omit<SettingItem, 'kind'>, context: Evaluation): ResolvedSetting | undefined {
  const { value } = setting;
  if (value.kind === 'scalar') {
    const converted = readArgument(setting.name, value.param, item.value, context);
    return {
      word: setting.name,
      args: { ...defaults([value.param]), ...(converted !== undefined && { [setting.name]: converted }) },
      given: new Set([setting.name]),
      span: item.span,
    };
  }
  if (value.kind === 'call')
    return (
      readCall(setting.name, value.params, argsOf(item.value), item.span, undefined, context) ?? {
        word: setting.name,
        args: defaults(value.params),
        given: NONE,
        span: item.span,
      }
    );
  const word = wordOf(item.value);
  if (word === undefined) {
    context.sink.error('AMP4004', item.value.span, `\`${setting.name}\` takes a word, not a value`, {
      why: `it is one of ${listNames(value.choices.map((candidate) => candidate.name))}`,
    });
    return defaultOf(setting);
  }
  const choice = value.choices.find((candidate) => candidate.name === word.text);
  if (choice === undefined) {
    if (word.text !== '')
      context.sink.error('AMP4003', word.span, `unknown ${setting.name} \`${word.text}\``, {
        ...suggestName(
          word,
          value.choices.map((candidate) => candidate.name),
          'choices',
        ),
      });
    return defaultOf(setting);
  }
  return readCall(choice.name, choice.params, argsOf(item.value), item.value.span, example(setting, choice), context) ?? defaultOf(setting);
}

function example(setting: Setting, choice: Choice): string {
  const required = choice.params.filter(isRequired);
  return `${setting.name} ${choice.name}(${required.map((param) => `${param.name}: ${EXAMPLES[param.name] ?? 1}`).join(', ')})`;
}

const EXAMPLES: Readonly<Record<string, string>> = { lr: '0.1', points: '[[0, 0], [5, 1], [30, 0]]', scale: '1024', every: '10' };

export function wordOf(expr: Expr): Name | undefined {
  if (expr.kind === 'name') return expr.name;
  return expr.kind === 'call' ? expr.callee : undefined;
}

function argsOf(expr: Expr): readonly Arg[] {
  return expr.kind === 'call' ? expr.args : [];
}

/** The arguments of a word, converted; undefined when something required is missing. */
export function readCall(
  word: string,
  params: readonly SettingParam[],
  args: readonly Arg[],
  span: Span,
  exampleText: string | undefined,
  context: Evaluation,
): ResolvedSetting | undefined {
  const signature = {
    name: word,
    params: params.map((param) => ({ name: param.name, doc: param.doc, required: isRequired(param) })),
    example: exampleText,
  };
  const { named, complete } = bindArguments(signature, args, span, context.sink);
  const values: Record<string, SettingValue> = defaults(params);
  let usable = complete;
  for (const [name, arg] of named) {
    const param = params.find((candidate) => candidate.name === name)!;
    const converted = readArgument(word, param, arg.value, context);
    if (converted !== undefined) values[name] = converted;
    else if (isRequired(param)) usable = false;
  }
  return usable ? { word, args: values, given: new Set(named.keys()), span } : undefined;
}
