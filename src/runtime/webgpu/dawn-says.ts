/** What matters of one of Dawn's messages, in a line: without its places in the C++ source. */
export function dawnSays(message: string): string {
  const lines = message.split('\n').map((line) => line.trim().replace(/^- /, ''));
  return lines
    .filter((line) => line !== '' && !line.startsWith('at '))
    .slice(0, 4)
    .join(' ');
}
