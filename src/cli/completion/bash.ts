import { type CompletedCommand, namesBehind, quoted, type Values } from './model.js';

const HELPERS = `_ampc_words() { COMPREPLY+=($(compgen -W "$1" -- "$cur")); }

_ampc_paths() {
  local path
  compopt -o filenames 2>/dev/null
  while IFS= read -r path; do
    [ -n "$path" ] && COMPREPLY+=("$path")
  done
}

_ampc_folders() { _ampc_paths < <(compgen -d -- "$cur"); }

_ampc_files() {
  local ending
  _ampc_folders
  [ $# -gt 0 ] || _ampc_paths < <(compgen -f -- "$cur")
  for ending in "$@"; do _ampc_paths < <(compgen -f -X "!*.$ending" -- "$cur"); done
}

_ampc_runs() {
  local run
  _ampc_files "$@" none
  for run in runs/*/ runs/*/*/; do
    run=\${run%/}
    if [ -f "$run/config.json" ] && [[ $run == "$cur"* ]]; then _ampc_paths <<<"$run"; fi
  done
}
`;

/** The call that suggests such values. */
function call(values: Values): string {
  switch (values.kind) {
    case 'words':
      return `_ampc_words ${quoted(values.words.join(' '))}`;
    case 'files':
      return ['_ampc_files', ...values.endings].join(' ');
    case 'runs':
      return ['_ampc_runs', ...values.endings].join(' ');
    case 'folders':
      return '_ampc_folders';
    case 'any':
      return ':';
  }
}

function caseOf({ name, options, args }: CompletedCommand, commands: readonly CompletedCommand[]): string {
  const inner = namesBehind(commands, name).map((command) => command.name.slice(name.length + 1));
  const valued = options.filter(({ value, isOptional }) => value !== undefined && !isOptional);
  const flags = options.flatMap(({ long, short }) => (short === undefined ? [long] : [long, short]));
  const values = inner.length > 0 ? `_ampc_words ${quoted(inner.join(' '))}` : args.map((arg) => call(arg.values)).join('; ') || ':';
  const cases = valued.map(({ long, value }) => `        ${long}) ${call(value!)}; return ;;`);
  return `    ${quoted(name)})
      case $prev in
${cases.join('\n')}
      esac
      case $cur in
        -*) _ampc_words ${quoted([...flags, '--help'].join(' '))} ;;
        *) ${values} ;;
      esac
      ;;`.replace('      case $prev in\n\n      esac\n', '');
}

/** A script for bash, version 3.2 and newer. */
export function bashCompletion(commands: readonly CompletedCommand[]): string {
  const outer = namesBehind(commands).map(({ name }) => name);
  const groups = outer.filter((name) => namesBehind(commands, name).length > 0);
  return `# Completion of ampc for bash. In ~/.bashrc: source <(ampc completion bash)

${HELPERS}
_ampc() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} command= word i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case $command:$word in
      *:-*) ;;
      :*) command=$word ;;
${groups.map((name) => `      ${name}:*) command="${name} $word" ;;`).join('\n')}
    esac
  done
  case $command in
    '') _ampc_words ${quoted([...outer, '--help', '--version'].join(' '))} ;;
${commands.map((command) => caseOf(command, commands)).join('\n')}
  esac
}

complete -F _ampc ampc
`;
}
