import type { IToken } from 'chevrotain';
import type { Span } from '../diagnostics/diagnostic.js';
import { writeInstead } from '../diagnostics/fixes.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import { createTokenInstance } from './chevrotain.js';
import * as t from './tokens.js';

/** What can only be a path: letters with a point or a slash among them. */
const PATH = /^(?=.*[A-Za-z])(?=.*[./\\~])[^"'“”„«»‘’(),:=#\r\n]+$/;

/** `data/photos` in `dataset folder(data/photos)`: what stands there without quotes though it is a path. */
export function unquotedPaths(text: string, tokens: readonly IToken[]): readonly Span[] {
  return tokens.flatMap((token, i): Span[] => {
    if (token.tokenType !== t.Dataset || tokens[i + 1]?.tokenType !== t.Name || tokens[i + 2]?.tokenType !== t.LeftParen) return [];
    const from = t.tokenEnd(tokens[i + 2]!);
    const inside = text.slice(from, from + text.slice(from).search(/[,)\r\n]|$/));
    const path = inside.trim();
    const start = from + inside.indexOf(path);
    return PATH.test(path) ? [{ start, end: start + path.length }] : [];
  });
}

/** The tokens with a string in the place of such a path, which is reported. */
export function quotePath(text: string, { start, end }: Span, tokens: readonly IToken[], sink: DiagnosticSink): IToken[] {
  const path = text.slice(start, end);
  sink.error('AMP1003', { start, end }, 'a path stands in quotes', writeInstead({ start, end }, `"${path}"`));
  const string = createTokenInstance(t.StringToken, `"${path}"`, start, end - 1, 1, 1, 1, 1);
  const before = tokens.filter((token) => token.startOffset < start);
  return [...before, string, ...tokens.filter((token) => token.startOffset >= end)];
}
