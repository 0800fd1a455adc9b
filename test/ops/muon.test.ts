import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { addOptimizer } from '../../src/autodiff/optimizer.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import type { MuonRate, OptimizerSpec } from '../../src/ir/optimizer.js';
import { emit } from '../../src/ops/emit.js';
import { explainLayers } from '../../src/plan/explain.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import type { Elements } from '../../src/runtime/reference/kernel.js';
import { type Model, planOf } from '../support/network.js';
import { assertClose } from './pytorch-values.js';

/** Of ops.py: weights as [inputs, outputs] behind each step, by PyTorch and by the formula in f64. */
interface Case {
  readonly shape: readonly number[];
  readonly start: readonly number[];
  readonly gradients: readonly (readonly number[])[];
  readonly weights: readonly (readonly number[])[];
  readonly formula: readonly (readonly number[])[];
  readonly renormalize: boolean;
  readonly options: {
    readonly lr: number;
    readonly momentum: number;
    readonly nesterov: boolean;
    readonly ns_steps: number;
    readonly eps: number;
    readonly weight_decay: number;
    readonly adjust_lr_fn: MuonRate | null;
  };
}

const NAMES = ['muon_wide', 'muon_tall', 'muon_rms', 'muon_renormalized'] as const;
const fixture = JSON.parse(readFileSync(new URL('../fixtures/pytorch/ops.json', import.meta.url), 'utf8')) as Record<string, Case>;

function specOf({ options, renormalize }: Case): OptimizerSpec {
  const { lr, momentum, nesterov, ns_steps, eps, weight_decay, adjust_lr_fn } = options;
  const adjust = renormalize ? 'none' : (adjust_lr_fn ?? 'original');
  return { kind: 'muon', lr, momentum, nesterov, steps: ns_steps, eps, weightDecay: weight_decay, adjust, renormalize };
}

/** The weight behind each step, by the lines that the optimizer adds to a step, in f32. `shape`: of the weight, with as many elements. */
function train(one: Case, shape: readonly number[]): readonly Elements[] {
  const builder = new GraphBuilder();
  const type = { dtype: 'f32', shape } as const;
  const w = builder.add({ op: 'state', attrs: { name: 'fc.weight', role: 'parameter', init: 'constant', value: 0 }, type });
  const gradient = builder.add({ op: 'input', attrs: { name: 'g' }, type });
  const kept = emit(builder, 'scale', [gradient], { factor: 1 }, { gradOf: w });
  const parameter = { name: 'fc.weight', node: builder.node(w), gradient: kept };
  addOptimizer(builder, [parameter], { train: { optimizer: specOf(one) }, precision: {} }, undefined);
  const graph = builder.finish('step', {});
  let states = new Map<string, Elements>([['fc.weight', Float32Array.from(one.start)]]);
  if (one.options.momentum !== 0) states.set('fc.weight.momentum', new Float32Array(one.start.length));
  return one.gradients.map((g) => {
    const { writes } = evaluateGraph(graph, { g: Float32Array.from(g), lr: Float32Array.of(one.options.lr) }, states);
    states = new Map([...states, ...writes]);
    return states.get('fc.weight')!;
  });
}

describe('muon', () => {
  for (const name of NAMES) {
    it(`${name} over four steps, by the formula of its paper, and as PyTorch, which rounds to bf16`, () => {
      const one = fixture[name]!;
      const made = train(one, one.shape);
      for (const [step, weights] of made.entries()) {
        assertClose(weights, one.formula[step]!, `step ${step + 1} by the formula`, 2e-5);
        if (!one.renormalize) assertClose(weights, one.weights[step]!, `step ${step + 1} of PyTorch`, 0.02);
      }
    });
  }

  it('takes the window and the inputs of a convolution for the rows of its matrix', () => {
    const one = fixture.muon_wide!;
    assert.deepEqual(one.shape, [9, 4]);
    assert.deepEqual(train(one, [3, 1, 3, 4]), train(one, [9, 4]));
  });

  it('has its lines in the explanation of the layer whose weight it updates, and in no other one', () => {
    const model: Model = ({ image, call }) => {
      const x = call('flatten', call('conv2d', image, { channels: 4, kernel: 3, bias: false }, { as: 'conv' }));
      return call('linear', x, { features: 10, bias: false }, { as: 'fc' });
    };
    const plan = planOf(model, { image: [5, 5, 3], precision: { compute: 'bf16' }, train: { optimizer: specOf(fixture.muon_wide!) } });
    for (const layer of ['conv', 'fc']) {
      const [explanation] = explainLayers(plan, layer);
      const products = explanation!.lines.filter(({ text }) => text.includes(' = matmul '));
      assert.equal(products.length, 3 * 5);
      for (const { phase, text } of products) {
        assert.equal(phase, 'update');
        assert.match(text, new RegExp(`: bf16\\[.* update_of=%${layer}\\.weight `));
      }
    }
  });
});
