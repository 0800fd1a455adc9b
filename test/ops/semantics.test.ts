import assert from 'node:assert/strict';
import type { Attrs } from '../../src/ir/types.js';
import { bool, evaluateOp, float, integers, scalar } from './evaluate-op.js';

describe('max_pool2d', () => {
  const attrs = { window: [1, 2], stride: [1, 2], padding: [0, 0, 0, 0] };
  const x = float([1, 1, 8, 1], [3, 3, NaN, 1, 1, NaN, -Infinity, -Infinity]);

  it('lets a NaN win', () => {
    assert.deepEqual([...evaluateOp('max_pool2d', [x], attrs).elements], [3, NaN, NaN, -Infinity]);
  });

  it('names the first of equal values, and the first NaN', () => {
    assert.deepEqual([...evaluateOp('max_pool2d_index', [x], attrs).elements], [0, 0, 1, 0]);
    const twoNaNs = float([1, 1, 2, 1], [NaN, NaN]);
    assert.deepEqual([...evaluateOp('max_pool2d_index', [twoNaNs], attrs).elements], [0]);
  });

  it('counts window positions from the padded corner', () => {
    const padded = { window: [3, 3], stride: [2, 2], padding: [1, 1, 1, 1] };
    assert.deepEqual([...evaluateOp('max_pool2d_index', [float([1, 1, 1, 1], [-5])], padded).elements], [4]);
  });
});

describe('padding rows', () => {
  const logits = float([2, 3], [1, 2, 3, 4, 5, 6]);

  for (const [loss, attrs] of [
    ['cross_entropy', { label_smoothing: 0.1 }],
    ['cross_entropy', { label_smoothing: 0.1, weights: [1, 2, 0.5], ignore: 0 }],
    ['mse', {}],
    ['l1', {}],
    ['huber', { delta: 1 }],
    ['binary_cross_entropy', {}],
    ['focal', { gamma: 2, alpha: 0.25 }],
  ] as const) {
    it(`add nothing to ${loss} but count in its divisor`, () => {
      const alone = evaluateOp(loss, [float([1, 3], [1, 2, 3]), integers([1], [2])], attrs as Attrs);
      const padded = evaluateOp(loss, [logits, integers([2], [2, -1])], attrs as Attrs);
      assert.equal(padded.elements[0], Math.fround(alone.elements[0] / 2));
      const gradient = evaluateOp(`${loss}_grad`, [logits, integers([2], [2, -1]), scalar(1)], attrs as Attrs);
      assert.deepEqual([...gradient.elements.slice(3)], [0, 0, 0]);
    });
  }

  it('never count as correct', () => {
    assert.equal(evaluateOp('correct_count', [logits, integers([2], [2, -1])]).elements[0], 1);
  });
});

describe('correct_count', () => {
  it('takes the first maximum of a row, and no row with a NaN', () => {
    const logits = float([4, 2], [1, 1, 1, 1, NaN, 2, 0, 2]);
    assert.equal(evaluateOp('correct_count', [logits, integers([4], [0, 1, 1, 1])]).elements[0], 2);
  });
});

describe('dropout', () => {
  const attrs = { rate: 0.25, seed: 3, salt: 5 };
  const ones = float([4000], Array(4000).fill(1));
  const at = (step: number, others: Attrs = {}) => [
    ...evaluateOp('dropout', [ones, integers([], [step])], { ...attrs, ...others }).elements,
  ];

  it('keeps the mean: about a quarter is zero, the rest is 4 / 3', () => {
    const y = at(0);
    const zeros = y.filter((value) => value === 0).length;
    assert.ok(zeros > 900 && zeros < 1100, `${zeros} zeros`);
    assert.ok(y.every((value) => value === 0 || value === Math.fround(4 / 3)));
  });

  it('draws anew for every step, salt and seed, and the same for the same', () => {
    assert.deepEqual(at(7), at(7));
    for (const other of [at(8), at(7, { salt: 6 }), at(7, { seed: 4 })]) assert.notDeepEqual(other, at(7));
  });
});

describe('skipped updates', () => {
  const [w, g, no] = [float([3], [1, 2, 3]), float([3], [Infinity, NaN, 1]), bool(false)];

  it('leave weights and optimizer state as they are', () => {
    const m = float([3], [0.1, 0.2, 0.3]);
    const adam = evaluateOp('adam', [w, g, m, m, scalar(0.1), integers([], [4]), no], {
      beta1: 0.9,
      beta2: 0.999,
      eps: 1e-8,
      weight_decay: 0.1,
      guarded: true,
      writes: ['w', 'm', 'v'],
    });
    assert.deepEqual(adam.elements, w.elements);
    assert.deepEqual([...adam.writes.values()], [w.elements, m.elements, m.elements]);
    const sgd = evaluateOp('sgd', [w, g, scalar(0.1), m, no], {
      momentum: 0.9,
      nesterov: false,
      weight_decay: 0,
      guarded: true,
      writes: ['w', 'buf'],
    });
    assert.deepEqual([...sgd.writes.values()], [w.elements, m.elements]);
    const lion = evaluateOp('lion', [w, g, m, scalar(0.1), no], {
      beta1: 0.9,
      beta2: 0.99,
      weight_decay: 0.1,
      guarded: true,
      writes: ['w', 'm'],
    });
    assert.deepEqual([...lion.writes.values()], [w.elements, m.elements]);
  });

  it('do not count, and do not move running statistics', () => {
    assert.equal(evaluateOp('advance', [integers([], [4]), no], { writes: ['t'] }).elements[0], 4);
    assert.equal(evaluateOp('advance', [integers([], [4])], { writes: ['t'] }).elements[0], 5);
    const running = evaluateOp('running_update', [w, g, no], { momentum: 0.1, correction: 1, writes: ['running'] });
    assert.deepEqual(running.elements, w.elements);
  });
});

describe('lion', () => {
  it('steps by the rate whatever the size of the mean, not at all where it is 0, and hands on a NaN', () => {
    const [w, m] = [float([4], [1, 1, 1, 1]), float([4], [0, 0, 0, 0])];
    const attrs = { beta1: 0.9, beta2: 0.99, weight_decay: 0, guarded: false, writes: ['w', 'm'] };
    const { elements } = evaluateOp('lion', [w, float([4], [1e-20, -1e20, 0, NaN]), m, scalar(0.25)], attrs);
    assert.deepEqual([...elements], [0.75, 1.25, 1, NaN]);
  });
});

describe('update_scale', () => {
  const attrs = { growth: 2, backoff: 0.5, interval: 2, floor: 4, cap: 32, writes: ['scale', 'tracker', 'skips'] };
  const next = (scale: number, tracker: number, skips: number, ok: boolean, others: Attrs = {}) => {
    const { writes } = evaluateOp('update_scale', [scalar(scale), integers([], [tracker]), integers([], [skips]), bool(ok)], {
      ...attrs,
      ...others,
    });
    return [...writes.values()].map((elements) => elements[0]);
  };

  it('stops at the floor and counts skips in a row', () => {
    assert.deepEqual(next(6, 1, 3, false), [4, 0, 4]);
  });

  it('stops at the cap, and at the largest number', () => {
    assert.deepEqual(next(24, 1, 5, true), [32, 0, 0]);
    assert.deepEqual(next(2 ** 127, 1, 0, true, { cap: 2 ** 127 }), [2 ** 127, 0, 0]);
  });
});

describe('all_finite', () => {
  it('sees infinities and NaN anywhere', () => {
    const good = float([3], [0, -1e38, 1e-45]);
    assert.equal(evaluateOp('all_finite', [good, good]).elements[0], 1);
    for (const bad of [Infinity, -Infinity, NaN]) assert.equal(evaluateOp('all_finite', [good, float([2], [0, bad])]).elements[0], 0);
  });
});

describe('layer_norm', () => {
  const [weight, bias] = [float([3], [2, -1, 0.5]), float([3], [4, 5, 6])];
  const normed = (rows: number, x: readonly number[]) => {
    const value = float([rows, 3], x);
    const statistics = evaluateOp('layer_norm_statistics', [value], { eps: 1e-5 });
    return { value, statistics, y: [...evaluateOp('layer_norm', [value, statistics, weight, bias]).elements] };
  };

  it('makes the shift of a position whose channels are all equal', () => {
    assert.deepEqual(normed(2, [7, 7, 7, -1e30, -1e30, -1e30]).y, [4, 5, 6, 4, 5, 6]);
  });

  it('keeps infinities and NaN within their position', () => {
    const { value, statistics, y } = normed(3, [1, NaN, 2, 3, 3, 3, 1, Infinity, 2]);
    assert.deepEqual(y, [NaN, NaN, NaN, 4, 5, 6, NaN, NaN, NaN]);
    const dy = float([3, 3], Array(9).fill(1));
    const dx = evaluateOp('layer_norm_input_grad', [dy, value, statistics, weight]).elements;
    assert.deepEqual(
      [...dx].map(Number.isFinite),
      [0, 1, 2].flatMap((row) => Array(3).fill(row === 1)),
    );
  });
});

describe('reductions over axes', () => {
  const both = { axes: [1], keep: false };

  it('take a NaN for the largest, and share its gradient evenly by equal ones', () => {
    const x = float([3, 3], [1, 4, 4, NaN, 2, 5, -Infinity, -Infinity, -Infinity]);
    const y = evaluateOp('max', [x], both);
    assert.deepEqual([...y.elements], [4, NaN, -Infinity]);
    const ties = evaluateOp('max_ties', [x, y], both);
    assert.deepEqual([...ties.elements], [2, 0, 3]);
    const dx = evaluateOp('max_grad', [float([3], [1, 1, 3]), x, y, ties], { axes: [1] });
    assert.deepEqual([...dx.elements], [0, 0.5, 0.5, 0, 0, 0, 1, 1, 1]);
  });

  it('keep a mean finite whose sum is not', () => {
    const x = float([1, 4], Array(4).fill(3e38));
    assert.equal(evaluateOp('sum', [x], both).elements[0], Infinity);
    assert.equal(evaluateOp('mean', [x], both).elements[0], Math.fround(3e38));
  });
});

describe('slice and concat', () => {
  it('undo each other on an inner axis', () => {
    const x = float(
      [2, 3, 2],
      Array.from({ length: 12 }, (_, i) => i),
    );
    const parts = [
      [0, 1],
      [1, 2],
    ].map(([start, size]) => evaluateOp('slice', [x], { axis: 1, start, size }));
    assert.deepEqual([...parts[0].elements], [0, 1, 6, 7]);
    assert.deepEqual(evaluateOp('concat', parts, { axis: 1 }).elements, x.elements);
  });
});

describe('functions of any number', () => {
  const of = (op: 'log' | 'sqrt' | 'exp' | 'abs_grad', ...x: readonly number[]) => [
    ...evaluateOp(op, op === 'abs_grad' ? [float([x.length], Array(x.length).fill(5)), float([x.length], x)] : [float([x.length], x)])
      .elements,
  ];

  it('are infinite or no number where they have no value', () => {
    assert.deepEqual(of('log', 0, -1, Infinity, 1), [-Infinity, NaN, Infinity, 0]);
    assert.deepEqual(of('sqrt', 0, -1, Infinity), [0, NaN, Infinity]);
    assert.deepEqual(of('exp', 89, -110, NaN), [Infinity, 0, NaN]);
  });

  it('have no slope at the kink of abs', () => {
    assert.deepEqual(of('abs_grad', -2, 0, 2), [-5, 0, 5]);
  });

  it('let a NaN win a maximum and a minimum', () => {
    const [a, b] = [float([3], [NaN, 1, 1]), float([3], [1, NaN, 2])];
    assert.deepEqual([...evaluateOp('maximum', [a, b]).elements], [NaN, NaN, 2]);
    assert.deepEqual([...evaluateOp('minimum', [a, b]).elements], [NaN, NaN, 1]);
  });
});
