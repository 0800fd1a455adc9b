import assert from 'node:assert/strict';
import type { Attrs } from '../../src/ir/types.js';
import fixture from '../fixtures/pytorch/ops.json' with { type: 'json' };
import { bool, evaluateOp, float, integers, scalar } from './evaluate-op.js';
import { assertClose, assertOp, operand } from './pytorch-values.js';

describe('PyTorch semantics', () => {
  it('conv2d and its gradients', () => {
    const c = fixture.conv2d;
    const [x, weight, dy] = [operand(c.x), operand(c.weight), operand(c.dy)];
    const attrs = { stride: [2, 1], padding: [1, 1, 1, 1] };
    assertOp('conv2d', [x, weight, operand(c.bias)], attrs, c.y, 'y');
    assertOp('conv2d_input_grad', [dy, weight], { ...attrs, size: [5, 6] }, c.dx, 'dx');
    assertOp('conv2d_weight_grad', [x, dy], { ...attrs, kernel: [3, 2] }, c.dweight, 'dweight');
    assertOp('sum_to_channel', [dy], {}, c.dbias, 'dbias');
  });

  it('max_pool2d and its gradient', () => {
    const c = fixture.max_pool2d;
    const attrs = { window: [3, 3], stride: [2, 2], padding: [1, 1, 1, 1] };
    assertOp('max_pool2d', [operand(c.x)], attrs, c.y, 'y');
    const index = evaluateOp('max_pool2d_index', [operand(c.x)], attrs);
    assertOp('max_pool2d_grad', [operand(c.dy), index], { ...attrs, size: [6, 5] }, c.dx, 'dx');
  });

  it('avg_pool2d and its gradient', () => {
    const c = fixture.avg_pool2d;
    const attrs = { window: [3, 3], stride: [2, 2], padding: [1, 1, 1, 1] };
    assertOp('avg_pool2d', [operand(c.x)], attrs, c.y, 'y');
    assertOp('avg_pool2d_grad', [operand(c.dy)], { ...attrs, size: [6, 5] }, c.dx, 'dx');
  });

  it('batch_norm as trained: results, gradients and running statistics', () => {
    const { weight, bias, steps } = fixture.batch_norm;
    const eps = { eps: 1e-5 };
    let runningMean = float([3], [0, 0, 0]);
    let runningVariance = float([3], [1, 1, 1]);
    for (const step of steps) {
      const [x, dy] = [operand(step.x), operand(step.dy)];
      const mean = evaluateOp('channel_mean', [x]);
      const variance = evaluateOp('channel_variance', [x, mean]);
      assertOp('batch_norm', [x, mean, variance, operand(weight), operand(bias)], eps, step.y, 'y');
      const dweight = assertOp('batch_norm_weight_grad', [x, dy, mean, variance], eps, step.dweight, 'dweight');
      const dbias = assertOp('sum_to_channel', [dy], {}, step.dbias, 'dbias');
      assertOp('batch_norm_input_grad', [dy, x, mean, variance, operand(weight), dweight, dbias], eps, step.dx, 'dx');
      const update = { momentum: 0.1, writes: ['running'] };
      runningMean = assertOp('running_update', [runningMean, mean], { ...update, correction: 1 }, step.running_mean, 'running mean');
      runningVariance = assertOp(
        'running_update',
        [runningVariance, variance],
        { ...update, correction: 24 / 23 },
        step.running_var,
        'running variance',
      );
    }
  });

  for (const key of ['layer_norm_image', 'layer_norm_features'] as const) {
    it(`${key.replace('norm_', 'norm of ')} and its gradients`, () => {
      const c = fixture[key];
      const [x, weight, dy] = [operand(c.x), operand(c.weight), operand(c.dy)];
      const statistics = evaluateOp('layer_norm_statistics', [x], { eps: 1e-5 });
      assertOp('layer_norm', [x, statistics, weight, operand(c.bias)], {}, c.y, 'y');
      assertOp('layer_norm_weight_grad', [x, dy, statistics], {}, c.dweight, 'dweight');
      assertOp('layer_norm_input_grad', [dy, x, statistics, weight], {}, c.dx, 'dx');
      assertOp('sum_to_channel', [dy], {}, c.dbias, 'dbias');
    });
  }

  it('layer_norm about 0: RMSNorm and its gradients', () => {
    const c = fixture.rms_norm;
    const [x, weight, dy] = [operand(c.x), operand(c.weight), operand(c.dy)];
    const center = { center: false };
    const statistics = evaluateOp('layer_norm_statistics', [x], { eps: 1.1920929e-7, ...center });
    assertOp('layer_norm', [x, statistics, weight, float([5], Array(5).fill(0))], center, c.y, 'y');
    assertOp('layer_norm_weight_grad', [x, dy, statistics], {}, c.dweight, 'dweight');
    assertOp('layer_norm_input_grad', [dy, x, statistics, weight], center, c.dx, 'dx');
  });

  for (const name of ['sum', 'mean', 'max'] as const) {
    it(`${name} over two axes and its gradient`, () => {
      const c = fixture[name];
      const [x, dy] = [operand(c.x), operand(c.dy)];
      const axes = [1, 2];
      const y = assertOp(name, [x], { axes, keep: false }, c.y, 'y');
      if (name === 'max') {
        const ties = evaluateOp('max_ties', [x, y], { axes, keep: false });
        assert.ok(Math.max(...ties.elements) > 1);
        assertOp('max_grad', [dy, x, y, ties], { axes }, c.dx, 'dx');
      } else {
        const kept = { ...dy, type: { ...dy.type, shape: [2, 1, 1, 5] } };
        if (name === 'sum') assertOp('broadcast', [kept], { shape: c.x.shape }, c.dx, 'dx');
        else assertOp('mean_grad', [dy], { axes, shape: c.x.shape }, c.dx, 'dx');
      }
    });
  }

  for (const key of ['cross_entropy_0', 'cross_entropy_0.1'] as const) {
    it(`${key.replace('_0', ' with label smoothing 0')}`, () => {
      const c = fixture[key];
      const operands = [operand(c.logits), integers([5], c.label)];
      const attrs = { label_smoothing: c.label_smoothing };
      assertClose(evaluateOp('cross_entropy', operands, attrs).elements, [c.loss], 'loss');
      assertOp('cross_entropy_grad', [...operands, scalar(1)], attrs, c.dlogits, 'dlogits');
    });
  }

  it('mse against one-hot labels', () => {
    const c = fixture.mse;
    const operands = [operand(c.x), integers([5], c.label)];
    assertClose(evaluateOp('mse', operands).elements, [c.loss], 'loss');
    assertOp('mse_grad', [...operands, scalar(1)], {}, c.dx, 'dx');
  });

  const weights = [0.5, 1, 2, 0.25, 3, 1.5, 1];
  for (const [key, op, attrs] of [
    ['cross_entropy_by_target', 'cross_entropy', { label_smoothing: 0 }],
    ['cross_entropy_smooth_by_target', 'cross_entropy', { label_smoothing: 0.1 }],
    ['cross_entropy_weights_by_target', 'cross_entropy', { label_smoothing: 0.1, weights }],
    ['mse_by_target', 'mse', {}],
    ['l1_by_target', 'l1', {}],
    ['huber_by_target', 'huber', { delta: 0.7 }],
    ['binary_cross_entropy_by_target', 'binary_cross_entropy', {}],
  ] as const) {
    it(key.replaceAll('_', ' '), () => {
      const c = fixture[key];
      const [x, label, target] = [operand(c.x), integers([5], [0, 1, 2, 3, 4]), operand(c.target)];
      assertClose(evaluateOp(op, [x, label, target], attrs).elements, [c.loss], 'loss');
      assertOp(`${op}_grad`, [x, label, scalar(1), target], attrs, c.dx, 'dx');
    });
  }

  it('binary_cross_entropy against one-hot labels', () => {
    const c = fixture.binary_cross_entropy;
    const operands = [operand(c.logits), integers([5], c.label)];
    assertClose(evaluateOp('binary_cross_entropy', operands).elements, [c.loss], 'loss');
    assertOp('binary_cross_entropy_grad', [...operands, scalar(1)], {}, c.dlogits, 'dlogits');
  });

  for (const key of ['weights', 'ignore', 'all', 'sum'] as const) {
    it(`cross_entropy by the weights of the classes: ${key}`, () => {
      const c = fixture[`cross_entropy_${key}`];
      const operands = [operand(c.logits), integers([5], c.label)];
      const weighting = { ...(c.weights !== null && { weights: c.weights }), ...(c.ignore !== null && { ignore: c.ignore }) };
      const attrs = { label_smoothing: c.label_smoothing, ...weighting };
      // The op's own mean is over the rows.
      const factor = key === 'sum' ? 5 : 1 / evaluateOp('label_weight', operands, weighting).elements[0]!;
      assertClose(Float64Array.of(evaluateOp('cross_entropy', operands, attrs).elements[0]! * factor), [c.loss], 'loss');
      assertOp('cross_entropy_grad', [...operands, scalar(factor)], attrs, c.dlogits, 'dlogits');
    });
  }

  it('cross_entropy by weights, where no label is left, is NaN there and 0 here', () => {
    const c = fixture.cross_entropy_none_left;
    assert.equal(c.loss, 'nan');
    const operands = [operand(c.logits), integers([5], c.label)];
    const weighting = { weights: c.weights, ignore: c.ignore };
    assert.equal(evaluateOp('label_weight', operands, weighting).elements[0], 0);
    assert.equal(evaluateOp('cross_entropy', operands, { label_smoothing: c.label_smoothing, ...weighting }).elements[0], 0);
  });

  for (const [name, attrs] of [
    ['l1', {}],
    ['huber', { delta: 0.7 }],
    ['focal', { gamma: 2, alpha: 0.25 }],
  ] as const) {
    it(`${name} against one-hot labels`, () => {
      const c = fixture[name];
      const operands = [operand(c.x), integers([5], c.label)];
      assertClose(evaluateOp(name, operands, attrs).elements, [c.loss], 'loss');
      assertOp(`${name}_grad`, [...operands, scalar(1)], attrs, c.dx, 'dx');
    });
  }

  for (const name of ['relu', 'relu6', 'gelu', 'silu', 'sigmoid', 'tanh', 'leaky_relu', 'softmax', 'log_softmax'] as const) {
    it(`${name} and its gradient`, () => {
      const c = fixture[name];
      const attrs: Attrs = name === 'leaky_relu' ? { slope: 0.1 } : {};
      const y = assertOp(name, [operand(c.x)], attrs, c.y, 'y');
      const saved = ['gelu', 'silu', 'leaky_relu'].includes(name) ? operand(c.x) : y;
      assertOp(`${name}_grad`, [operand(c.dy), saved], attrs, c.dx, 'dx');
    });
  }

  for (const name of ['exp', 'log', 'sqrt', 'abs', 'pow_3', 'pow_-2', 'pow_1.5', 'pow_-0.3', 'pow_0'] as const) {
    it(`${name.replace('_', ' to the ')} and its gradient`, () => {
      const c = fixture[name];
      const [op, exponent] = name.split('_') as ['exp', string | undefined];
      const attrs: Attrs = exponent === undefined ? {} : { exponent: Number(exponent) };
      const y = assertOp(op, [operand(c.x)], attrs, c.y, 'y');
      assertOp(`${op}_grad`, [operand(c.dy), ['exp', 'sqrt'].includes(op) ? y : operand(c.x)], attrs, c.dx, 'dx');
    });
  }

  for (const [name, op, attrs] of [
    ['hardswish', 'hardswish', {}],
    ['hardsigmoid', 'hardsigmoid', {}],
    ['elu', 'elu', { alpha: 0.7, scale: 1, input_scale: 1 }],
    ['selu', 'elu', { alpha: 1.6732632423543772, scale: 1.0507009873554805, input_scale: 1 }],
    ['celu', 'elu', { alpha: 0.5, scale: 1, input_scale: 2 }],
    ['mish', 'mish', {}],
    ['softplus', 'softplus', { beta: 2, threshold: 5 }],
    ['softsign', 'softsign', {}],
    ['gelu_tanh', 'gelu', { approximate: 'tanh' }],
  ] as const) {
    it(`${name} and its gradient`, () => {
      const c = fixture[name];
      assertOp(op, [operand(c.x)], attrs, c.y, 'y');
      assertOp(`${op}_grad`, [operand(c.dy), operand(c.x)], attrs, c.dx, 'dx');
    });
  }

  it('div and its gradients', () => {
    const c = fixture.div;
    const [a, b, dy] = [operand(c.a), operand(c.b), operand(c.dy)];
    const y = assertOp('div', [a, b], {}, c.y, 'y');
    assertOp('div_dividend_grad', [dy, b], {}, c.da, 'da');
    assertOp('div_divisor_grad', [dy, y, b], {}, c.db, 'db');
  });

  for (const name of ['maximum', 'minimum'] as const) {
    it(`${name} and its gradients, halved where the operands are equal`, () => {
      const c = fixture[name];
      const [a, b, dy] = [operand(c.a), operand(c.b), operand(c.dy)];
      assertOp(name, [a, b], {}, c.y, 'y');
      assertOp(`${name}_grad`, [dy, a, b], {}, c.da, 'da');
      assertOp(`${name}_grad`, [dy, b, a], {}, c.db, 'db');
    });
  }

  for (const name of ['sgd', 'sgd_weight_decay', 'sgd_momentum', 'sgd_nesterov'] as const) {
    it(`${name} over five steps`, () => {
      const { options, start, gradients, weights } = fixture[name];
      const { lr, momentum = 0, nesterov = false, weight_decay = 0 } = options as Record<string, number> & { nesterov?: boolean };
      const writes = momentum === 0 ? ['w'] : ['w', 'buf'];
      let [w, buf] = [operand(start), float([6], Array(6).fill(0))];
      for (const [step, g] of gradients.entries()) {
        const operands = [w, float([6], g), scalar(lr), ...(momentum === 0 ? [] : [buf])];
        const result = evaluateOp('sgd', operands, { momentum, nesterov, weight_decay, guarded: false, writes });
        assertClose(result.elements, weights[step], `weights after step ${step + 1}`, 5e-7);
        w = result;
        if (momentum !== 0) buf = { type: w.type, elements: result.writes.get('buf')! };
      }
    });
  }

  for (const name of ['adam', 'adam_weight_decay', 'adamw'] as const) {
    it(`${name} over five steps`, () => {
      const { options, start, gradients, weights } = fixture[name];
      const { lr, betas, eps, weight_decay = 0 } = options as { lr: number; betas: [number, number]; eps: number; weight_decay?: number };
      const attrs = { beta1: betas[0], beta2: betas[1], eps, weight_decay, guarded: false, writes: ['w', 'm', 'v'] };
      let [w, m, v] = [operand(start), float([6], Array(6).fill(0)), float([6], Array(6).fill(0))];
      for (const [step, g] of gradients.entries()) {
        const result = evaluateOp(name === 'adamw' ? 'adamw' : 'adam', [w, float([6], g), m, v, scalar(lr), integers([], [step])], attrs);
        assertClose(result.elements, weights[step], `weights after step ${step + 1}`, 5e-7);
        w = result;
        m = { type: w.type, elements: result.writes.get('m')! };
        v = { type: w.type, elements: result.writes.get('v')! };
      }
    });
  }

  for (const name of ['adam_amsgrad', 'adamw_amsgrad'] as const) {
    it(`${name} over five steps`, () => {
      const { options, start, gradients, weights } = fixture[name];
      const [beta1, beta2] = options.betas as [number, number];
      const { lr, eps, weight_decay } = options;
      const attrs = { beta1, beta2, eps, amsgrad: true, weight_decay, guarded: false, writes: ['w', 'm', 'v', 'largest'] };
      const zero = float([6], Array(6).fill(0));
      let [w, m, v, largest] = [operand(start), zero, zero, zero];
      for (const [step, g] of gradients.entries()) {
        const operands = [w, float([6], g), m, v, scalar(lr), integers([], [step]), largest];
        const result = evaluateOp(name === 'adamw_amsgrad' ? 'adamw' : 'adam', operands, attrs);
        assertClose(result.elements, weights[step], `weights after step ${step + 1}`, 5e-7);
        w = result;
        [m, v, largest] = ['m', 'v', 'largest'].map((slot) => ({ type: w.type, elements: result.writes.get(slot)! })) as [
          typeof w,
          typeof w,
          typeof w,
        ];
      }
    });
  }

  for (const name of ['rmsprop', 'rmsprop_momentum', 'rmsprop_centered', 'rmsprop_all'] as const) {
    it(`${name} over five steps`, () => {
      const { options, start, gradients, weights } = fixture[name];
      const { lr, alpha, eps, ...others } = options;
      const { momentum, centered, weight_decay } = { momentum: 0, centered: false, weight_decay: 0, ...others };
      const names = ['v', ...(centered ? ['m'] : []), ...(momentum === 0 ? [] : ['buf'])];
      const attrs = { alpha, eps, momentum, centered, weight_decay, guarded: false, writes: ['w', ...names] };
      let w = operand(start);
      let slots = names.map(() => float([6], Array(6).fill(0)));
      for (const [step, g] of gradients.entries()) {
        const [v, ...rest] = slots;
        const result = evaluateOp('rmsprop', [w, float([6], g), v!, scalar(lr), ...rest], attrs);
        assertClose(result.elements, weights[step], `weights after step ${step + 1}`, 5e-7);
        w = result;
        slots = names.map((slot) => ({ type: w.type, elements: result.writes.get(slot)! }));
      }
    });
  }

  for (const name of ['lion', 'lion_weight_decay'] as const) {
    it(`${name} over five steps, by the formula of its paper`, () => {
      const { options, start, rates, gradients, weights, means } = fixture[name];
      const [beta1, beta2] = options.betas;
      const attrs = { beta1, beta2, weight_decay: options.weight_decay, guarded: false, writes: ['w', 'm'] };
      let [w, m] = [operand(start), float([6], Array(6).fill(0))];
      for (const [step, g] of gradients.entries()) {
        const result = evaluateOp('lion', [w, float([6], g), m, scalar(rates[step])], attrs);
        assertClose(result.elements, weights[step], `weights after step ${step + 1}`, 5e-7);
        assertClose(result.writes.get('m')!, means[step], `mean after step ${step + 1}`, 5e-7);
        w = result;
        m = { type: w.type, elements: result.writes.get('m')! };
      }
    });
  }

  for (const name of ['average_ema', 'average_ema_low', 'average_swa'] as const) {
    it(`${name} over five steps, as AveragedModel`, () => {
      const share = { average_ema: 1 - 0.9, average_ema_low: 1 - 0.3, average_swa: 1 }[name];
      const attrs = { mean: name === 'average_swa', writes: ['avg'] };
      let average = float([2, 3], Array(6).fill(7));
      for (const [n, step] of fixture[name].steps.entries())
        average = assertOp(
          'update_average',
          [average, operand(step.w), integers([], [n]), scalar(share)],
          attrs,
          step.average,
          `step ${n + 1}`,
        );
    });
  }

  it('lookahead over five steps, by the formula of its paper', () => {
    const [first] = fixture.lookahead.steps;
    let slow = operand(first!.w);
    for (const [n, step] of fixture.lookahead.steps.entries()) {
      const result = evaluateOp('look_ahead', [slow, operand(step.w), scalar(step.share)], { writes: ['slow', 'w'] });
      assertClose(result.elements, step.slow.data, `slow weights of step ${n + 1}`);
      assert.deepEqual(result.writes.get('w'), result.elements, `weights behind step ${n + 1}`);
      slow = result;
    }
  });

  it('averages stay where none is due, and where a step is skipped', () => {
    const [average, w, n] = [float([2], [1, 2]), float([2], [5, 6]), integers([], [3])];
    for (const [share, ok] of [
      [0, true],
      [0.5, false],
    ] as const) {
      const given = [scalar(share), bool(ok)];
      assert.deepEqual([...evaluateOp('update_average', [average, w, n, ...given], { mean: true, writes: ['avg'] }).elements], [1, 2]);
      const { elements, writes } = evaluateOp('look_ahead', [average, w, ...given], { writes: ['slow', 'w'] });
      assert.deepEqual(
        [[...elements], [...writes.get('w')!]],
        [
          [1, 2],
          [5, 6],
        ],
      );
      assert.equal(evaluateOp('count_average', [n, ...given], { writes: ['n'] }).elements[0], 3);
    }
    assert.equal(evaluateOp('count_average', [n, scalar(0.5), bool(true)], { writes: ['n'] }).elements[0], 4);
  });

  it('update_scale follows GradScaler', () => {
    const { init, growth, backoff, interval, steps } = fixture.grad_scaler;
    const attrs = { growth, backoff, interval, floor: 0, cap: 2 ** 100, writes: ['scale', 'tracker', 'skips'] };
    let [scale, tracker, skips] = [scalar(init), integers([], [0]), integers([], [0])];
    for (const [i, step] of steps.entries()) {
      const result = evaluateOp('update_scale', [scale, tracker, skips, bool(step.ok)], attrs);
      assert.equal(result.elements[0], step.scale, `scale after step ${i + 1}`);
      assert.equal(result.writes.get('tracker')![0], step.tracker, `tracker after step ${i + 1}`);
      scale = result;
      tracker = { type: tracker.type, elements: result.writes.get('tracker')! };
      skips = { type: skips.type, elements: result.writes.get('skips')! };
    }
    assert.equal(skips.elements[0], 1);
  });

  for (const name of ['clip', 'no_clip'] as const) {
    it(`${name === 'clip' ? 'clips' : 'does not clip'} gradients by their global norm`, () => {
      const { max, norm, before, after } = fixture[name];
      const total = evaluateOp('global_norm', before.map(operand));
      assertClose(total.elements, [norm], 'norm');
      for (const [i, g] of before.entries()) assertOp('clip_by_norm', [operand(g), total], { max }, after[i], `gradient ${i}`);
    });
  }
});
