import type { Argument, Command, Option } from 'commander';
import type { ChoiceParser } from '../options.js';

/** What can stand somewhere: one of some words, files of a kind, or anything, for which nothing is suggested. */
export type Values =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'files'; readonly endings: readonly string[] }
  | { readonly kind: 'folders' }
  | { readonly kind: 'runs'; readonly endings: readonly string[] }
  | { readonly kind: 'any' };

export interface CompletedOption {
  /** `--threads`. */
  readonly long: string;
  /** `-q`. */
  readonly short: string | undefined;
  readonly doc: string;
  /** Undefined: it stands alone. */
  readonly value: Values | undefined;
  /** Whether the value may be left out. */
  readonly isOptional: boolean;
}

export interface CompletedCommand {
  /** As it is called behind `ampc`: `data fetch`. */
  readonly name: string;
  readonly doc: string;
  readonly options: readonly CompletedOption[];
  readonly args: readonly { readonly name: string; readonly values: Values; readonly isVariadic: boolean }[];
}

const ANY: Values = { kind: 'any' };
const FILES: Values = { kind: 'files', endings: [] };

/** By the names that arguments, and values of options, have in the commands' help; a name that is not here stands for any text. */
const VALUES: Readonly<Record<string, Values>> = {
  file: { kind: 'files', endings: ['amp'] },
  run: { kind: 'runs', endings: [] },
  'run-or-file': { kind: 'runs', endings: ['amp'] },
  spec: { kind: 'files', endings: ['yaml', 'yml'] },
  image: FILES,
  source: FILES,
  set: FILES,
  sides: FILES,
  weights: { kind: 'files', endings: ['safetensors'] },
  dir: { kind: 'folders' },
};

/** Files that options name are not those of a command. */
const OPTION_FILES: Values = FILES;

function wordsOf(parser: Option['parseArg'] | Argument['parseArg']): Values | undefined {
  const { values } = (parser ?? {}) as Partial<ChoiceParser<string>>;
  return values === undefined ? undefined : { kind: 'words', words: values };
}

function placeholder(flags: string): string {
  return /[<[]([\w.=-]+?)(?:\.\.\.)?[>\]]/.exec(flags)?.[1] ?? '';
}

function optionOf(option: Option): CompletedOption {
  const { long, short, flags, description, required, optional } = option;
  const name = placeholder(flags);
  const named = name === 'file' ? OPTION_FILES : Object.hasOwn(VALUES, name) ? VALUES[name] : undefined;
  const value = required || optional ? (wordsOf(option.parseArg) ?? named ?? ANY) : undefined;
  return { long: long!, short: short ?? undefined, doc: description, value, isOptional: optional };
}

/** Every command of the program, those within others by both names. */
export function completedCommands(program: Command, above = ''): readonly CompletedCommand[] {
  return program.commands.flatMap((command): readonly CompletedCommand[] => {
    const name = `${above}${command.name()}`;
    const args = command.registeredArguments.map((argument) => ({
      name: argument.name(),
      values: wordsOf(argument.parseArg) ?? VALUES[argument.name()] ?? ANY,
      isVariadic: argument.variadic,
    }));
    const own: CompletedCommand = { name, doc: command.description(), options: command.options.map(optionOf), args };
    return [own, ...completedCommands(command, `${name} `)];
  });
}

/** Names of the commands behind `above`, such as those behind `data`. */
export function namesBehind(commands: readonly CompletedCommand[], above = ''): readonly CompletedCommand[] {
  const prefix = above === '' ? '' : `${above} `;
  return commands.filter(({ name }) => name.startsWith(prefix) && !name.slice(prefix.length).includes(' ') && name !== above);
}

/** A text between single quotes of a POSIX shell, or of fish. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
