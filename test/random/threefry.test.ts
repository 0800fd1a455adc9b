import assert from 'node:assert/strict';
import { initialState } from '../../src/random/initial.js';
import { permutation } from '../../src/random/permutation.js';
import { fnv1a32, threefry2x32, uniform01, uniformAt } from '../../src/random/threefry.js';

describe('threefry2x32', () => {
  it('gives the known answers of Random123 for 20 rounds', () => {
    assert.deepEqual(threefry2x32(0, 0, 0, 0), [0x6b200159, 0x99ba4efe]);
    assert.deepEqual(threefry2x32(0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff), [0x1cb996fc, 0xbb002be7]);
    assert.deepEqual(threefry2x32(0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3), [0xc4923a9c, 0x483df7a0]);
  });

  it('gives uniform numbers with the mean and variance they should have', () => {
    const count = 20_000;
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < count; i += 1) {
      const u = uniformAt(7, 9, i, 3);
      assert.ok(u >= 0 && u < 1 && Math.fround(u) === u);
      sum += u;
      squares += u * u;
    }
    assert.ok(Math.abs(sum / count - 1 / 2) < 0.01);
    assert.ok(Math.abs(squares / count - 1 / 3) < 0.01);
  });

  it('maps words to [0, 1)', () => {
    assert.equal(uniform01(0), 0);
    assert.equal(uniform01(0x80000000), 0.5);
    assert.equal(uniform01(0xffffffff), 1 - 2 ** -24);
  });
});

describe('fnv1a32', () => {
  it('gives the published hashes', () => {
    assert.equal(fnv1a32(''), 0x811c9dc5);
    assert.equal(fnv1a32('a'), 0xe40c292c);
    assert.equal(fnv1a32('foobar'), 0xbf9cf968);
  });
});

describe('initialState', () => {
  it('depends on the name and the seed, not on the length', () => {
    const state = { name: 'conv1.weight', init: 'uniform' as const, value: 0.25 };
    const values = initialState(state, [101], 3);
    assert.deepEqual(initialState(state, [100], 3), values.slice(0, 100));
    assert.notDeepEqual(initialState(state, [101], 4), values);
    assert.notDeepEqual(initialState({ ...state, name: 'conv2.weight' }, [101], 3), values);
    assert.ok(values.every((x) => x >= -0.25 && x < 0.25));
    assert.ok(Math.min(...values) < -0.2 && Math.max(...values) > 0.2);
  });

  it('fills constants', () => {
    assert.deepEqual(initialState({ name: 'scaler.scale', init: 'constant', value: 65536 }, [], 0), Float32Array.of(65536));
  });
});

describe('permutation', () => {
  it('holds every number once, in an order of its own for every seed and epoch', () => {
    const order = permutation(1000, 1, 2);
    assert.deepEqual(
      [...order].sort((a, b) => a - b),
      [...order.keys()],
    );
    assert.deepEqual(permutation(1000, 1, 2), order);
    assert.notDeepEqual(permutation(1000, 1, 3), order);
    assert.notDeepEqual(permutation(1000, 2, 2), order);
  });

  it('is fair: each of the orders of three comes up about as often', () => {
    const counts = new Map<string, number>();
    for (let epoch = 0; epoch < 6000; epoch += 1) {
      const key = permutation(3, 5, epoch).join();
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    assert.equal(counts.size, 6);
    for (const count of counts.values()) assert.ok(count > 850 && count < 1150, `${count}`);
  });
});
