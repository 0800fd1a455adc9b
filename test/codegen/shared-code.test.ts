import assert from 'node:assert/strict';
import { canShare, isAlike } from '../../src/codegen/c/form.js';
import { arraySize, called, head, note, numberTable, OwnName, pairTable } from '../../src/codegen/c/kernel-code.js';
import { shareCode } from '../../src/codegen/c/shared-code.js';
import { type Code, emit, fixed, joined, spelled } from '../../src/codegen/code.js';

const self = new OwnName();
const ENTRIES = new Set(['', '_launch']);

interface Parts {
  readonly start?: number;
  readonly half?: string;
  readonly total?: string;
  readonly period?: number;
  readonly offsets?: 'int' | 'int8_t';
}

/** Rows of a matrix, each summed up through a table; of so many rows and columns. */
function kernel(rows: number, columns: number, runs: readonly number[], parts: Parts = {}): Code {
  const { start = 0, half = '0.5f', total = 'total', period = 8, offsets = 'int' } = parts;
  const table = offsets === 'int' ? numberTable('offsets', [columns * 3]) : `static const int8_t offsets[] = {${columns * 3}};`;
  return emit`${pairTable(
    self.and('_runs'),
    runs.map((run) => [0, run] as const),
  )}

${note`Sums ${columns} numbers.`}
${head('static float', self.and('_sum'), 'const float *row')}
  float ${total} = ${half};
  for (int c = ${start}; c < ${columns}; c++) ${total} += row[c + ${self.and('_runs')}[0][0]];
  return ${total};
}

${head('static float', self.and('_twice'), 'const float *row')} return 2.0f * ${called(self.and('_sum'), 'row')}; }

${head('static void', self, 'void *const *p, int64_t task')}
  ${table}
  float sums[${arraySize(rows)}];
  for (int64_t r = task / ${rows}; r < ${rows}; r++)
    sums[r] = ${called(self.and('_twice'), emit`(const float *)p[0] + r % ${fixed(period)} * ${columns} + offsets[0]`)};
  ((float *)p[1])[task] = sums[0];
}

${head('HIDDEN void', self.and('_launch'), 'ampc_context *ctx, void *const *p')}
  parallel_for(ctx, ${self}, p, ${rows});
}
`;
}

describe('code of kernels that differ in numbers', () => {
  it('is of one form when the numbers say how often or how far', () => {
    assert.ok(isAlike(kernel(4, 16, [5, 6]), kernel(9, 80, [7])));
  });

  for (const [what, other] of [
    ['a start', { start: 1 }],
    ['a number with a point', { half: '0.25f' }],
    ['a name', { total: 'total2' }],
    ['a divisor', { period: 4 }],
    ['a table of another type', { offsets: 'int8_t' }],
  ] as const) {
    it(`is of another form with another ${what.replace(/^an? /, '')}`, () => {
      assert.ok(!isAlike(kernel(4, 16, [5], other), kernel(4, 16, [5])));
    });
  }

  it('reads the numbers that differ from a table, once in each function, and hands it on in calls', () => {
    const { code, numbers } = shareCode([kernel(4, 16, [5, 6]), kernel(9, 80, [7])], ENTRIES, 2);
    const text = code('k');
    // Columns, the pairs of the longer table of runs, three times the columns, rows.
    const [first, second] = numbers as [number[], number[]];
    assert.equal(first.length, second.length);
    assert.match(text, /^static float k_sum\(const int \*numbers, const float \*row\) \{$/m);
    assert.match(text, /const int \(\*const k_runs\)\[2\] = \(const int \(\*\)\[2\]\)\(numbers \+ 0\);/);
    assert.deepEqual(
      [first.slice(0, 4), second.slice(0, 4)],
      [
        [0, 5, 0, 6],
        [0, 7, 0, 0],
      ],
    );
    assert.match(text, /k_sum\(numbers, row\)/);
    assert.match(text, /k_twice\(numbers, \(const float \*\)p\[0\]/);
    assert.equal([...text.matchAll(/const int \*const numbers = p\[2\];/g)].length, 2, 'the two entries find them behind their buffers');
    assert.match(text, /float sums\[9\];/);
    assert.match(text, /const int \*const offsets = numbers \+ \d+;/);
    assert.match(text, /r % 8 \*/);
    assert.match(text, /\* Sums 16 numbers\. \*/);
    assert.doesNotMatch(text, /static const int/);
    for (const [row, values] of [
      [first, [16, 48, 4]],
      [second, [80, 240, 9]],
    ] as const)
      for (const value of values) assert.ok(row.includes(value));
  });

  it('keeps numbers that all kernels have', () => {
    const { code, numbers } = shareCode([kernel(4, 16, [5]), kernel(4, 24, [5])], ENTRIES, 2);
    assert.deepEqual(numbers, [
      [16, 48],
      [24, 72],
    ]);
    assert.match(code('k'), /static const int k_runs\[\]\[2\] = \{\{0, 5\}\};/);
    assert.match(code('k'), /r < 4; r\+\+/);
  });

  it('is not shared where a function other than the entries is referred to without a call', () => {
    assert.ok(canShare(kernel(4, 16, [5]), ENTRIES));
    assert.ok(!canShare(emit`${kernel(4, 16, [5])}static const sum_function *all[] = {${self.and('_sum')}};\n`, ENTRIES));
  });
});

describe('generated code', () => {
  it('is text with its numbers in place', () => {
    const code = emit`for (i = ${0}; i < ${12}; i += ${-3}) ${joined([emit`a[${5}]`, 'b', 7], ' + ')} / ${fixed(9)};`;
    assert.equal(spelled(code), 'for (i = 0; i < 12; i += -3) a[5] + b + 7 / 9;');
    assert.ok(isAlike(code, emit`for (i = ${0}; i < ${99}; i += ${-4}) ${joined([emit`a[${6}]`, 'b', 8], ' + ')} / ${fixed(9)};`));
  });

  it('does not become text where that would lose its numbers', () => {
    assert.throws(() => `${emit`${12} times`}`, /keep its numbers/);
    assert.throws(() => [emit`${12} times`].join(), /keep its numbers/);
  });

  it('is plain text where it has no numbers', () => {
    assert.equal(emit`a ${'b'} ${1}`, 'a b 1');
    assert.equal(joined(['a', 'b'], ', '), 'a, b');
  });
});
