import assert from 'node:assert/strict';
import type { TokenType } from 'chevrotain';
import { Lexer } from '../../src/parser/chevrotain.js';
import { LEXER, TOKENS } from '../../src/parser/tokens.js';

function withoutHint({ START_CHARS_HINT: _starts, LINE_BREAKS: _breaks, ...rest }: TokenType): TokenType {
  return rest;
}

/** The tokens without what they begin with and whether they hold line breaks, which chevrotain then finds out. */
function withoutHints(): readonly TokenType[] {
  const copies = new Map(TOKENS.map((type) => [type, withoutHint(type)]));
  for (const copy of copies.values()) if (copy.LONGER_ALT !== undefined) copy.LONGER_ALT = copies.get(copy.LONGER_ALT as TokenType)!;
  return [...copies.values()];
}

const BEGINNINGS = [
  ...Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)),
  ...'“”„‟«»‘’‚\ufeff\u2028\u4e2d',
  'dataset',
  'use',
  'not',
];
const ENDS = ['', '1', '.5', '.x', 'x', '"', '”', '/', '#', '\n', ' y'];

describe('the tokens', () => {
  it('say truly which characters they begin with: every text reads as without that', () => {
    const plain = new Lexer([...withoutHints()], { positionTracking: 'full' });
    const read = (lexer: typeof LEXER, text: string) => {
      const { tokens, errors, groups } = lexer.tokenize(text);
      const all = [...tokens, ...(groups['comments'] ?? [])];
      return [errors, all.map(({ tokenType: { name }, tokenTypeIdx: _, ...token }) => ({ ...token, name }))];
    };
    for (const first of BEGINNINGS)
      for (const end of ENDS)
        for (const text of [`${first}${end}`, `a ${first}${end}`])
          assert.deepEqual(read(LEXER, text), read(plain, text), JSON.stringify(text));
  });
});
