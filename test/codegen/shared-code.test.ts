import assert from 'node:assert/strict';
import { type Form, formOf } from '../../src/codegen/c/form.js';
import { canShare, shareCode } from '../../src/codegen/c/shared-code.js';

const ENTRIES = new Set(['@', '@_launch']);

/** Rows of a matrix, each summed up through a table; of so many rows and columns. */
function kernel(rows: number, columns: number, runs: readonly number[]): string {
  return `static const int @_runs[][2] = {${runs.map((run) => `{0, ${run}}`).join(', ')}};

/* Sums ${columns} numbers. */
static float @_sum(const float *row) {
  float total = 0.5f;
  for (int c = 0; c < ${columns}; c++) total += row[c + @_runs[0][0]];
  return total;
}

static float @_twice(const float *row) { return 2.0f * @_sum(row); }

static void @(void *const *p, int64_t task) {
  static const int offsets[] = {${columns * 3}};
  float sums[${rows}];
  for (int64_t r = task / ${rows}; r < ${rows}; r++) sums[r] = @_twice((const float *)p[0] + r % 8 * ${columns} + offsets[0]);
  ((float *)p[1])[task] = sums[0];
}

HIDDEN void @_launch(ampc_context *ctx, void *const *p) {
  parallel_for(ctx, @, p, ${rows});
}
`;
}

describe('code of kernels that differ in numbers', () => {
  it('is of one form when the numbers say how often or how far', () => {
    assert.equal(formOf(kernel(4, 16, [5, 6])).key, formOf(kernel(9, 80, [7])).key);
  });

  for (const [what, other] of [
    ['a start', ['int c = 0', 'int c = 1']],
    ['a number with a point', ['0.5f', '0.25f']],
    ['a name', ['total', 'total2']],
    ['a divisor', ['% 8', '% 4']],
    ['a table of another type', ['static const int offsets', 'static const int8_t offsets']],
  ] as const) {
    it(`is of another form with another ${what.replace(/^an? /, '')}`, () => {
      const code = kernel(4, 16, [5]);
      const changed = code.replaceAll(other[0], other[1]);
      assert.notEqual(changed, code);
      assert.notEqual(formOf(changed).key, formOf(code).key);
    });
  }

  it('reads the numbers that differ from a table, once in each function, and hands it on in calls', () => {
    const { code, numbers } = shareCode([formOf(kernel(4, 16, [5, 6])), formOf(kernel(9, 80, [7]))], ENTRIES, 2);
    // Columns, the pairs of the longer table of runs, three times the columns, rows.
    const [first, second] = numbers as [number[], number[]];
    assert.equal(first.length, second.length);
    assert.match(code, /^static float @_sum\(const int \*numbers, const float \*row\) \{$/m);
    assert.match(code, /const int \(\*const @_runs\)\[2\] = \(const int \(\*\)\[2\]\)\(numbers \+ 0\);/);
    assert.deepEqual(
      [first.slice(0, 4), second.slice(0, 4)],
      [
        [0, 5, 0, 6],
        [0, 7, 0, 0],
      ],
    );
    assert.match(code, /@_sum\(numbers, row\)/);
    assert.match(code, /@_twice\(numbers, \(const float \*\)p\[0\]/);
    assert.equal([...code.matchAll(/const int \*const numbers = p\[2\];/g)].length, 2, 'the two entries find them behind their buffers');
    assert.match(code, /float sums\[9\];/);
    assert.match(code, /const int \*const offsets = numbers \+ \d+;/);
    assert.doesNotMatch(code, /static const int/);
    for (const [row, values] of [
      [first, [16, 48, 4]],
      [second, [80, 240, 9]],
    ] as const)
      for (const value of values) assert.ok(row.includes(value));
  });

  it('keeps numbers that all kernels have', () => {
    const { code, numbers } = shareCode([formOf(kernel(4, 16, [5])), formOf(kernel(4, 24, [5]))], ENTRIES, 2);
    assert.deepEqual(numbers, [
      [16, 48],
      [24, 72],
    ]);
    assert.match(code, /static const int @_runs\[\]\[2\] = \{\{0, 5\}\};/);
    assert.match(code, /r < 4; r\+\+/);
  });

  it('is not shared where a function other than the entries is referred to without a call', () => {
    assert.ok(canShare(kernel(4, 16, [5]), ENTRIES));
    assert.ok(!canShare(`${kernel(4, 16, [5])}static const sum_function *@_all[] = {@_sum};\n`, ENTRIES));
  });

  it('is whole again with the numbers of a kernel in place', () => {
    const texts = [kernel(4, 16, [5]), kernel(9, 80, [7])];
    const between = ({ between, slots }: Form) => between.flatMap((text, i) => [text, slots[i]?.text ?? '']).join('');
    for (const text of texts) assert.equal(between(formOf(text)), text);
  });
});
