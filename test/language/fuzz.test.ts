import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setImmediate as breathe } from 'node:timers/promises';
import { Analysis } from '../../src/language/analysis.js';
import { completionsAt } from '../../src/language/completion.js';
import { hintsIn } from '../../src/language/hints.js';
import { hoverAt } from '../../src/language/hover.js';
import { foldings, outline } from '../../src/language/outline.js';
import { semanticTokens } from '../../src/language/semantic.js';
import { LanguageService, plainHost } from '../../src/language/service.js';
import { signatureAt } from '../../src/language/signature.js';

const EXAMPLES = ['quickstart.amp', 'simple-cnn.amp', 'precision/underflow.amp', 'zoo/lenet-5.amp'];
const texts = EXAMPLES.map((name) => readFileSync(new URL(`../../examples/${name}`, import.meta.url), 'utf8'));
const OPTIONS = { shapes: true, formats: true, casts: true };
const TYPED = [
  '|>',
  ' relu',
  '(',
  ')',
  '{',
  '}',
  'conv2d(8, ',
  'kernel: ',
  'let x = ',
  '"',
  '# ',
  '\r\n',
  '🙂',
  'train {',
  ' as ',
  '[',
  ',',
];

/** The same numbers on every machine. */
function numbers(): () => number {
  let state = 2000;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Asks all that an editor asks about a place. Whatever the text, the answers lie in it. */
function ask(analysis: Analysis, offset: number): void {
  const { text } = analysis.source;
  const lies = ({ start, end }: { readonly start: number; readonly end: number }) =>
    assert.ok(0 <= start && start <= end && end <= text.length, `${start} to ${end} of ${text.length}`);
  for (const { span, edits = [] } of analysis.diagnostics) for (const place of [...(span ? [span] : []), ...edits]) lies(place);
  lies(completionsAt(analysis, offset).replaces);
  hoverAt(analysis, undefined, offset);
  signatureAt(analysis, offset);
  for (const hint of hintsIn(analysis, undefined, { start: 0, end: text.length }, OPTIONS)) lies({ start: hint.offset, end: hint.offset });
  for (const { span, nameSpan } of outline(analysis)) [span, nameSpan].forEach(lies);
  let last = 0;
  for (const { span } of semanticTokens(analysis)) {
    lies(span);
    assert.ok(span.start >= last);
    last = span.end;
  }
  foldings(analysis);
  analysis.symbols.around(offset);
}

describe('a document that is edited 2,000 times', () => {
  it('is known at each moment as if it had been opened then, and nothing else is kept', () => {
    const random = numbers();
    const service = new LanguageService(plainHost(() => breathe()));
    let edits = 0;
    for (const original of texts) {
      let text = original;
      for (let i = 0; i < 500; i++, edits++) {
        const at = Math.floor(random() * (text.length + 1));
        const removed = random() < 0.6 ? Math.floor(random() ** 3 * 12) : 0;
        const typed = random() < 0.5 ? TYPED[Math.floor(random() * TYPED.length)]! : '';
        // Now and then what was there comes back, so that not all texts are broken.
        text = random() < 0.25 ? original : text.slice(0, at) + typed + text.slice(at + removed);
        const analysis = service.update('x.amp', { path: 'x.amp', text });
        if (i % 4 === 0) ask(analysis, Math.min(at, text.length));
      }
      const fresh = new Analysis({ path: 'x.amp', text });
      assert.deepEqual(service.analysis('x.amp')!.diagnostics, fresh.diagnostics);
    }
    assert.equal(edits, 2000);
    assert.deepEqual(service.names, ['x.amp']);
    assert.ok(service.work.analyses <= edits);
  });
});
