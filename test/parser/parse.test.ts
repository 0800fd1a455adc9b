import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { renderDiagnostics } from '../../src/diagnostics/render.js';
import { LAYERS } from '../../src/lower/layers.js';
import { checkSource, lowerProgram } from '../../src/lower/lower.js';
import { SETTINGS } from '../../src/lower/settings.js';
import { AmpParser } from '../../src/parser/grammar.js';
import { parseAmp } from '../../src/parser/parse.js';
import { amount } from '../support/amount.js';
import { programs } from './programs.js';

const EXAMPLES = new URL('../../examples/', import.meta.url);
const examples = readdirSync(EXAMPLES)
  .filter((name) => name.endsWith('.amp'))
  .map((name) => readFileSync(new URL(name, EXAMPLES), 'utf8'));

/** Parses, checks and renders; whatever the text, the outcome is diagnostics inside it and never an exception. */
function survives(text: string): void {
  const source = { path: 'x.amp', text };
  const diagnostics = checkSource(source);
  for (const { span, related } of diagnostics) {
    for (const place of [span, ...(related ?? []).map((r) => r.span)]) {
      if (place === undefined) continue;
      assert.ok(place.start >= 0 && place.start <= place.end && place.end <= text.length, JSON.stringify(place));
    }
  }
  renderDiagnostics(diagnostics, source);
  if (diagnostics.some((d) => d.severity === 'error')) assert.throws(() => lowerProgram(source), UserError);
}

describe('the grammar', () => {
  it('has no ambiguities, which the parser does not look for when it is used', () => {
    new AmpParser(true);
  });
});

describe('parseAmp', () => {
  it('reads every generated program', () => {
    fc.assert(
      fc.property(programs, (text) => assert.deepEqual(parseAmp(text).diagnostics, [], text)),
      { numRuns: 200 },
    );
  });

  it('survives every generated program that means nothing', () => {
    fc.assert(fc.property(programs, survives), { numRuns: 200 });
  });

  it('survives deletions, insertions and swaps anywhere in the examples', () => {
    const junk = fc.constantFrom(
      '{',
      '}',
      '(',
      ')',
      '[',
      ']',
      ',',
      ':',
      '=',
      '|>',
      '|',
      '"',
      "'",
      '#',
      '.',
      '..',
      '->',
      '3x',
      'let',
      'as',
      'repeat',
      'if',
      'else',
      'model',
      'block',
      'keep',
      'in',
      'not',
      '-',
      ' ',
      '\n',
      '$',
      '€',
      '\u0000',
    );
    const edit = fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(12), fc.array(junk, { maxLength: 3 }));
    fc.assert(
      fc.property(fc.constantFrom(...examples), fc.array(edit, { minLength: 1, maxLength: 4 }), (example, edits) => {
        let text = example;
        for (const [place, remove, insert] of edits) {
          const at = Math.floor(place * text.length);
          text = text.slice(0, at) + insert.join('') + text.slice(at + remove);
        }
        survives(text);
      }),
      { numRuns: amount(150, 500) },
    );
  });

  it('survives every prefix of an example', () => {
    for (const example of examples) for (let end = 0; end < example.length; end += amount(23, 7)) survives(example.slice(0, end));
  });

  it('survives any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), survives), { numRuns: 300 });
  });

  it('survives deep and long input', function () {
    this.timeout(300_000);
    // Recovering from as many mistakes takes longest; the stack is full long before.
    const slow = amount(5_000, 20_000);
    survives(`let a = ${'('.repeat(50_000)}`);
    survives(`let a = ${'- '.repeat(slow)}1`);
    survives(`let a = ${'not '.repeat(20_000)}true`);
    survives(`let a = ${'1 + '.repeat(20_000)}1`);
    survives(`let a = ${'1 == not '.repeat(20_000)}true`);
    survives(`let a = x${'.channels'.repeat(20_000)}`);
    survives(`let a = x${'[0]'.repeat(20_000)}`);
    survives(`let a = if 1 == 1 { 1 } ${'else if 1 == 2 { 2 } '.repeat(5_000)} else { 3 }`);
    survives('model '.repeat(slow));
    survives('}'.repeat(20_000));
  });

  it('takes every argument of every layer by its name: none is a reserved word', () => {
    const taken = Object.entries(LAYERS).flatMap(([layer, { params }]) => params.map(({ name }) => `x |> ${layer}(${name}: 1)`));
    const refused = taken.filter((line) => parseAmp(`block B(x) { ${line} }`).diagnostics.length > 0);
    assert.deepEqual(refused, []);
  });

  it('takes every argument of every setting by its name', () => {
    const taken = Object.entries(SETTINGS).flatMap(([section, settings]) =>
      settings.flatMap(({ name, value }) => {
        if (value.kind === 'scalar') return [];
        const calls =
          value.kind === 'call'
            ? [{ call: name, params: value.params }]
            : value.choices.map((one) => ({ call: `${name} ${one.name}`, params: one.params }));
        return calls.flatMap(({ call, params }) =>
          params.map((param) => `${section}${section === 'dataset' ? ' d' : ''} { ${call}(${param.name}: 1) }`),
        );
      }),
    );
    assert.ok(taken.length > 60, `${taken.length} arguments`);
    assert.deepEqual(
      taken.filter((line) => parseAmp(line).diagnostics.length > 0),
      [],
    );
  });
});
