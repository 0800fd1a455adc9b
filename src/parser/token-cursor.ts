import type { IToken } from 'chevrotain';
import { LineIndex } from '../diagnostics/lines.js';
import { blank, comment, type Doc } from './doc.js';
import { startsLine } from './repair.js';
import { tokenEnd } from './tokens.js';

interface Comments {
  readonly leading: readonly IToken[];
  readonly trailing: IToken | undefined;
}

/**
 * Hands out the tokens of a text in order, each with its comments. The formatter prints every token through it,
 * so it can neither lose a comment nor change the program.
 */
export class TokenCursor {
  private readonly tokens: readonly IToken[];
  private readonly comments: readonly Comments[];
  private readonly lines: LineIndex;
  private at = 0;

  constructor(text: string, tokens: readonly IToken[], comments: readonly IToken[]) {
    this.tokens = tokens;
    this.lines = new LineIndex(text);
    this.comments = attach(tokens, comments, this.lines);
  }

  peek(): string {
    return this.tokens[this.at]?.image ?? '';
  }

  /** Prints the next token, which is `expected`. */
  take(expected?: string): Doc {
    const { leading, trailing } = this.comments[this.at]!;
    return [
      leading.map((item) => comment(item.image, false)),
      this.text(expected),
      trailing === undefined ? '' : comment(trailing.image, true),
    ];
  }

  /** A closing bracket apart from the comments before it, which belong inside; `blanks`: with the blank lines before them. */
  takeCloser(expected: string, blanks: boolean): { readonly inside: Doc; readonly closer: Doc } {
    const { leading, trailing } = this.comments[this.at]!;
    const inside = leading.map((item, i) => [(blanks || i > 0) && this.blankBefore(item) ? blank : '', comment(item.image, false)]);
    return { inside, closer: [this.text(expected), trailing === undefined ? '' : comment(trailing.image, true)] };
  }

  /** Leaves out the next token if it is `image`, but not its comments. */
  skip(image: string): Doc {
    if (this.peek() !== image) return '';
    const { leading, trailing } = this.comments[this.at++]!;
    return [leading.map((item) => comment(item.image, false)), trailing === undefined ? '' : comment(trailing.image, true)];
  }

  /**
   * The comments before the next token with the blank lines among them; `start` forces or forbids the first one. Then `take` prints only
   * the token.
   */
  lead(start: 'blank' | 'none' | 'keep'): Doc {
    const { leading, trailing } = this.comments[this.at]!;
    const docs: Doc[] = leading.map((item, i) => [
      (i === 0 ? start === 'blank' || (start === 'keep' && this.blankBefore(item)) : this.blankBefore(item)) ? blank : '',
      comment(item.image, false),
    ]);
    const token = this.tokens[this.at];
    if (token !== undefined) {
      const first = leading.length === 0;
      if (first ? start === 'blank' || (start === 'keep' && this.blankBefore(token)) : this.blankBefore(token)) docs.push(blank);
    }
    (this.comments as Comments[])[this.at] = { leading: [], trailing };
    return docs;
  }

  /** Whether the next token starts a line of the source. */
  startsLine(): boolean {
    const token = this.tokens[this.at];
    return token !== undefined && this.isFirst(token);
  }

  /** Whether the token after the next starts a line: `{` that was left open at the end of its line. */
  breaksAfterNext(): boolean {
    this.at++;
    const result = this.startsLine() || (this.comments[this.at]?.leading.length ?? 0) > 0;
    this.at--;
    return result;
  }

  private text(expected: string | undefined): string {
    const token = this.tokens[this.at++];
    if (token === undefined || (expected !== undefined && token.image !== expected)) {
      throw new Error(`the formatter expects ${expected ?? 'a token'}, the text has ${token?.image ?? 'no more'}`);
    }
    return token.image;
  }

  private isFirst(token: IToken): boolean {
    return startsLine(this.lines.text, token);
  }

  private blankBefore(token: IToken): boolean {
    const before = token.startLine! - 1;
    if (!this.isFirst(token)) return false;
    return before >= 1 && this.lines.line(before).trim() === '';
  }
}

/** A comment on the line on which a token ends trails it; any other leads the token after it. The last entry is the end of the file. */
function attach(tokens: readonly IToken[], comments: readonly IToken[], lines: LineIndex): Comments[] {
  const out: { leading: IToken[]; trailing: IToken | undefined }[] = [];
  let next = 0;
  for (let i = 0; i <= tokens.length; i++) {
    const token = tokens[i];
    const leading: IToken[] = [];
    for (; next < comments.length && (token === undefined || comments[next]!.startOffset < token.startOffset); next++) {
      const item = comments[next]!;
      const previous = tokens[i - 1];
      const sameLine = previous !== undefined && lines.position(tokenEnd(previous)).line === item.startLine;
      if (sameLine && out[i - 1]!.trailing === undefined) out[i - 1]!.trailing = item;
      else leading.push(item);
    }
    out.push({ leading, trailing: undefined });
  }
  return out;
}
