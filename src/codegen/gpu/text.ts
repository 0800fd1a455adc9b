import type { Take } from './helper.js';

/** An f32 literal that reads back as exactly the f32 nearest to the number; of one that WGSL has no literal for, an expression. */
export function floatLiteral(value: number, helper: Take): string {
  const rounded = Math.fround(value);
  if (Number.isNaN(rounded)) return `(${helper('inf')}() - ${helper('inf')}())`;
  if (!Number.isFinite(rounded)) return rounded > 0 ? `${helper('inf')}()` : `(-${helper('inf')}())`;
  return `${Number.isInteger(rounded) && Math.abs(rounded) < 1e21 ? rounded.toFixed(1) : rounded}f`;
}

export function indent(lines: readonly string[], depth = 1): string[] {
  return lines.map((line) => (line === '' ? '' : `${'  '.repeat(depth)}${line}`));
}
