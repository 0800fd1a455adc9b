import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LineIndex } from '../../src/diagnostics/lines.js';

/** By walking through the text. */
function walk(text: string, offset: number): { line: number; column: number } {
  let [line, start] = [1, 0];
  for (let at = 0; at < offset; at++) {
    const ends = text[at] === '\n' || (text[at] === '\r' && text[at + 1] !== '\n');
    if (ends) [line, start] = [line + 1, at + 1];
  }
  return { line, column: offset - start + 1 };
}

describe('LineIndex', () => {
  it('agrees with counting line breaks of every kind', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '\n', '\r', '\r\n', 'b') }), fc.nat(60), (text, offset) => {
        const at = Math.min(offset, text.length);
        assert.deepEqual(new LineIndex(text).position(at), walk(text, at));
      }),
    );
  });

  it('clamps offsets and finds lines', () => {
    const index = new LineIndex('one\r\ntwo');
    assert.deepEqual(index.position(-1), { line: 1, column: 1 });
    assert.deepEqual(index.position(99), { line: 2, column: 4 });
    assert.deepEqual([index.line(1), index.line(2)], ['one', 'two']);
    assert.throws(() => index.line(3));
  });
});
