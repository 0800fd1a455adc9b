import assert from 'node:assert/strict';
import fc from 'fast-check';
import { diffLines } from '../../src/api/diff-lines.js';

const MARKS = { same: ' ', removed: '-', added: '+' } as const;

function diff(a: readonly string[], b: readonly string[]): string[] {
  return diffLines(a, b).map(({ kind, text }) => `${MARKS[kind]}${text}`);
}

describe('diffLines', () => {
  it('marks an added line and nothing else, though the numbers after it shift', () => {
    const a = ['%0 = normalize %image', '%1 = conv2d %0, %w', '%2 = relu %1'];
    const b = ['%0 = normalize %image', '%1 = cast %0', '%2 = conv2d %1, %w', '%3 = relu %2'];
    assert.deepEqual(diff(a, b), [' %0 = normalize %image', '+%1 = cast %0', ' %2 = conv2d %1, %w', ' %3 = relu %2']);
  });

  it('shows a changed format as removed and added', () => {
    assert.deepEqual(diff(['%0 = relu %1 : f16[2]'], ['%0 = relu %1 : f32[2]']), ['-%0 = relu %1 : f16[2]', '+%0 = relu %1 : f32[2]']);
  });

  it('keeps both texts, in order', () => {
    const text = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 14 });
    fc.assert(
      fc.property(text, text, (a, b) => {
        const lines = diffLines(a, b);
        assert.deepEqual(
          lines.filter(({ kind }) => kind !== 'added').map((line) => line.text),
          a,
        );
        assert.deepEqual(
          lines.filter(({ kind }) => kind !== 'removed').map((line) => line.text),
          b,
        );
      }),
    );
  });

  it('finds a shortest script', () => {
    // Myers 1986, figure 2: ABCABBA and CBABAC are five edits apart.
    assert.equal(diff([...'abcabba'], [...'cbabac']).filter((line) => !line.startsWith(' ')).length, 5);
  });
});
