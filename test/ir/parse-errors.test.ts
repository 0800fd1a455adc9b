import assert from 'node:assert/strict';
import fc from 'fast-check';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { parseGraph } from '../../src/ir/parse.js';
import { parsePlan } from '../../src/plan/parse.js';
import { printPlan } from '../../src/plan/print.js';
import { simpleCnn } from '../support/models.js';
import { planOf } from '../support/network.js';

function assertRefused(parse: () => unknown, message: RegExp): void {
  assert.throws(parse, (error) => {
    assert.ok(error instanceof UserError, String(error));
    assert.equal(error.diagnostics[0].code, 'AMP5001');
    assert.match(error.diagnostics[0].message, message);
    return true;
  });
}

/** A graph of one line, which stands in line 2. */
function graphWith(line: string): string {
  return `fn f(%x: f32[2,3]) -> (y: %0) {\n${line}\n}\n`;
}

const BROKEN_LINES: readonly (readonly [line: string, message: RegExp])[] = [
  ['  %0 relu %x : f32[2,3]', /line 2, column 6: expected "="/],
  ['  %0 = rellu %x : f32[2,3]', /line 2, column 8: expected an op of this version of ampc, not rellu/],
  ['  %0 = relu %y : f32[2,3]', /line 2, column 13: expected a value defined above, not %y/],
  ['  %0 = relu %0 : f32[2,3]', /line 2, column 13: expected a value defined above, not %0/],
  ['  %x = relu %x : f32[2,3]', /line 2, .*expected a new name, %x is defined twice/],
  ['  %0 = relu %x : f8[2,3]', /line 2, column 18: expected one of f32, f16/],
  ['  %0 = relu %x : f32[2,3', /line 2, column 25: expected ","/],
  ['  %0 = relu %x {slope=abc} : f32[2,3]', /line 2, column 23: expected a number/],
  ['  %0 = relu %x {slope 1} : f32[2,3]', /line 2, column 23: expected "="/],
  ['  %0 = relu %x {a="b} : f32[2,3]', /line 2, column 19: expected a quoted string/],
  ['  %0 = relu %x {a="\\q"} : f32[2,3]', /line 2, .*expected a quoted string/],
  ['  %0 = relu %x : f32[2,3] layer=conv1', /line 2, column 33: expected a quoted string/],
  ['  %0 = relu %x : f32[2,3] grad_of=%7', /line 2, .*expected a value defined above, not %7/],
  ['  %0 = relu %x : f32[2,3] whatever', /line 2, column 27: expected the end of the line/],
  ['  %0 = relu %x : f32[2,3] why="a" loc(3)', /line 2, column 40: expected ":"/],
  ['  %1 = relu %x : f32[2,3]', /line 3, .*expected a value defined above, not %0/],
];

describe('mistakes in the text form', () => {
  for (const [line, message] of BROKEN_LINES) {
    it(line.trim(), () => assertRefused(() => parseGraph(graphWith(line)), message));
  }

  it('names a missing signature, brace or text', () => {
    assertRefused(() => parseGraph(''), /empty/);
    assertRefused(() => parseGraph('%0 = relu %x : f32[]'), /line 1, column 1: expected "fn"/);
    assertRefused(() => parseGraph('fn f(%x: f32[2]) -> (y: %x)'), /line 1, column 28: expected "\{"/);
    assertRefused(() => parseGraph('fn f(%x: f32[2]) -> (y: %x) {\n  %0 = relu %x : f32[2]\n'), /line 2, .*expected "\}"/);
    assertRefused(() => parsePlan(''), /empty/);
    assertRefused(() => parsePlan('plan @Net policy=mixed'), /line 1, column 23: expected "precision="/);
    assertRefused(() => parsePlan('plan @Net policy=mixed precision=f17 backend=cpu'), /line 1, .*expected one of f32, f16, bf16/);
  });

  it('names mistakes in the groups of a plan', () => {
    const text = printPlan(planOf(simpleCnn));
    assertRefused(
      () => parsePlan(text.replace('contraction conv1 {', 'something conv1 {')),
      /line \d+, .*expected one of contraction, attention, map/,
    );
    assertRefused(() => parsePlan(text.replace('contraction conv1 {', 'contraction conv1')), /line \d+, .*expected "\{"/);
    assertRefused(() => parsePlan(text.trimEnd().slice(0, -1)), /line \d+, .*expected a closing "\}"/);
  });

  it('throws nothing but AMP5001, whatever is wrong', () => {
    const text = printPlan(planOf(simpleCnn));
    const change = fc.record({ at: fc.nat(text.length), length: fc.integer({ min: 0, max: 40 }), by: fc.string({ maxLength: 12 }) });
    fc.assert(
      fc.property(change, ({ at, length, by }) => {
        const broken = text.slice(0, at) + by + text.slice(at + length);
        try {
          parsePlan(broken);
        } catch (error) {
          assert.ok(error instanceof UserError && error.diagnostics[0].code === 'AMP5001', String(error));
        }
      }),
      { numRuns: 200 },
    );
  });
});
