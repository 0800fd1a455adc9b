import assert from 'node:assert/strict';
import fc from 'fast-check';
import { positionAt } from '../../src/diagnostics/diagnostic.js';
import { LineIndex } from '../../src/diagnostics/lines.js';

describe('LineIndex', () => {
  it('agrees with counting line breaks', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '\n', 'b') }), fc.nat(60), (text, offset) => {
        const at = Math.min(offset, text.length);
        assert.deepEqual(new LineIndex(text).position(at), positionAt(text, at));
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
