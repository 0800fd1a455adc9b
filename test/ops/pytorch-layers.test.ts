import { GraphBuilder } from '../../src/ir/builder.js';
import type { ValueId } from '../../src/ir/types.js';
import { joinUpdates } from '../../src/lower/joined-updates.js';
import { LayerContexts } from '../../src/lower/layer-context.js';
import type { LayerContext, LayerDefinition } from '../../src/ops/layer.js';
import { preluLayer } from '../../src/ops/layers/activation.js';
import { maximumLayer, minimumLayer } from '../../src/ops/layers/arithmetic.js';
import { batchNormLayer } from '../../src/ops/layers/norm.js';
import { maxLayer, meanLayer, sumLayer } from '../../src/ops/layers/reduce.js';
import { adaptiveAvgPool2dLayer, adaptiveMaxPool2dLayer, avgPool2dLayer } from '../../src/ops/layers/window.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import fixture from '../fixtures/pytorch/layers.json' with { type: 'json' };
import { checkLayer } from './pytorch-layer.js';
import { assertClose } from './pytorch-values.js';

describe('PyTorch semantics of layers', () => {
  it('PReLU', () => checkLayer(preluLayer, {}, fixture.prelu));
  it('PReLU with a number for each channel', () => checkLayer(preluLayer, { per_channel: true }, fixture.prelu_per_channel));

  it('AvgPool2d that does not count padding', () => {
    checkLayer(avgPool2dLayer, { kernel: 3, stride: 2, padding: 1, count_include_pad: false }, fixture.avg_pool_inside);
  });
  it('AvgPool2d in ceil mode', () => {
    checkLayer(avgPool2dLayer, { kernel: [3, 2], stride: [3, 2], padding: [1, 0], ceil_mode: true }, fixture.avg_pool_ceiled);
    const both = { kernel: 3, stride: 2, padding: 1, ceil_mode: true, count_include_pad: false };
    checkLayer(avgPool2dLayer, both, fixture.avg_pool_ceiled_inside);
  });
  it('AdaptiveAvgPool2d and AdaptiveMaxPool2d to what does not divide the image', () => {
    checkLayer(adaptiveAvgPool2dLayer, { size: [3, 4] }, fixture.adaptive_avg_pool);
    checkLayer(adaptiveAvgPool2dLayer, { size: [9, 2] }, fixture.adaptive_avg_pool_larger);
    checkLayer(adaptiveMaxPool2dLayer, { size: [3, 4] }, fixture.adaptive_max_pool);
    checkLayer(adaptiveMaxPool2dLayer, { size: [9, 2] }, fixture.adaptive_max_pool_larger);
  });

  it('Tensor.clamp, by maximum and minimum with a number', () => {
    const withNumber = (layer: LayerDefinition, number: number) => ({
      ...layer,
      build: (context: LayerContext) => layer.withNumber!(context, number),
    });
    checkLayer(withNumber(maximumLayer, 0), {}, fixture.clamp_low);
    checkLayer(withNumber(minimumLayer, 0.3), {}, fixture.clamp_high);
  });

  it('mean, sum and amax over axes apart', () => {
    checkLayer(meanLayer, { axes: [0, 2], keepdim: true }, fixture.mean_apart);
    checkLayer(sumLayer, { axes: [2, 0], keepdim: true }, fixture.sum_apart);
    checkLayer(maxLayer, { axes: [-1, 0], keepdim: true }, fixture.max_apart);
  });

  it('BatchNorm1d that is called twice', () => {
    const c = fixture.batch_norm_twice;
    const builder = new GraphBuilder();
    const layers = new LayerContexts({ builder, mode: 'train', seed: 0 });
    const args = { momentum: 0.3, eps: 1e-5, scale: true, shift: true, init: 'default' };
    const inputs = c.x.map(({ shape }, i) => builder.add({ op: 'input', attrs: { name: `x${i}` }, type: { dtype: 'f32', shape } }));
    const outputs = inputs.map((input) => {
      const call = { input, values: [], args, path: 'norm', loc: { line: 1, column: 1 } };
      return batchNormLayer.build(layers.for(call)) as ValueId;
    });
    const graph = joinUpdates(builder.finish('step', { first: outputs[0]!, second: outputs[1]! }));
    const states = new Map([
      ['norm.weight', Float64Array.of(1, 1, 1)],
      ['norm.bias', Float64Array.of(0, 0, 0)],
      ['norm.running_mean', Float64Array.of(0, 0, 0)],
      ['norm.running_var', Float64Array.of(1, 1, 1)],
    ]);
    const given = Object.fromEntries(c.x.map(({ data }, i) => [`x${i}`, Float64Array.from(data)]));
    const { values, writes } = evaluateGraph(graph, given, states, { float64: true });
    assertClose(values.get(graph.outputs.first!)!, c.y[0]!.data, 'the first result');
    assertClose(values.get(graph.outputs.second!)!, c.y[1]!.data, 'the second result');
    assertClose(writes.get('norm.running_mean')!, c.running_mean.data, 'running mean');
    assertClose(writes.get('norm.running_var')!, c.running_var.data, 'running variance');
  });
});
