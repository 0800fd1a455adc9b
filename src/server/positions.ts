import type { Position, Range } from 'vscode-languageserver';
import type { Span, TextEdit } from '../diagnostics/diagnostic.js';
import { LineIndex } from '../diagnostics/lines.js';

/** Editors count lines and UTF-16 units from 0. */
export function toPosition(lines: LineIndex, offset: number): Position {
  const { line, column } = lines.position(offset);
  return { line: line - 1, character: column - 1 };
}

export function toRange(lines: LineIndex, { start, end }: Span): Range {
  return { start: toPosition(lines, start), end: toPosition(lines, end) };
}

/** A place outside of the text is the nearest one in it. */
export function toOffset(lines: LineIndex, { line, character }: Position): number {
  if (line < 0) return 0;
  if (line >= lines.lineCount) return lines.text.length;
  const start = lines.offset({ line: line + 1, column: 1 });
  return start + Math.max(0, Math.min(character, lines.line(line + 1).length));
}

export function toSpan(lines: LineIndex, { start, end }: Range): Span {
  return { start: toOffset(lines, start), end: toOffset(lines, end) };
}

export function toTextEdit(lines: LineIndex, { text, ...place }: TextEdit): { readonly range: Range; readonly newText: string } {
  return { range: toRange(lines, place), newText: text };
}

/** The text after a change of a part of it, or of all. */
export function changed(text: string, change: { readonly range?: Range; readonly text: string }): string {
  if (change.range === undefined) return change.text;
  const { start, end } = toSpan(new LineIndex(text), change.range);
  return text.slice(0, start) + change.text + text.slice(Math.max(start, end));
}
