import { type CompletedCommand, namesBehind, type Values } from './model.js';

/** Between single quotes fish knows two escapes. */
function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

/** The flags that suggest such values. */
function suggestion(values: Values): string {
  switch (values.kind) {
    case 'words':
      return `-x -a ${quoted(values.words.join(' '))}`;
    case 'files':
      return values.endings.length === 0 ? '-r -F' : `-x -a ${quoted(values.endings.map(bySuffix).join(' '))}`;
    case 'runs':
      return `-x -a ${quoted(['(__ampc_runs)', ...values.endings.map(bySuffix), '(__fish_complete_directories)'].join(' '))}`;
    case 'folders':
      return `-x -a ${quoted('(__fish_complete_directories)')}`;
    case 'any':
      return '-x';
  }
}

function bySuffix(ending: string): string {
  return `(__fish_complete_suffix .${ending})`;
}

function condition({ name }: CompletedCommand): string {
  return quoted(
    name
      .split(' ')
      .map((word) => `__fish_seen_subcommand_from ${word}`)
      .join('; and '),
  );
}

function linesOf(command: CompletedCommand, commands: readonly CompletedCommand[]): readonly string[] {
  const { name, options, args } = command;
  const when = condition(command);
  const inner = namesBehind(commands, name);
  const names = inner.map((other) => other.name.slice(name.length + 1));
  const isNone = quoted(`__fish_seen_subcommand_from ${name}; and not __fish_seen_subcommand_from ${names.join(' ')}`);
  return [
    ...inner.map(({ doc }, index) => `complete -c ampc -n ${isNone} -a ${names[index]} -d ${quoted(doc)}`),
    ...options.map(({ long, short, doc, value, isOptional }) => {
      const flags = [`-l ${long.slice(2)}`, ...(short === undefined ? [] : [`-s ${short.slice(1)}`])];
      const taken = value === undefined || isOptional ? [] : [suggestion(value)];
      return ['complete -c ampc -n', when, ...flags, ...taken, '-d', quoted(doc)].join(' ');
    }),
    ...args.map(({ values }) => (values.kind === 'any' ? '' : `complete -c ampc -n ${when} ${suggestion(values).replace(/^-[xr] /, '')}`)),
  ].filter((line) => line !== '');
}

/** A script for fish. */
export function fishCompletion(commands: readonly CompletedCommand[]): string {
  const outer = namesBehind(commands);
  return `# Completion of ampc for fish: ampc completion fish > ~/.config/fish/completions/ampc.fish

function __ampc_runs
    for file in runs/*/config.json runs/*/*/config.json
        string replace -r '/config\\.json$' '' -- $file
    end
end

complete -c ampc -f
complete -c ampc -n __fish_use_subcommand -l version -d 'the version'
complete -c ampc -l help -d 'how it is used'
${outer.map(({ name, doc }) => `complete -c ampc -n __fish_use_subcommand -a ${name} -d ${quoted(doc)}`).join('\n')}
${commands.flatMap((command) => linesOf(command, commands)).join('\n')}
`;
}
