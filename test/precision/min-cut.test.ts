import assert from 'node:assert/strict';
import { chooseFormats, costOf, FlowNetwork, type FormatProblem } from '../../src/precision/min-cut.js';
import { namedRandom } from '../ops/random.js';

function randomProblem(seed: number): FormatProblem {
  const random = namedRandom('formats', seed);
  const count = random.int(1, 10);
  const cost = () => random.pick([0, 1, random.int(0, 20), random.real(0, 10)]);
  const units = Array.from({ length: count }, () => {
    const forced = random.int(0, 9);
    return { low: forced === 0 ? Infinity : cost(), full: forced === 1 ? Infinity : cost() };
  });
  const casts = Array.from({ length: random.int(0, 2 * count) }, () => ({
    maker: random.int(0, count - 1),
    readers: Array.from({ length: random.int(1, 3) }, () => random.int(0, count - 1)),
    widen: cost(),
    narrow: cost(),
  }));
  return { units, casts };
}

function cheapest(problem: FormatProblem): number {
  let least = Infinity;
  for (let bits = 0; bits < 2 ** problem.units.length; bits += 1) {
    const low = problem.units.map((_, unit) => ((bits >> unit) & 1) === 1);
    least = Math.min(least, costOf(problem, low));
  }
  return least;
}

describe('minimum cut', () => {
  it('finds the flow of a network with a bottleneck and a way back', () => {
    const network = new FlowNetwork();
    const [s, a, b, t] = Array.from({ length: 4 }, () => network.addNode());
    network.addArc(s, a, 3);
    network.addArc(s, b, 2);
    network.addArc(a, b, 1, 5);
    network.addArc(a, t, 1);
    network.addArc(b, t, 10);
    const { flow, reached } = network.cut(s, t);
    assert.equal(flow, 4);
    assert.deepEqual(reached, [true, true, false, false]);
  });

  it('chooses formats as cheaply as any choice, on random graphs', () => {
    for (let seed = 0; seed < 2000; seed += 1) {
      const problem = randomProblem(seed);
      const { low, cost } = chooseFormats(problem);
      assert.equal(cost, costOf(problem, low));
      assert.ok(Number.isFinite(cost), `seed ${seed}: a format that is not allowed`);
      assert.ok(cost <= cheapest(problem) + 1e-9, `seed ${seed}: ${cost}, at best ${cheapest(problem)}`);
    }
  });

  it('pays a cast once, however many read it', () => {
    const full = { low: Infinity, full: 0 };
    const units = [{ low: 0, full: 3 }, full, full, full];
    const casts = [{ maker: 0, readers: [1, 2, 3], widen: 2, narrow: 2 }];
    assert.deepEqual(chooseFormats({ units, casts }), { low: [true, false, false, false], cost: 2 });
  });

  it('solves a chain of 5,000 layers', () => {
    const units = Array.from({ length: 5000 }, (_, i) => (i % 100 < 50 ? { low: 1, full: 2 } : { low: 2, full: 1 }));
    const casts = Array.from({ length: 4999 }, (_, i) => ({ maker: i, readers: [i + 1], widen: 10, narrow: 10 }));
    assert.equal(chooseFormats({ units, casts }).cost, 5000 + 99 * 10);
  });

  it('refuses a unit that no format is allowed for', () => {
    assert.throws(() => chooseFormats({ units: [{ low: Infinity, full: Infinity }], casts: [] }), /no format is allowed for unit 0/);
  });
});
