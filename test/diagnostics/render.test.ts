import assert from 'node:assert/strict';
import { stripVTControlCharacters } from 'node:util';
import type { Diagnostic } from '../../src/diagnostics/diagnostic.js';
import { renderDiagnostic, renderDiagnostics } from '../../src/diagnostics/render.js';

function at(start: number, end: number, rest: Partial<Diagnostic> = {}): Diagnostic {
  return { code: 'AMP2001', severity: 'error', message: 'wrong', span: { start, end }, ...rest };
}

function frame(text: string, diagnostic: Diagnostic): string[] {
  return renderDiagnostic(diagnostic, { path: 'a.amp', text }).split('\n');
}

describe('renderDiagnostic', () => {
  it('shows place, line and underline', () => {
    assert.deepEqual(frame('let a = 1\nlet b = foo\n', at(18, 21, { why: 'because\nof this', fix: 'do that' })), [
      'error[AMP2001]: wrong',
      ' --> a.amp:2:9',
      '  |',
      '2 | let b = foo',
      '  |         ^^^',
      '  = why: because',
      '         of this',
      '  = fix: do that',
    ]);
  });

  it('shows related places in order, with what lies between', () => {
    const text = 'one\ntwo\nthree\nfour\nfive\nsix\n';
    const related = [
      { span: { start: 0, end: 3 }, message: 'first' },
      { span: { start: 8, end: 13 }, message: 'second' },
    ];
    assert.deepEqual(frame(text, at(24, 27, { related })), [
      'error[AMP2001]: wrong',
      ' --> a.amp:6:1',
      '  |',
      '1 | one',
      '  | --- first',
      '2 | two',
      '3 | three',
      '  | ----- second',
      '...',
      '6 | six',
      '  | ^^^',
    ]);
  });

  it('underlines the first line of a span of several', () => {
    assert.deepEqual(frame('a(\n  b\n)', at(0, 8)).slice(3), ['1 | a(', '  | ^^']);
  });

  it('points behind the end of the text', () => {
    assert.deepEqual(frame('a |>', at(4, 4)).slice(1), [' --> a.amp:1:5', '  |', '1 | a |>', '  |     ^']);
    assert.deepEqual(frame('', at(0, 0)).slice(1), [' --> a.amp:1:1', '  |', '1 |', '  | ^']);
  });

  it('aligns behind tabs and wide characters', () => {
    assert.deepEqual(frame('\t# 宽 x', at(5, 6)).slice(3), ['1 |   # 宽 x', '  |        ^']);
  });

  it('lets no control character reach the terminal', () => {
    const text = 'let \u001b[31m = 3\u0007';
    const rendered = renderDiagnostic(
      at(4, 9, { message: 'no \u001b[2J', why: '\u001b]0;x\u0007', related: [{ span: { start: 0, end: 3 }, message: '\u001b[1m' }] }),
      { path: '\u001b[5m', text },
    );
    assert.doesNotMatch(rendered.replaceAll('\n', ''), /\p{Cc}/u);
  });

  it('shows what cannot be seen by its code point', () => {
    const text = 'let a\u200b = 1 # \u202eb\u00a0c';
    assert.deepEqual(frame(text, at(5, 6, { message: 'in \u2028 and \0' })), [
      'error[AMP2001]: in <U+2028> and <U+0000>',
      ' --> a.amp:1:6',
      '  |',
      '1 | let a<U+200B> = 1 # <U+202E>b<U+00A0>c',
      '  |      ^^^^^^^^',
    ]);
    assert.match(frame(`${'x'.repeat(200)}😀`, at(0, 1))[3], /^1 \| x+$/);
  });

  it('handles line breaks of Windows', () => {
    assert.deepEqual(frame('a\r\nbb\r\n', at(3, 5)).slice(1), [' --> a.amp:2:1', '  |', '2 | bb', '  | ^^']);
  });

  it('colours only when asked', () => {
    const source = { path: 'a.amp', text: 'foo' };
    const colored = renderDiagnostic(at(0, 3, { fix: 'x' }), source, { color: true });
    assert.ok(colored.startsWith('\u001b[1;31merror[AMP2001]'));
    assert.equal(stripVTControlCharacters(colored), renderDiagnostic(at(0, 3, { fix: 'x' }), source));
  });

  it('works without a source and without a span', () => {
    assert.equal(renderDiagnostic(at(0, 3, { fix: 'x' })), 'error[AMP2001]: wrong\n = fix: x');
    assert.equal(renderDiagnostic({ ...at(0, 0), span: undefined }, { path: 'a.amp', text: '' }), 'error[AMP2001]: wrong\n--> a.amp');
  });
});

describe('renderDiagnostics', () => {
  it('sorts by place and counts', () => {
    const text = renderDiagnostics([at(4, 5, { message: 'later' }), at(0, 1, { severity: 'warning', message: 'sooner' })], {
      path: 'a.amp',
      text: 'a b c',
    });
    assert.ok(text.indexOf('sooner') < text.indexOf('later'));
    assert.match(text, /\n\n1 error, 1 warning$/);
  });
});
