import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { IToken as Token } from 'chevrotain';
import { lowerProgram } from '../../src/lower/lower.js';
import * as t from '../../src/parser/tokens.js';
import { ROOT } from '../spec-runner.js';
import { loadGrammar, scopesOf } from './textmate-grammar.js';

const EXTENSION = path.join(ROOT, 'editors', 'vscode');

/** What the compiler's kinds of tokens look like in an editor; of others the place decides. */
const EXPECTED: readonly (readonly [readonly (typeof t.Name)[], RegExp])[] = [
  [[t.NumberToken], /^constant\.numeric/],
  [[t.StringToken], /^string\./],
  [[t.Model, t.Block, t.Dataset, t.Precision, t.Train], /^keyword\.declaration/],
  [[t.Repeat, t.Collect, t.If, t.Else], /^keyword\.control/],
  [[t.LetKeyword, t.Share, t.In, t.As, t.Keep, t.Use], /^keyword\.other/],
  [[t.And, t.Or, t.Not], /^keyword\.operator/],
  [[t.True, t.False], /^constant\.language/],
  [[t.DatasetValue], /^variable\.language/],
  [[t.Pipe, t.Arrow, t.Range, t.Plus, t.Minus, t.Star, t.Slash, t.Equal], /^keyword\.operator/],
];

function expectedScope(token: Token, before: Token | undefined): RegExp | undefined {
  if (before?.tokenType === t.Pipe && token.tokenType === t.Name) return /^entity\.name\.function\.call/;
  if (before?.tokenType === t.As) return /^entity\.name\.label/;
  if (before?.tokenType === t.Model) return /^entity\.name\.type/;
  if (before?.tokenType === t.Block) return /^entity\.name\.function/;
  return EXPECTED.find(([kinds]) => kinds.includes(token.tokenType))?.[1];
}

describe("TextMate's grammar of the extension", () => {
  const files = ['examples', 'library'].flatMap((folder) =>
    readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.amp'))
      .map((name) => path.join(ROOT, folder, name)),
  );

  it("gives each token of the examples a scope of the compiler's kind", async () => {
    const grammar = await loadGrammar();
    const wrong: string[] = [];
    let seen = 0;
    for (const file of files) {
      const text = readFileSync(file, 'utf8');
      const scopes = scopesOf(grammar, text);
      const { tokens, groups } = t.LEXER.tokenize(text);
      const check = (token: Token, expected: RegExp | undefined) => {
        if (expected === undefined) return;
        seen++;
        const scope = scopes[token.startOffset]!;
        if (!expected.test(scope)) wrong.push(`${file}:${token.startLine} ${token.image}: ${scope}`);
      };
      for (const [index, token] of tokens.entries()) check(token, expectedScope(token, tokens[index - 1]));
      for (const comment of groups['comments'] ?? []) check(comment, /^comment/);
    }
    assert.deepEqual(wrong, []);
    assert.ok(seen > 2000, `${seen} tokens`);
  });
});

describe('snippets of the extension', () => {
  const snippets = JSON.parse(readFileSync(path.join(EXTENSION, 'snippets', 'amp.json'), 'utf8')) as Record<
    string,
    { readonly prefix: string; readonly body: string | readonly string[] }
  >;

  /** With what stands in the places to fill in. */
  const filledIn = (body: string | readonly string[], inside: string) =>
    [body]
      .flat()
      .join('\n')
      .replace(/\$\{\d+\|([^,|]+)[^}]*\}/g, '$1')
      .replace(/\$\{\d+:([^}]*)\}/g, '$1')
      .replaceAll('$0', inside);

  it('write a file that the compiler takes', () => {
    assert.doesNotThrow(() => lowerProgram({ path: 'snippet.amp', text: filledIn(snippets['A whole file']!.body, '') }));
  });

  it('write sections, stages and lines that fit into that file', () => {
    const whole = filledIn(snippets['A whole file']!.body, '');
    const text = (name: string, inside: string) => filledIn(snippets[name]!.body, inside);
    const block = `${text('Block', 'relu')}\n`;
    const stages = `${text('Convolution with batch norm', '')} ${text('Repeat', 'relu')} |> global_avg_pool`;
    const changed = block + whole.replace('|> global_avg_pool', stages.replace('as conv ', 'as conv_b ').replace('as bn ', 'as bn_b '));
    const kept = changed.replace('compute fp16', `compute fp16 ${text('Keep a layer', '').replace('layer', 'fc')}`);
    assert.doesNotThrow(() => lowerProgram({ path: 'snippets.amp', text: kept }));
  });
});
