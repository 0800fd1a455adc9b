import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setImmediate as breathe } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';
import type { Diagnostic as Shown } from 'vscode-languageserver';
import { LineIndex } from '../../src/diagnostics/lines.js';
import { Analysis } from '../../src/language/analysis.js';
import { completionsAt } from '../../src/language/completion.js';
import { hintsIn } from '../../src/language/hints.js';
import { hoverAt } from '../../src/language/hover.js';
import { foldings, outline } from '../../src/language/outline.js';
import { semanticTokens } from '../../src/language/semantic.js';
import { signatureAt } from '../../src/language/signature.js';
import { toShown } from '../../src/server/findings.js';
import { toRange } from '../../src/server/positions.js';
import { Session } from '../../src/server/session.js';

const EXAMPLES = ['quickstart.amp', 'simple-cnn.amp', 'precision/underflow.amp', 'zoo/lenet-5.amp'];
const texts = EXAMPLES.map((name) => readFileSync(new URL(`../../examples/${name}`, import.meta.url), 'utf8'));
const FILE = '/net.amp';
const URI = 'file:///net.amp';
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

const codeAndPlace = ({ code, range, message }: Shown) => ({ code, range, message });

interface Published {
  readonly version: number | undefined;
  readonly shown: readonly Shown[];
}

/** What an editor is shown of a text that is opened now. */
function freshly(text: string): readonly Shown[] {
  const analysis = new Analysis({ path: FILE, text });
  return analysis.diagnostics.map((found) => toShown(analysis, found, ({ path }) => path));
}

describe('a document that is edited 2,000 times', function () {
  this.timeout(60_000);

  it('is shown at each moment as if it had been opened then, and nothing of its past is kept', async () => {
    v8.setFlagsFromString('--expose-gc');
    const collect = vm.runInNewContext('gc') as () => void;
    const random = numbers();
    const failed: unknown[] = [];
    let published: Published | undefined;
    const session = new Session({
      publish: (_uri, version, shown) => {
        published = { version, shown };
      },
      planned: () => {},
      failed: (error) => failed.push(error),
    });
    const past: WeakRef<Analysis>[] = [];
    let version = 0;
    for (const original of texts) {
      const set = (text: string) => session.documents.set({ uri: URI, version: ++version, text });
      set(original);
      for (let edits = 0; edits < 500; ) {
        // Several keystrokes may come at once, each of a part of the text; now and then what was there comes back.
        let at = 0;
        for (const end = Math.min(500, edits + 1 + Math.floor(random() * 7)); edits < end; edits++) {
          const { text } = session.documents.get(URI)!;
          if (random() < 0.06) set(original);
          else {
            at = Math.floor(random() * (text.length + 1));
            const removed = random() < 0.6 ? Math.floor(random() ** 3 * 12) : 0;
            const range = toRange(new LineIndex(text), { start: at, end: Math.min(text.length, at + removed) });
            session.documents.change(URI, ++version, [{ range, text: random() < 0.5 ? TYPED[Math.floor(random() * TYPED.length)]! : '' }]);
          }
          session.changed();
        }
        const before = published;
        await breathe();
        const { text } = session.documents.get(URI)!;
        const analysis = session.analysis(URI)!;
        assert.equal(analysis.source.text, text);
        // A text that has come back is known, and needs nothing said anew.
        if (published !== before) assert.equal(published!.version, version);
        if (edits % 5 === 0) assert.deepEqual(published!.shown.map(codeAndPlace), freshly(text).map(codeAndPlace));
        if (edits % 4 === 0) ask(analysis, Math.min(at, text.length));
        past.push(new WeakRef(analysis));
      }
    }
    assert.ok(version >= 2000);
    assert.deepEqual(failed, []);
    assert.deepEqual(session.service.names, [URI]);
    await breathe();
    collect();
    assert.ok(past.filter((one) => one.deref() !== undefined).length <= 2, 'analyses of earlier texts are held');
  });
});
