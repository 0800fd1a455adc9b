import assert from 'node:assert/strict';
import fc from 'fast-check';
import { matchesGlob, matchesLayer } from '../../src/ir/pattern.js';

/** The meaning, by trying every way to share the text out. */
function meaning(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  if (pattern[0] === '*') return [...Array(text.length + 1).keys()].some((taken) => meaning(pattern.slice(1), text.slice(taken)));
  return pattern[0] === text[0] && meaning(pattern.slice(1), text.slice(1));
}

describe('patterns', () => {
  it('match as every star taking any text would', () => {
    const text = (letters: readonly string[]) => fc.array(fc.constantFrom(...letters), { maxLength: 8 }).map((list) => list.join(''));
    fc.assert(
      fc.property(text(['a', 'b', '*', '.']), text(['a', 'b', '.']), (pattern, layer) => {
        assert.equal(matchesGlob(pattern, layer), meaning(pattern, layer));
      }),
      { numRuns: 3000, seed: 1 },
    );
  });

  it('give no other character a meaning', () => {
    assert.ok(matchesGlob('a+(b)[c]^$|\\?{}', 'a+(b)[c]^$|\\?{}'));
    assert.ok(!matchesGlob('a.b', 'aXb'));
    assert.ok(!matchesGlob('a+', 'aa'));
  });

  it('mean a layer, or the layers of a block', () => {
    assert.ok(matchesLayer('stage1', 'stage1'));
    assert.ok(matchesLayer('stage1', 'stage1.0.conv1'));
    assert.ok(matchesLayer('*.conv1', 'stage1.0.conv1'));
    assert.ok(!matchesLayer('stage1', 'stage10'));
  });

  it('with a thousand stars that match nothing still end', () => {
    assert.ok(!matchesLayer(`${'*a'.repeat(1000)}*b`, 'a'.repeat(2000)));
  });
});
