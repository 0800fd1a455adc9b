import type { Span } from './diagnostic.js';

/** One-based line and column. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/**
 * Finds lines of a text, which end with LF, CR LF or a CR alone, by binary search; built once per source, so that thousands of lookups stay
 * cheap.
 */
export class LineIndex {
  readonly text: string;
  private readonly starts: readonly number[];

  constructor(text: string) {
    this.text = text;
    const starts = [0];
    for (const { index, 0: lineBreak } of text.matchAll(/\r\n?|\n/g)) starts.push(index + lineBreak.length);
    this.starts = starts;
  }

  get lineCount(): number {
    return this.starts.length;
  }

  /** Offsets outside the text are clamped to it. */
  position(offset: number): Position {
    const clamped = Math.max(0, Math.min(offset, this.text.length));
    let low = 0;
    let high = this.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.starts[middle]! <= clamped) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: clamped - this.starts[low]! + 1 };
  }

  /** The offset of a position; the inverse of `position`. */
  offset({ line, column }: Position): number {
    const start = this.starts[line - 1];
    if (start === undefined) throw new Error(`no line ${line}`);
    return start + column - 1;
  }

  /** The text of a one-based line, without its line break. */
  line(line: number): string {
    const start = this.starts[line - 1];
    if (start === undefined) throw new Error(`no line ${line}`);
    const end = this.starts[line];
    return this.text.slice(start, end ?? this.text.length).replace(/[\r\n]+$/, '');
  }

  /** First and last line of a span; a span that ends at a line break belongs to the line before it. */
  lines(span: Span): { readonly first: Position; readonly last: Position } {
    return { first: this.position(span.start), last: this.position(Math.max(span.start, span.end - 1)) };
  }
}
