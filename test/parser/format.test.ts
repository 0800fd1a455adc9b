import assert from 'node:assert/strict';
import fc from 'fast-check';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { formatAmp } from '../../src/parser/format.js';
import { parseAmp } from '../../src/parser/parse.js';
import { programs } from './programs.js';

function withoutSpans(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSpans);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([key, part]) => (key === 'span' ? [] : [[key, withoutSpans(part)]])));
}

function tree(text: string): unknown {
  const { file, diagnostics } = parseAmp(text);
  assert.deepEqual(diagnostics, [], text);
  return withoutSpans(file);
}

function commentsOf(text: string): string[] {
  return parseAmp(text).comments.map((comment) => comment.image.trimEnd());
}

describe('formatAmp', () => {
  it('keeps the program and its comments, and is idempotent', () => {
    fc.assert(
      fc.property(programs, (text) => {
        const formatted = formatAmp(text);
        assert.deepEqual(tree(formatted), tree(text));
        assert.deepEqual(commentsOf(formatted), commentsOf(text));
        assert.equal(formatAmp(formatted), formatted);
        assert.doesNotMatch(formatted, /[ \t]\n|\n\n\n|\t|\r/);
      }),
      { numRuns: 400 },
    );
  });

  it('refuses text with syntax errors', () => {
    assert.throws(() => formatAmp('model {'), UserError);
  });

  it('leaves nothing of nothing', () => {
    assert.equal(formatAmp('\n \n'), '');
  });

  it('takes time that grows with the text', () => {
    const text = (stages: number) => `model M(image: [32, 32, 3]) -> [10] { image ${'|> conv2d(3, kernel: 3) '.repeat(stages)} }`;
    formatAmp(text(500));
    const time = (stages: number) => {
      const start = performance.now();
      formatAmp(text(stages));
      return performance.now() - start;
    };
    assert.ok(time(8000) < 40 * time(1000) + 200);
  });
});
