import type { Span } from '../diagnostics/diagnostic.js';
import * as t from '../parser/tokens.js';
import type { Analysis } from './analysis.js';
import type { Place } from './place.js';

/** Kinds of words as editors know them. */
export const TOKEN_TYPES = [
  'keyword',
  'function',
  'class',
  'variable',
  'parameter',
  'property',
  'enumMember',
  'string',
  'number',
  'operator',
  'comment',
  'label',
] as const;
export type TokenKind = (typeof TOKEN_TYPES)[number];

export interface SemanticToken {
  readonly span: Span;
  readonly kind: TokenKind;
}

function placeKind(place: Place): TokenKind {
  switch (place.kind) {
    case 'stage':
    case 'function':
      return 'function';
    case 'repeat':
    case 'keyword':
      return 'keyword';
    case 'argument':
      return 'parameter';
    case 'label':
      return 'label';
    case 'name':
      return place.introduces === 'parameter' || place.introduces === 'input' ? 'parameter' : 'variable';
    case 'property':
    case 'setting':
      return 'property';
    case 'block':
    case 'model':
    case 'dataset':
      return 'class';
    case 'word':
    case 'format':
      return 'enumMember';
    case 'pattern':
    case 'path':
      return 'string';
  }
}

/** The kinds of the words of a text, in order; none overlaps another. */
export function semanticTokens({ parsed, places, blocks }: Analysis): readonly SemanticToken[] {
  const kinds = new Map<number, TokenKind>();
  for (const place of places) {
    const isBlock = place.kind === 'stage' && blocks.has(place.stage.callee.text);
    kinds.set(place.span.start, isBlock ? 'class' : placeKind(place));
  }
  const tokens = parsed.tokens.flatMap((token): SemanticToken[] => {
    if (token.image === '') return [];
    const span = { start: token.startOffset, end: t.tokenEnd(token) };
    const type = token.tokenType;
    const own: TokenKind | undefined =
      type === t.NumberToken
        ? 'number'
        : type === t.StringToken
          ? 'string'
          : type === t.Name
            ? kinds.get(span.start)
            : /^\w/.test(token.image)
              ? 'keyword'
              : type === t.Pipe || type.CATEGORIES?.includes(t.Operator) === true
                ? 'operator'
                : undefined;
    return own === undefined ? [] : [{ span, kind: own }];
  });
  const comments = parsed.comments.map(
    ({ startOffset, image }): SemanticToken => ({ span: { start: startOffset, end: startOffset + image.length }, kind: 'comment' }),
  );
  return [...tokens, ...comments].sort((a, b) => a.span.start - b.span.start);
}
