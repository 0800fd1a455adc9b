import { userError } from '../diagnostics/diagnostic.js';
import { isOpName, type OpName } from './op-names.js';
import type { Attr, TensorType } from './types.js';
import { DTYPES } from './types.js';

/** Reads one line of the text form from left to right. */
export class LineReader {
  private position = 0;
  /** Where the last token began. */
  private tokenStart = 0;

  constructor(
    readonly text: string,
    readonly line: number,
    /** What is read, in messages. */
    readonly source = 'plan text',
  ) {}

  /** Refuses what comes next. */
  fail(expected: string): never {
    return this.failAt(this.position, expected);
  }

  /** Refuses the token that was read last. */
  failToken(expected: string): never {
    return this.failAt(this.tokenStart, expected);
  }

  private failAt(position: number, expected: string): never {
    throw userError(
      'AMP5001',
      `${this.source}, line ${this.line}, column ${position + 1}: expected ${expected}`,
      `the line reads: ${this.text.trim().slice(0, 200)}`,
      'write plans with `ampc plan --dump` and do not edit them by hand',
    );
  }

  private skip(): void {
    while (this.text[this.position] === ' ') this.position += 1;
  }

  atEnd(): boolean {
    this.skip();
    return this.position >= this.text.length;
  }

  /** Consumes `token` when it comes next. */
  accept(token: string): boolean {
    this.skip();
    if (!this.text.startsWith(token, this.position)) return false;
    this.position += token.length;
    return true;
  }

  expect(token: string): void {
    if (!this.accept(token)) this.fail(`"${token}"`);
  }

  match(pattern: RegExp, expected: string): string {
    this.skip();
    const sticky = new RegExp(pattern.source, 'y');
    sticky.lastIndex = this.position;
    const found = sticky.exec(this.text);
    if (found === null) this.fail(expected);
    this.tokenStart = this.position;
    this.position = sticky.lastIndex;
    return found[0];
  }

  /** Whether the text from here on matches, without consuming it. */
  peek(pattern: RegExp): boolean {
    const sticky = new RegExp(pattern.source, 'y');
    sticky.lastIndex = this.position;
    return sticky.test(this.text);
  }

  word(): string {
    return this.match(/[A-Za-z_][A-Za-z0-9_]*/, 'a name');
  }

  /** The name of an op that this version of ampc has. */
  op(): OpName {
    const word = this.word();
    return isOpName(word) ? word : this.failToken(`an op of this version of ampc, not ${word}`);
  }

  valueName(): string {
    return this.match(/%[A-Za-z0-9_.]+/, 'a value such as %3');
  }

  integer(): number {
    const value = Number(this.match(/\d+/, 'a whole number'));
    return Number.isSafeInteger(value) ? value : this.failToken('a whole number that 53 bits hold');
  }

  string(): string {
    const quoted = this.match(/"(?:[^"\\]|\\.)*"/, 'a quoted string');
    try {
      return JSON.parse(quoted) as string;
    } catch {
      return this.failToken('a quoted string in the notation of JSON');
    }
  }

  /** A word that is one of `words`. */
  oneOf<T extends string>(words: readonly T[]): T {
    const word = this.word();
    return words.find((known) => known === word) ?? this.failToken(`one of ${words.join(', ')}`);
  }

  /** `nested`: within a list, whose items are no lists. */
  attr(nested = false): Attr {
    if (!nested && this.accept('[')) {
      const items: Attr[] = [];
      while (!this.accept(']')) {
        if (items.length > 0) this.expect(',');
        items.push(this.attr(true));
      }
      return items as readonly number[] | readonly string[];
    }
    this.skip();
    if (this.text[this.position] === '"') return this.string();
    const token = this.match(/[-+.A-Za-z0-9]+/, 'a value');
    if (token === 'true' || token === 'false') return token === 'true';
    if (token === 'inf') return Infinity;
    if (token === '-inf') return -Infinity;
    const value = Number(token);
    if (Number.isNaN(value) && token !== 'nan') this.failToken('a number, a string, a list or a boolean');
    return value;
  }

  type(): TensorType {
    const dtype = this.oneOf(DTYPES);
    this.expect('[');
    const shape: number[] = [];
    while (!this.accept(']')) {
      if (shape.length > 0) this.expect(',');
      shape.push(this.integer());
    }
    return { dtype, shape };
  }
}
