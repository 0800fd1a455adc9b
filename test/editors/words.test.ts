import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { LINES } from '../../src/lower/lines.js';
import { SETTINGS } from '../../src/lower/settings.js';
import { FORMATS } from '../../src/numeric/formats.js';
import * as t from '../../src/parser/tokens.js';
import { ROOT } from '../spec-runner.js';
import { toHelix } from './captures.js';
import { loadGrammar, scopesOf } from './textmate-grammar.js';

const TREE_SITTER = path.join(ROOT, 'editors', 'tree-sitter-ampc');
const read = (...parts: readonly string[]) => readFileSync(path.join(TREE_SITTER, ...parts), 'utf8');

/** Words that no name may be; the last two behind `freeze` alone. */
const KEYWORDS = [
  ...t.TOKENS.map(({ PATTERN }) => PATTERN).filter((word) => typeof word === 'string' && /^\w+$/.test(word)),
  'until',
  'after',
];
const LINE_WORDS = Object.values(LINES).map(({ word }) => word);
const FORMAT_NAMES = Object.values(FORMATS).flatMap((format) =>
  'language' in format && format.language !== null ? [format.language] : [],
);

/** Every text of a file with two quotes of the same kind. */
const literals = (text: string) => new Set([...text.matchAll(/(["'])(.+?)\1/g)].map(([, , word]) => word!));

/** The words between which a pattern of formats chooses. */
const formatsOf = (pattern: string) => /\((fp32[^)]*)\)/.exec(pattern)?.[1]?.split('|').sort();

describe('the words of the language in the grammars of editors', () => {
  it('are as many as the tables have', () => {
    assert.ok(KEYWORDS.length > 20 && LINE_WORDS.length > 4 && FORMAT_NAMES.length > 2);
  });

  it("stand in tree-sitter's grammar and have colours in its queries", () => {
    const [grammar, highlights] = [literals(read('grammar.js')), read('queries', 'highlights.scm')];
    for (const word of [...KEYWORDS, ...LINE_WORDS]) assert.ok(grammar.has(String(word)), `grammar.js: ${word}`);
    const coloured = literals(highlights);
    // These two are a node of their own, and so is what stands before a property.
    for (const word of [...KEYWORDS, ...LINE_WORDS].filter((one) => one !== 'true' && one !== 'false'))
      assert.ok(coloured.has(String(word)), `highlights.scm: ${word}`);
    assert.deepEqual(formatsOf(highlights), [...FORMAT_NAMES].sort());
  });

  it("have scopes in TextMate's, lines of a section where one may stand", async () => {
    const grammar = await loadGrammar();
    const scopeOf = (text: string, word: string) => scopesOf(grammar, text)[text.indexOf(word)]!;
    for (const { section, word } of Object.values(LINES)) {
      const text = `${section} {\n  ${word} fc in fp32\n}\n`;
      assert.match(scopeOf(text, word), /^keyword\.other\.setting/, word);
    }
    for (const word of KEYWORDS) {
      const isNamed = ['dataset', 'model', 'block', 'as', 'keep'].includes(String(word));
      const text = word === 'use' ? 'use "x.amp"' : isNamed ? `${word} net { }` : `x ${word} { }`;
      assert.match(scopeOf(text, String(word)), /^(keyword|constant\.language)/, String(word));
    }
    for (const word of FORMAT_NAMES) assert.match(scopeOf(`precision { compute ${word} }`, word), /^support\.type/, word);
    const { repository } = JSON.parse(readFileSync(path.join(ROOT, 'editors/vscode/syntaxes/amp.tmLanguage.json'), 'utf8')) as {
      readonly repository: { readonly format: { readonly match: string } };
    };
    assert.deepEqual(formatsOf(repository.format.match), [...FORMAT_NAMES].sort());
  });

  it('are no lines where their names are settings, of which no grammar has a list', async () => {
    const grammar = await loadGrammar();
    for (const [section, settings] of Object.entries(SETTINGS)) {
      for (const { name } of settings) {
        const text = `${section === 'dataset' ? 'dataset cifar10' : section} {\n  ${name} 1\n}\n`;
        assert.doesNotMatch(scopesOf(grammar, text)[text.indexOf(`${name} 1`)]!, /setting/, `${section} ${name}`);
      }
    }
  });

  it("have the same colours in Helix, by that editor's names", () => {
    assert.equal(read('queries', 'helix', 'highlights.scm'), toHelix(read('queries', 'highlights.scm')));
  });
});
