import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DOCUMENTS, regenerate } from '../../scripts/docs-language.js';
import { CODES } from '../../src/diagnostics/codes.js';
import { parseAmp } from '../../src/parser/parse.js';

const ROOT = new URL('../../', import.meta.url);

function read(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8');
}

describe('documents', () => {
  for (const path of DOCUMENTS) {
    it(`${path} is what npm run docs:language makes`, () => assert.equal(read(path), regenerate(read(path))));
  }

  it('show programs that parse', () => {
    const snippets = [...read('docs/language.md').matchAll(/^( *)```amp\n([\s\S]*?)^ *```/gm)].map((match) => match[2]);
    assert.ok(snippets.length >= 5);
    for (const snippet of snippets) {
      const isFile = /^(dataset|block|model)/.test(snippet.trim());
      const piped = snippet.trim().startsWith('|>') ? `x ${snippet}` : snippet;
      const text = isFile ? snippet : `block B(x) {\n${piped}\n}`;
      assert.deepEqual(parseAmp(text).diagnostics, [], text);
    }
  });

  it('list every code that the front end reports', () => {
    const used = ['src/diagnostics', 'src/parser', 'src/lower'].flatMap((folder) =>
      readdirSync(fileURLToPath(new URL(folder, ROOT)), { encoding: 'utf8', recursive: true })
        .filter((name) => name.endsWith('.ts'))
        .flatMap((name) => [...read(`${folder}/${name}`).matchAll(/AMP\d{4}/g)].map(([code]) => code)),
    );
    assert.deepEqual([...new Set(used)].filter((code) => code < 'AMP5000').sort(), Object.keys(CODES).sort());
  });
});
