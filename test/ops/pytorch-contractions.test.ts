import assert from 'node:assert/strict';
import { differentiate } from '../../src/autodiff/differentiate.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import type { ValueId } from '../../src/ir/types.js';
import { LayerContexts } from '../../src/lower/layer-context.js';
import { emit } from '../../src/ops/emit.js';
import { attentionLayer } from '../../src/ops/layers/attention.js';
import { maxPool2dLayer } from '../../src/ops/layers/window.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import fixture from '../fixtures/pytorch/contractions.json' with { type: 'json' };
import { assertClose, assertOp, operand } from './pytorch-values.js';

describe('PyTorch semantics of contractions', () => {
  it('conv2d with groups and dilation, and its gradients', () => {
    const c = fixture.conv2d_groups;
    const [x, weight, dy] = [operand(c.x), operand(c.weight), operand(c.dy)];
    const attrs = { stride: [1, 2], padding: [2, 2, 1, 1], dilation: [2, 3], groups: 2 };
    assertOp('conv2d', [x, weight, operand(c.bias)], attrs, c.y, 'y');
    assertOp('conv2d_input_grad', [dy, weight], { ...attrs, size: [7, 6] }, c.dx, 'dx');
    assertOp('conv2d_weight_grad', [x, dy], { ...attrs, kernel: [3, 2] }, c.dweight, 'dweight');
    assertOp('sum_to_channel', [dy], {}, c.dbias, 'dbias');
  });

  it('conv2d of each channel by itself, and its gradients', () => {
    const c = fixture.conv2d_depthwise;
    const [x, weight, dy] = [operand(c.x), operand(c.weight), operand(c.dy)];
    const attrs = { stride: [2, 2], padding: [1, 1, 1, 1], groups: 3 };
    assertOp('conv2d', [x, weight], attrs, c.y, 'y');
    assertOp('conv2d_input_grad', [dy, weight], { ...attrs, size: [5, 4] }, c.dx, 'dx');
    assertOp('conv2d_weight_grad', [x, dy], { ...attrs, kernel: [3, 3] }, c.dweight, 'dweight');
  });

  it('conv_transpose2d and its gradients', () => {
    const c = fixture.conv_transpose2d;
    const [x, weight, dy] = [operand(c.x), operand(c.weight), operand(c.dy)];
    const attrs = { stride: [2, 3], padding: [1, 1, 0, 0], groups: 2 };
    assertOp('conv_transpose2d', [x, weight, operand(c.bias)], { ...attrs, size: c.y.shape.slice(1, 3) }, c.y, 'y');
    assertOp('conv2d', [dy, weight], attrs, c.dx, 'dx');
    assertOp('conv2d_weight_grad', [dy, x], { ...attrs, kernel: [3, 2] }, c.dweight, 'dweight');
    assertOp('sum_to_channel', [dy], {}, c.dbias, 'dbias');
  });

  it('matmul of batches and its gradients', () => {
    const c = fixture.matmul;
    const [a, b, dy] = [operand(c.a), operand(c.b), operand(c.dy)];
    assertOp('matmul', [a, b], { transposed: 'b' }, c.y, 'y');
    assertOp('matmul', [dy, b], {}, c.da, 'da');
    assertOp('matmul', [dy, a], { transposed: 'a' }, c.db, 'db');
  });

  it('attention: what torch.nn.MultiheadAttention gives, and its gradients', () => {
    const { x, dy, y, dx, weights, gradients } = fixture.attention;
    const builder = new GraphBuilder();
    const state = (name: string, shape: readonly number[]) =>
      builder.add({ op: 'state', attrs: { name, role: 'parameter', init: 'constant', value: 0 }, type: { dtype: 'f32', shape } });
    const contexts = new LayerContexts({ builder, mode: 'eval', seed: 0 });
    const call = { input: state('x', x.shape), values: [], args: { heads: 3, dropout: 0.5 }, path: 'attn', loc: { line: 1, column: 1 } };
    const result = attentionLayer.build(contexts.for(call)) as ValueId;
    const found = differentiate(builder, { loss: result, seed: state('dy', dy.shape) });
    const graph = builder.finish('eval_step', { result, ...Object.fromEntries(found) });
    const given = { x, dy, ...Object.fromEntries(Object.entries(weights).map(([name, tensor]) => [`attn.${name}`, tensor])) };
    const states = new Map(Object.entries(given).map(([name, { data }]) => [name, Float64Array.from(data)]));
    const { values } = evaluateGraph(graph, {}, states, { float64: true });
    assertClose(values.get(result)!, y.data, 'y');
    assertClose(values.get(found.get('x')!)!, dx.data, 'dx');
    for (const [name, { data }] of Object.entries(gradients)) {
      // The bias of k moves all scores of a row alike, which changes nothing: its gradient is a rounding error in PyTorch.
      const scale = name === 'k.bias' ? Math.max(...fixture.attention.gradients['q.bias'].data.map(Math.abs)) : 0;
      assertClose(values.get(found.get(`attn.${name}`)!)!, data, name, scale === 0 ? undefined : (1e-6 * scale) / 1e-3);
    }
  });

  it('causal attention, of more queries than keys: what scaled_dot_product_attention gives, and its gradients', () => {
    const { q, k, v, y, dy, ...gradients } = fixture.causal_attention;
    const builder = new GraphBuilder();
    const state = (name: string, shape: readonly number[]) =>
      builder.add({ op: 'state', attrs: { name, role: 'parameter', init: 'constant', value: 0 }, type: { dtype: 'f32', shape } });
    const [queries, keys, values_] = [state('q', q.shape), state('k', k.shape), state('v', v.shape)];
    const scaled = emit(builder, 'scale', [queries], { factor: 1 / Math.sqrt(q.shape.at(-1)!) });
    const scores = emit(builder, 'matmul', [scaled, keys], { transposed: 'b' });
    const result = emit(builder, 'matmul', [emit(builder, 'softmax', [scores], { causal: true }), values_]);
    const found = differentiate(builder, { loss: result, seed: state('dy', dy.shape) });
    const graph = builder.finish('eval_step', { result, ...Object.fromEntries(found) });
    const states = new Map(Object.entries({ q, k, v, dy }).map(([name, { data }]) => [name, Float64Array.from(data)]));
    const { values } = evaluateGraph(graph, {}, states, { float64: true });
    assertClose(values.get(result)!, y.data, 'y');
    for (const name of ['q', 'k', 'v'] as const) assertClose(values.get(found.get(name)!)!, gradients[`d${name}`].data, `d${name}`);
  });

  for (const key of ['max_pool2d_ceil', 'max_pool2d_ceil_padded'] as const) {
    it(`${key.replaceAll('_', ' ')}: windows that reach beyond the image, and the gradient`, () => {
      const { options, x, dy, y, dx } = fixture[key];
      const builder = new GraphBuilder();
      const state = (name: string, shape: readonly number[]) =>
        builder.add({ op: 'state', attrs: { name, role: 'parameter', init: 'constant', value: 0 }, type: { dtype: 'f32', shape } });
      const { kernel_size: kernel, padding = 0, ...args } = options as typeof options & { padding?: number };
      const call = {
        input: state('x', x.shape),
        values: [],
        args: { kernel, padding, ...args },
        path: 'pool',
        loc: { line: 1, column: 1 },
      };
      const result = maxPool2dLayer.build(new LayerContexts({ builder, mode: 'eval', seed: 0 }).for(call)) as ValueId;
      assert.deepEqual(builder.type(result).shape, y.shape);
      const found = differentiate(builder, { loss: result, seed: state('dy', dy.shape) });
      const graph = builder.finish('eval_step', { result, dx: found.get('x')! });
      const states = new Map(Object.entries({ x, dy }).map(([name, { data }]) => [name, Float64Array.from(data)]));
      const { values } = evaluateGraph(graph, {}, states, { float64: true });
      assertClose(values.get(result)!, y.data, 'y');
      assertClose(values.get(found.get('x')!)!, dx.data, 'dx');
    });
  }
});
