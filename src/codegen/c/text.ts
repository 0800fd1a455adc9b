import { type Code, emit } from '../code.js';

/** A C float literal that reads back as exactly the f32 nearest to the number. */
export function floatLiteral(value: number): string {
  const rounded = Math.fround(value);
  if (Number.isNaN(rounded)) return 'NAN';
  if (!Number.isFinite(rounded)) return rounded > 0 ? 'INFINITY' : '-INFINITY';
  const text = String(rounded);
  return `${/[.e]/.test(text) ? text : `${text}.0`}f`;
}

export function indent(lines: readonly string[], depth?: number): string[];
export function indent(lines: readonly Code[], depth?: number): Code[];
export function indent(lines: readonly Code[], depth = 1): Code[] {
  return lines.map((line) => (line === '' ? '' : emit`${'  '.repeat(depth)}${line}`));
}
