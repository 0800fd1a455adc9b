import assert from 'node:assert/strict';
import fc from 'fast-check';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { formatAmp } from '../../src/parser/format.js';
import { parseAmp } from '../../src/parser/parse.js';
import { blocksRun } from '../support/blocks.js';
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

  it('formats sums, pipelines and lists of 80,000 parts', function () {
    this.timeout(240_000);
    const sum = `let a = ${'1 + '.repeat(80_000)}1\n`;
    assert.equal(formatAmp(sum), sum);
    const pipeline = formatAmp(`model M(image: [32, 32, 3]) -> [10] { image ${'|> relu '.repeat(80_000)} }`);
    assert.equal(pipeline.match(/\|> relu/g)?.length, 80_000);
    const list = formatAmp(`let a = [${'1, '.repeat(80_000)}1]`);
    assert.equal(list.match(/1/g)?.length, 80_001);
  });

  it('gives every kind of line break one form', () => {
    const text = (lineBreak: string) =>
      ['# c', 'model M(image: [32, 32, 3])', '-> [10] { # d', '', 'image', '|> relu # e', '', '}'].join(lineBreak);
    const formatted = formatAmp(text('\n'));
    assert.match(formatted, /image\n {2}\|> relu {2}# e\n/);
    for (const lineBreak of ['\r', '\r\n']) {
      assert.equal(formatAmp(text(lineBreak)), formatted);
      assert.equal(formatAmp(`\ufeff${text(lineBreak)}`), formatted);
    }
  });

  it('takes work that grows with the text', async () => {
    const [short, long] = (await blocksRun('format', [1000, 8000])) as [number, number];
    assert.ok(long < 10 * short, `${short} blocks, ${long} of eight times the text`);
  });
});
