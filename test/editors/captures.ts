/** What Neovim calls a kind of words (`:help treesitter-highlight-groups`). */
const NEOVIM: readonly string[] = [
  ...['comment', 'string', 'number', 'boolean', 'variable', 'variable.parameter', 'variable.member', 'variable.builtin', 'property'],
  ...['keyword', 'keyword.repeat', 'keyword.conditional', 'keyword.operator', 'operator', 'punctuation.bracket', 'punctuation.delimiter'],
  ...['type', 'type.builtin', 'function', 'function.call', 'module', 'label'],
];

/** What Helix calls those that it calls otherwise (its page on themes). */
const HELIX: Readonly<Record<string, string>> = {
  number: 'constant.numeric',
  boolean: 'constant.builtin.boolean',
  'keyword.repeat': 'keyword.control.repeat',
  'keyword.conditional': 'keyword.control.conditional',
  module: 'namespace',
  'variable.member': 'variable.other.member',
  property: 'variable.other.member',
  'function.call': 'function',
};

/** Queries for Neovim as Helix has them. Throws on a capture that Neovim does not know. */
export function toHelix(queries: string): string {
  const [, ...lines] = queries.split('\n');
  const renamed = lines.join('\n').replace(/@([a-z.]+)/g, (_, name: string) => {
    if (!NEOVIM.includes(name)) throw new Error(`Neovim has no colour for @${name}`);
    return `@${HELIX[name] ?? name}`;
  });
  const first = "; ../highlights.scm with Helix's names of captures. Later patterns win where several match a node, from Helix 25.07 on.";
  return `${first}\n${renamed}`;
}
