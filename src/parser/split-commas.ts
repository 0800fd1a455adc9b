const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/** The parts of a text between the commas that stand outside of brackets and quotes; of `sgd(lr: 0.1, momentum: 0.9),adam` two. */
export function splitAtCommas(text: string): readonly string[] {
  const parts = [''];
  const open: string[] = [];
  for (const char of text) {
    if (char === open.at(-1)) open.pop();
    else if (char === '"') open.push(char);
    else if (open.at(-1) !== '"' && CLOSING[char] !== undefined) open.push(CLOSING[char]);
    if (char === ',' && open.length === 0) parts.push('');
    else parts[parts.length - 1] += char;
  }
  return parts;
}
