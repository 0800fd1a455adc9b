import assert from 'node:assert/strict';
import { pairedSeconds, quickest, repeatsFor, takeTurns } from '../../src/costs/timing.js';
import { namedRandom } from '../ops/random.js';

const seconds = (values: readonly number[]) => values.map((value) => ({ seconds: value }));

describe('timing in turns', () => {
  it('keeps the ratio of two contestants under disturbances that last, and under short ones', () => {
    const random = namedRandom('disturbed', 1);
    const [fast, slow]: [number[], number[]] = [[], []];
    for (let turn = 0; turn < 100; turn += 1) {
      // For three quarters of the time the machine runs at half its speed, and every tenth call is interrupted.
      const pace = turn < 75 ? 2 : 1;
      const call = (time: number) => time * pace + (random.int(0, 9) === 0 ? 5 : 0);
      for (let i = 0; i < 5; i += 1) {
        fast.push(call(1));
        slow.push(call(1.04));
      }
    }
    const [a, b] = pairedSeconds([seconds(fast), seconds(slow)], 5);
    assert.ok(Math.abs(b / a - 1.04) < 1e-9);
    assert.ok(Math.abs(a - 1) < 1e-9, 'at the speed of the quiet machine');
  });

  it('takes the quickest tenth, two at least', () => {
    assert.deepEqual(quickest(seconds([5, 3, 4, 1])), seconds([1, 3]));
    assert.equal(quickest(seconds(Array.from({ length: 50 }, (_, i) => i))).length, 5);
  });

  it('calls everybody equally often, in rows whose first call is not counted', async () => {
    const calls: string[] = [];
    const run = (name: string) => async () => calls.push(name);
    const samples = await takeTurns([run('a'), run('b')], { warmup: 1, steps: 4, row: 2 });
    assert.equal(calls.join(''), 'aaabbb'.repeat(3));
    assert.deepEqual(
      samples.map(({ length }) => length),
      [4, 4],
    );
  });

  it('repeats short calls often, long ones in single file', () => {
    assert.ok(repeatsFor(0.001).steps > 1000);
    assert.deepEqual(repeatsFor(2), { warmup: 1, steps: 4, row: 1 });
  });
});
