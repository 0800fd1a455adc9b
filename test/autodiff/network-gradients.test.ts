import assert from 'node:assert/strict';
import fc from 'fast-check';
import { buildTrainStep } from '../../src/autodiff/step.js';
import { lossPart } from '../../src/ir/graph-names.js';
import type { CrossEntropySpec, LossScaling } from '../../src/ir/program.js';
import type { Attrs, Shape } from '../../src/ir/types.js';
import { channelNorms, layerNorms, randomModel } from '../support/models.js';
import { type Model, type ModelWithHeads, type ProgramOptions, programOf, SGD } from '../support/network.js';
import { callInDoubles, type Doubles, initialDoubles, randomInputs } from '../support/run.js';

const STEP = 1e-6;
/** Elements of each parameter that are checked. */
const CHECKED = 6;

/** Convolution, pool, activations, batch norm, dropout, a sum, a concat, and values that are used several times. */
const everything: Model = ({ image, call }) => {
  let x = call('conv2d', image, { channels: 4, kernel: 3, padding: 1 });
  x = call('gelu', call('max_pool2d', x, { kernel: 2 }));
  const y = call('silu', call('batch_norm', call('conv2d', x, { channels: 4, kernel: 3, padding: 'same', bias: false })));
  x = call('add', x, {}, { values: [y] });
  x = call('concat', x, {}, { values: [y, call('avg_pool2d', call('mul', x, {}, { values: [x] }), { kernel: 3, stride: 1, padding: 1 })] });
  x = call('dropout', call('tanh', call('linear', call('flatten', x), { features: 6 })), { rate: 0.3 });
  return call('linear', call('sub', call('scale', x, { factor: 2 }), {}, { values: [call('sigmoid', x)] }), { features: 10 });
};

/** Convolutions with groups and dilation, a transposed one, sequences, products of matrices and attention. */
const contractions: Model = ({ image, call }) => {
  let x = call('conv2d', image, { channels: 4, kernel: 3, padding: 'same', dilation: 2, groups: 2 });
  x = call('conv_transpose2d', call('depthwise_conv2d', x, { kernel: 3, multiplier: 2, stride: 2, padding: 1 }), {
    ...{ channels: 6, kernel: 2, stride: 2, groups: 2 },
  });
  const rows = call('linear', call('reshape', call('adaptive_avg_pool2d', x, { size: 3 }), { shape: [9, 6] }), { features: 6 });
  const mixed = call('matmul', call('matmul', rows, { transpose: true }, { values: [rows] }), {}, { values: [rows] });
  const attended = call('attention', call('tanh', mixed), { heads: 2, dropout: 0.2 });
  return call('linear', call('flatten', call('attention', attended, { heads: 3, causal: true })), { features: 10 });
};

interface Step {
  readonly loss: number;
  /** Of a loss that is a sum of several. */
  readonly parts: Readonly<Record<string, number>>;
  /** By parameter: what sgd at rate 1 takes off is the gradient. */
  readonly gradients: ReadonlyMap<string, Float64Array>;
}

function differentiated(model: Model | ModelWithHeads, options: ProgramOptions, scaling: LossScaling, seed: number) {
  const program = programOf(model, { image: [6, 6, 2], ...options, train: { optimizer: SGD, ...options.train } });
  const graph = buildTrainStep(program.train, program.recipe, scaling, program.recipe.train.batch);
  const inputs = randomInputs(program, seed, { lr: 1 });
  const parameters = graph.nodes.filter((node) => node.attrs.role === 'parameter').map((node) => String(node.attrs.name));
  const run = (states: Doubles): Step => {
    const after: Doubles = new Map(states);
    const { loss, ...others } = callInDoubles(graph, inputs, after);
    const parts = Object.entries(others).flatMap(([output, value]) => (lossPart(output) === undefined ? [] : [[lossPart(output)!, value]]));
    const gradients = parameters.map((name): [string, Float64Array] => {
      const before = states.get(name)!;
      return [name, Float64Array.from(after.get(name)!, (w, i) => before[i] - w)];
    });
    return { loss: loss!, parts: Object.fromEntries(parts), gradients: new Map(gradients) };
  };
  return { run, states: initialDoubles(graph), parameters, label: inputs.label as Int32Array };
}

/** Compares the gradients of a training step with central differences of its loss. */
function assertGradients(
  model: Model | ModelWithHeads,
  options: ProgramOptions = {},
  seed = 1,
  scaling: LossScaling = { kind: 'none' },
): void {
  const { run, states, parameters } = differentiated(model, options, scaling, seed);
  const { gradients } = run(states);
  for (const name of parameters) {
    const weights = states.get(name)!;
    const stride = Math.max(1, Math.floor(weights.length / CHECKED));
    for (let i = seed % stride; i < weights.length; i += stride) {
      const kept = weights[i];
      const lossAt = (w: number) => {
        weights[i] = w;
        return run(states).loss;
      };
      const expected = (lossAt(kept + STEP) - lossAt(kept - STEP)) / (2 * STEP);
      weights[i] = kept;
      const actual = gradients.get(name)![i];
      assert.ok(Math.abs(actual - expected) <= 1e-6 + 1e-5 * Math.abs(expected), `${name}[${i}]: ${actual}, by differences ${expected}`);
    }
  }
}

describe('gradients of whole networks against central differences', () => {
  it('a network with every kind of join', () => assertGradients(everything, { batch: 3 }));

  it('a network of contractions of every kind', () => assertGradients(contractions, { batch: 2 }));

  it('a network whose batch norm has statistics that are frozen', () => {
    const model: Model = ({ image, call }) => {
      const x = call('tanh', call('conv2d', image, { channels: 4, kernel: 3 }));
      return call('linear', call('flatten', call('silu', call('batch_norm', x, { eps: 0.3 }))), { features: 10 });
    };
    const patterns = [{ apply: (_: string, __: Shape, attrs: Attrs) => attrs, freezesStatistic: () => true }];
    assertGradients(model, { batch: 3, patterns });
  });

  it('label smoothing', () =>
    assertGradients(everything, { train: { loss: { kind: 'cross_entropy', labelSmoothing: 0.1, reduction: 'mean' } } }));

  it('binary cross entropy', () => assertGradients(everything, { train: { loss: { kind: 'binary_cross_entropy', reduction: 'mean' } } }));
  it('mean squared error', () => assertGradients(everything, { train: { loss: { kind: 'mse', reduction: 'mean' } } }));

  const autoencoder: Model = ({ image, call }) => {
    const code = call('tanh', call('conv2d', image, { channels: 4, kernel: 2, stride: 2 }));
    return call('conv_transpose2d', call('batch_norm', code), { channels: 2, kernel: 2, stride: 2 });
  };
  for (const kind of ['mse', 'huber'] as const)
    it(`${kind} against the image`, () => {
      const loss = { kind, reduction: 'mean', target: 'image', delta: 0.4 } as const;
      assertGradients(autoencoder, { batch: 2, train: { loss } });
    });

  const weighted: CrossEntropySpec = {
    ...{ kind: 'cross_entropy', labelSmoothing: 0.1, reduction: 'mean' },
    weights: Array.from({ length: 10 }, (_, label) => 0.2 + label / 3),
    ignore: 4,
  };
  const heads: ModelWithHeads = ({ image, call }) => {
    const trunk = call('tanh', call('conv2d', image, { channels: 4, kernel: 2, stride: 2 }));
    const deep = call('silu', call('conv2d', trunk, { channels: 3, kernel: 3 }));
    const early = call('linear', call('global_avg_pool', trunk), { features: 10 });
    const again = call('conv_transpose2d', trunk, { channels: 2, kernel: 2, stride: 2 });
    return { logits: call('linear', call('flatten', deep), { features: 10 }), aux: { early, again } };
  };
  for (const reduction of ['mean', 'sum'] as const)
    it(`losses of several values, one of them a ${reduction}`, () => {
      const auxLosses = [
        { of: 'early', weight: 0.3, loss: { kind: 'cross_entropy', labelSmoothing: 0.1, weights: weighted.weights!, reduction } },
        { of: 'again', weight: 2, loss: { kind: 'mse', target: 'image', reduction: 'mean' } },
      ] as const;
      const { run, states, label } = differentiated(heads, { batch: 3, train: { auxLosses } }, { kind: 'none' }, 2);
      const { loss, parts } = run(states);
      assert.deepEqual(Object.keys(parts), ['model', 'early', 'again']);
      assert.ok(Math.abs(loss - (parts.model! + 0.3 * parts.early! + 2 * parts.again!)) < 1e-12, 'their sum is reported');
      if (reduction === 'mean') assertGradients(heads, { batch: 3, train: { auxLosses } }, 2);
      else {
        // The sum of the early head's loss is as many times its mean as the labels of the batch weigh.
        const counts = [...label].reduce((total, one) => total + weighted.weights![one]!, 0);
        const [, ...others] = auxLosses;
        const mean = { ...auxLosses[0], weight: 0.3 * counts, loss: { ...auxLosses[0].loss, reduction: 'mean' } } as const;
        const same = differentiated(heads, { batch: 3, train: { auxLosses: [mean, ...others] } }, { kind: 'none' }, 2).run(states);
        for (const [name, gradient] of run(states).gradients)
          for (const [i, g] of gradient.entries()) assert.ok(Math.abs(g - same.gradients.get(name)![i]!) < 1e-9 * (1 + Math.abs(g)), name);
      }
    });

  it('a mean by weights, of which some labels are ignored', () => assertGradients(everything, { batch: 5, train: { loss: weighted } }));
  it('focal', () => assertGradients(everything, { train: { loss: { kind: 'focal', gamma: 2, alpha: 0.25, reduction: 'mean' } } }));

  it('of a sum are those of the mean times what it is the mean of, whatever the micro-batches', () => {
    for (const loss of [weighted, { kind: 'huber', delta: 0.3, reduction: 'mean' }] as const) {
      const none = { kind: 'none' } as const;
      const train = { loss: { ...loss, reduction: 'sum' } } as const;
      const sum = differentiated(everything, { batch: 5, train }, none, 3);
      const mean = differentiated(everything, { batch: 5, train: { loss } }, none, 3);
      const scale =
        loss.kind === 'huber' ? 5 * 10 : [...sum.label].reduce((total, label) => total + (label === 4 ? 0 : weighted.weights![label]!), 0);
      const [a, b] = [sum.run(sum.states), mean.run(mean.states)];
      assert.equal(a.loss, b.loss, 'the mean is reported');
      for (const [name, gradient] of a.gradients) {
        for (const [i, g] of gradient.entries())
          assert.ok(Math.abs(g - scale * b.gradients.get(name)![i]) <= 1e-9 * (1 + Math.abs(g)), name);
      }
    }
  });

  it('a network of layer norms', () => assertGradients(layerNorms, { batch: 2 }));
  it('a network of norms by channel', () => assertGradients(channelNorms, { batch: 2 }));

  it('a value that is both operands of one op', () => {
    assertGradients(({ image, call }) => {
      const x = call('tanh', call('linear', call('flatten', image), { features: 10 }));
      return call('mul', call('add', x, {}, { values: [x] }), {}, { values: [x] });
    });
  });

  it('random networks', () => {
    // Where a random network has a kink within the step, differences mean nothing: the seeds are those that have none.
    for (let seed = 0; seed < 25; seed += 1) assertGradients(randomModel(seed), { batch: 2 }, seed);
  });

  it('loss scaling changes no gradient', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 16 }), (exponent) => {
        const plain = differentiated(everything, {}, { kind: 'none' }, 1);
        const scaled = differentiated(everything, {}, { kind: 'static', scale: 2 ** exponent }, 1);
        const expected = plain.run(plain.states).gradients;
        for (const [name, gradient] of scaled.run(scaled.states).gradients) {
          for (const [i, g] of gradient.entries()) assert.ok(Math.abs(g - expected.get(name)![i]) < 1e-12, name);
        }
      }),
      { numRuns: 5 },
    );
  });

  it('clipping scales all gradients by one factor, down to the norm that is allowed', () => {
    const norm = (gradients: Step['gradients']) => Math.hypot(...[...gradients.values()].flatMap((g) => [...g]));
    const plain = differentiated(everything, {}, { kind: 'none' }, 1);
    const expected = plain.run(plain.states).gradients;
    const max = norm(expected) / 3;
    for (const scaling of [{ kind: 'none' }, { kind: 'static', scale: 1024 }] satisfies LossScaling[]) {
      const clipped = differentiated(everything, { train: { clip: max } }, scaling, 1);
      const { gradients } = clipped.run(clipped.states);
      assert.ok(Math.abs(norm(gradients) - max) < 1e-5 * max);
      for (const [name, gradient] of gradients)
        for (const [i, g] of gradient.entries()) assert.ok(Math.abs(3 * g - expected.get(name)![i]) < 1e-5);
      const loose = differentiated(everything, { train: { clip: 6 * max } }, scaling, 1);
      for (const [name, gradient] of loose.run(loose.states).gradients) {
        for (const [i, g] of gradient.entries()) assert.ok(Math.abs(g - expected.get(name)![i]) < 1e-12, 'unchanged below the limit');
      }
    }
  });
});
