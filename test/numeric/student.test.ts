import assert from 'node:assert/strict';
import { studentQuantile } from '../../src/numeric/student.js';

describe('studentQuantile', () => {
  // Two-sided, as tables of the t distribution publish them to three decimals.
  const published: readonly (readonly [number, number, string])[] = [
    [0.95, 1, '12.706'],
    [0.95, 2, '4.303'],
    [0.95, 3, '3.182'],
    [0.95, 4, '2.776'],
    [0.95, 9, '2.262'],
    [0.95, 30, '2.042'],
    [0.95, 120, '1.980'],
    [0.99, 1, '63.657'],
    [0.99, 2, '9.925'],
    [0.99, 9, '3.250'],
  ];
  for (const [confidence, degrees, expected] of published)
    it(`is ${expected} at ${confidence} with ${degrees} degrees`, () => {
      assert.equal(studentQuantile(confidence, degrees).toFixed(3), expected);
    });

  it("comes down to the normal distribution's with many degrees", () => {
    const values = Array.from({ length: 400 }, (_, index) => studentQuantile(0.95, index + 1));
    for (const [index, value] of values.entries()) if (index > 0) assert.ok(value < values[index - 1]!, `${index + 1} degrees`);
    assert.equal(studentQuantile(0.95, 1_000_000).toFixed(4), '1.9600');
  });
});
