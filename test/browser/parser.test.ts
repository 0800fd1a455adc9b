import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundle } from '../../scripts/bundle.js';
import * as node from '../../scripts/size/parse.js';
import { useTiny } from '../support/tiny.js';

const EXAMPLES = new URL('../../examples/', import.meta.url);
const texts = readdirSync(EXAMPLES)
  .filter((name) => name.endsWith('.amp'))
  .map((name) => readFileSync(new URL(name, EXAMPLES), 'utf8'))
  .filter((text) => !/\bfolder\(|\bcsv\(|^use "\./m.test(text));

/** As many places of each text as a character is missing at, one at a time. */
const PLACES = 5;

describe("the browser's parser, from which is left out what only checks the grammar", () => {
  const work = useTiny();
  let browser: typeof node;

  before(async () => {
    const entry = fileURLToPath(new URL('../../scripts/size/parse.ts', import.meta.url));
    const { files } = await bundle({ parse: entry }, { splitting: false });
    const path = work.path('parse.mjs');
    writeFileSync(path, files[0]!.bytes);
    browser = (await import(pathToFileURL(path).href)) as typeof node;
  });

  it('reads, checks and formats the examples as in Node', () => {
    assert.ok(texts.length > 3);
    for (const text of texts) {
      assert.deepEqual(browser.checkSource({ path: 'x.amp', text }), node.checkSource({ path: 'x.amp', text }));
      assert.equal(browser.formatAmp({ path: 'x.amp', text }), node.formatAmp({ path: 'x.amp', text }));
    }
  });

  it('finds the same mistakes, and goes on behind them in the same way', () => {
    for (const text of texts)
      for (let place = 0; place < PLACES; place += 1) {
        const at = Math.floor((place * text.length) / PLACES) + (place % 7);
        const source = { path: 'x.amp', text: text.slice(0, at) + text.slice(at + 1) };
        assert.deepEqual(browser.checkSource(source), node.checkSource(source), source.text);
      }
  });
});
