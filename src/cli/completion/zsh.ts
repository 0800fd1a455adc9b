import { type CompletedCommand, type CompletedOption, namesBehind, quoted, type Values } from './model.js';

/** What of a text has a meaning in a description or an action. */
function plain(text: string): string {
  return text.replace(/[\\[\]:]/g, '\\$&');
}

/** One ending in brackets would be what zsh takes for a qualifier. */
function globOf(endings: readonly string[]): string {
  return endings.length === 1 ? `*.${endings[0]}` : `*.(${endings.join('|')})`;
}

function action(values: Values): string {
  switch (values.kind) {
    case 'words':
      return `(${values.words.map((word) => word.replaceAll(' ', '\\ ')).join(' ')})`;
    case 'files':
      return ['_files', ...values.endings.slice(0, 1).map(() => `-g "${globOf(values.endings)}"`)].join(' ');
    case 'runs':
      return ['_ampc_runs', ...values.endings].join(' ');
    case 'folders':
      return '_files -/';
    case 'any':
      return ' ';
  }
}

function optionSpecs({ long, short, doc, value, isOptional }: CompletedOption): readonly string[] {
  const colon = isOptional ? '::' : ':';
  const taken = value === undefined ? '' : `${colon}${long.slice(2)}:${isOptional ? ' ' : action(value)}`;
  return [long, ...(short === undefined ? [] : [short])].map((flag) => quoted(`*${flag}[${plain(doc)}]${taken}`));
}

function argumentsOf({ name, options, args }: CompletedCommand, commands: readonly CompletedCommand[]): string {
  const inner = namesBehind(commands, name);
  const given = args.map((arg, index) => quoted(`${arg.isVariadic ? '*' : index + 1}:${plain(arg.name)}:${action(arg.values)}`));
  const specs = [...options.flatMap(optionSpecs), quoted('--help[how it is used]'), ...given];
  if (inner.length === 0) return `_arguments ${specs.join(' \\\n          ')}`;
  const names = inner.map((command) => quoted(`${command.name.slice(name.length + 1)}:${plain(command.doc)}`));
  const cases = inner.map((command) => `            ${command.name.slice(name.length + 1)}) ${argumentsOf(command, commands)} ;;`);
  return `local -a inner=(${names.join(' ')})
          _arguments -C '1: :->inner' '*:: :->rest'
          case $state in
            inner) _describe -t commands ${quoted(name)} inner ;;
            rest) case $words[1] in
${cases.join('\n')}
            esac ;;
          esac`;
}

/** A script for zsh, to be sourced, or to be kept as \`_ampc\` in a folder of \`fpath\`. */
export function zshCompletion(commands: readonly CompletedCommand[]): string {
  const outer = namesBehind(commands);
  return `#compdef ampc
# Completion of ampc for zsh. In ~/.zshrc, behind compinit: source <(ampc completion zsh)

_ampc_runs() {
  local -a found
  local ending
  found=(runs/*/config.json(N:h) runs/*/*/config.json(N:h))
  (( $#found )) && compadd -f -- $found
  for ending in "$@"; do _files -g "*.$ending"; done
  _files -/
}

_ampc() {
  local state line
  local -a commands=(
${outer.map(({ name, doc }) => `    ${quoted(`${name}:${plain(doc)}`)}`).join('\n')}
  )
  _arguments -C '--version[the version]' '--help[how it is used]' '1: :->command' '*:: :->rest'
  case $state in
    command) _describe -t commands ampc commands ;;
    rest)
      case $words[1] in
${outer.map((command) => `        ${command.name})\n          ${argumentsOf(command, commands)} ;;`).join('\n')}
      esac
      ;;
  esac
}

compdef _ampc ampc
`;
}
