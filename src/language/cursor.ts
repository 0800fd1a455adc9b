import type { IToken } from 'chevrotain';
import * as t from '../parser/tokens.js';
import { type Context, type OpenCall, Reader } from './context.js';

export interface Cursor {
  readonly context: Context;
  readonly call: OpenCall | undefined;
  /** The word that is being written, which what is chosen replaces. */
  readonly word: { readonly start: number; readonly end: number };
  /** Whether that is a text in quotes, which may not be closed yet. */
  readonly isQuoted: boolean;
  readonly section: string;
}

/** The part of a text in quotes that is replaced: all of it, or where it is not closed, up to where a word ends. */
function quotedWord(token: IToken, offset: number): Cursor['word'] | undefined {
  const { tokenType, image, startOffset } = token;
  if (tokenType !== t.StringToken) return undefined;
  const end = t.tokenEnd(token);
  // One that is not closed was given its quotes by the parser.
  const isClosed = end === startOffset + image.length;
  if (isClosed) return offset < end ? { start: startOffset, end } : undefined;
  if (offset > end) return undefined;
  const rest = /^[\w.*/-]*/.exec(image.slice(offset - startOffset))![0];
  return { start: startOffset, end: offset + rest.length };
}

/** What may be written at an offset, by the tokens before it. */
export function cursorAt(tokens: readonly IToken[], offset: number): Cursor {
  const reader = new Reader();
  let word: Cursor['word'] = { start: offset, end: offset };
  let isQuoted = false;
  for (const token of tokens) {
    const end = t.tokenEnd(token);
    if (token.startOffset >= offset || token.image === '') {
      if (token.startOffset >= offset) break;
      continue;
    }
    const quoted = quotedWord(token, offset);
    if (quoted !== undefined) {
      word = quoted;
      isQuoted = true;
      break;
    }
    const isWord = /^\w/.test(token.image) && !/^\d/.test(token.image);
    if (end >= offset && isWord) {
      word = { start: token.startOffset, end };
      break;
    }
    reader.take(token);
  }
  const context = reader.context();
  // Of a pattern the whole is replaced, since it takes quotes.
  if (context.kind === 'pattern') word = { start: reader.dotted ?? word.start, end: word.end };
  return { context, call: reader.call, word, isQuoted, section: reader.section };
}
