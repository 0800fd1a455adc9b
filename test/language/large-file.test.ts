import assert from 'node:assert/strict';
import { largeFile } from '../../bench/large-file.js';
import { codeLenses, documentSymbols, encodedTokens, foldingRanges, inlayHints } from '../../src/server/features.js';
import { Session } from '../../src/server/session.js';
import { DEFAULT_SETTINGS } from '../../src/server/settings.js';
import { elementsVisited } from '../support/work.js';

const URI = 'file:///net.amp';

/** A document that is typed in, and how often something is known of it. */
class Typed {
  private version = 0;
  private known: (() => void) | undefined;
  published = 0;
  readonly session = new Session({
    publish: () => {
      this.published++;
    },
    planned: () => this.known?.(),
    failed: (error) => {
      throw error;
    },
  });

  /** Everything that an editor asks for of a text that has changed, and of each answer that it may ask for again. */
  ask(text: string): void {
    this.session.documents.set({ uri: URI, version: ++this.version, text });
    const analysis = this.session.analysis(URI)!;
    assert.equal(analysis, this.session.analysis(URI));
    const whole = { start: { line: 0, character: 0 }, end: { line: analysis.lines.lineCount, character: 0 } };
    assert.ok(analysis.diagnostics.length < 3);
    assert.ok(inlayHints(analysis, this.session.plan(URI), whole, DEFAULT_SETTINGS.hints).length > 0);
    assert.ok(encodedTokens(analysis).length > 0);
    documentSymbols(analysis);
    foldingRanges(analysis);
    codeLenses(analysis, this.session.plan(URI), [], URI);
  }

  /** Several keystrokes that arrive together. Resolves when the plan of the last is there. */
  async type(...texts: readonly string[]): Promise<void> {
    const planned = new Promise<void>((resolve) => {
      this.known = resolve;
    });
    for (const text of texts) {
      this.session.documents.set({ uri: URI, version: ++this.version, text });
      this.session.changed();
    }
    await planned;
  }
}

describe('a file of 5,000 lines', function () {
  this.timeout(60_000);
  const text = largeFile(5000);
  const digit = text.lastIndexOf('16) as part');

  it('is that long', () => assert.ok(text.split('\n').length > 4900));

  it('is analysed once for all keystrokes that arrive together, and planned where its program has changed', async () => {
    const typed = new Typed();
    await typed.type(text);
    const { work } = typed.session.service;
    assert.deepEqual(work, { analyses: 1, plans: 1 });
    const other = text.replace('# two convolutions', '# 2 convolutions');
    await typed.type(`${text}#`, `${text}# a`, other);
    assert.deepEqual(work, { analyses: 2, plans: 1 }, 'a comment');
    await typed.type(`${text.slice(0, digit)}24${text.slice(digit + 2)}`);
    assert.deepEqual(work, { analyses: 3, plans: 2 }, 'a width');
    assert.equal(typed.published, 3);
  });

  it('takes work in proportion to its length, with mistakes as well', () => {
    const broken = (whole: string) => whole.replace('|> batch_norm as bn2', '|> |> batch_norm( as bn2');
    for (const make of [(whole: string) => whole, broken]) {
      const [few, many] = [1000, 5000].map((lines) => {
        const typed = new Typed();
        const own = make(largeFile(lines));
        typed.ask(own);
        return elementsVisited(() => typed.ask(`${own}\n# a keystroke`));
      });
      assert.ok(many! < 5.5 * few!, `${few} elements for 1,000 lines, ${many} for 5,000`);
    }
  });
});
