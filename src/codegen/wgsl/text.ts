/** An f32 literal that reads back as exactly the f32 nearest to the number. */
export function floatLiteral(value: number): string {
  const rounded = Math.fround(value);
  if (Number.isNaN(rounded)) return '(inf() - inf())';
  if (!Number.isFinite(rounded)) return rounded > 0 ? 'inf()' : '(-inf())';
  return `${rounded}f`;
}

export function indent(lines: readonly string[], depth = 1): string[] {
  return lines.map((line) => (line === '' ? '' : `${'  '.repeat(depth)}${line}`));
}
