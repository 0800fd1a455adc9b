import assert from 'node:assert/strict';
import { CASES, measure } from '../../bench/filtering-error.js';

describe("errors of Winograd's filtering", function () {
  this.timeout(120_000);

  it('with f32 operands are no larger than those of the plain sum', async () => {
    for (const { sum, kernel, plain } of await measure(CASES[0]!, 'f32')) assert.ok(kernel.rms < 1.05 * plain.rms, `${sum}: ${kernel.rms}`);
  });

  it("with 16-bit operands stay far below the operands' own rounding", async () => {
    for (const { sum, kernel, plain } of await measure(CASES[0]!, 'f16')) {
      assert.ok(kernel.rms < 3 * plain.rms, `${sum}: ${kernel.rms}`);
      assert.ok(kernel.max < 0.02 * 2 ** -11, `${sum}: ${kernel.max}`);
    }
  });
});
