/** A name as one word of a command that people paste into a POSIX shell: quoted where it has more than plain characters. */
export function shellWord(name: string): string {
  return /^[\w@%+=:,./-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
}
