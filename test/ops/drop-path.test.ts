import assert from 'node:assert/strict';
import { differentiate } from '../../src/autodiff/differentiate.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import type { TensorType, ValueId } from '../../src/ir/types.js';
import { LayerContexts } from '../../src/lower/layer-context.js';
import { dropPathLayer } from '../../src/ops/layers/dense.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';

const IMAGES = 400;
const TYPE: TensorType = { dtype: 'f32', shape: [IMAGES, 3, 2] };

/** What the layer makes of ones, and the gradient of ones, at a step. */
function dropped(rate: number, mode: 'train' | 'eval', step = 0, path = 'drop') {
  const builder = new GraphBuilder();
  const ones = (name: string) => builder.add({ op: 'state', attrs: { name, role: 'parameter', init: 'constant', value: 1 }, type: TYPE });
  const [x, seed] = [ones('x'), ones('dy')];
  const call = { input: x, values: [], args: { rate }, path, loc: { line: 1, column: 1 } };
  const y = dropPathLayer.build(new LayerContexts({ builder, mode, seed: 3 }).for(call)) as ValueId;
  const dx = differentiate(builder, { loss: y, seed }).get('x')!;
  const states = new Map([x, seed].map((id) => [String(builder.node(id).attrs.name), new Float64Array(IMAGES * 6).fill(1)]));
  const { values } = evaluateGraph(builder.finish('step', { y, dx }), { step: Int32Array.of(step) }, states);
  return { y: Array.from(values.get(y)!), dx: Array.from(values.get(dx)!) };
}

describe('drop_path', () => {
  it('keeps an image or leaves all of it out, forward and backward alike', () => {
    const { y, dx } = dropped(0.25, 'train');
    const kept = Math.fround(1 / 0.75);
    const firsts = y.filter((_, i) => i % 6 === 0);
    assert.deepEqual(
      y,
      firsts.flatMap((first) => Array(6).fill(first)),
    );
    assert.ok(firsts.every((first) => first === 0 || first === kept));
    assert.deepEqual(dx, y);
    const share = firsts.filter((first) => first === 0).length / IMAGES;
    // Three standard deviations.
    assert.ok(Math.abs(share - 0.25) < 3 * Math.sqrt((0.25 * 0.75) / IMAGES), `${share}`);
  });

  it('draws anew in each step and each layer', () => {
    const { y } = dropped(0.5, 'train');
    assert.deepEqual(dropped(0.5, 'train').y, y);
    assert.notDeepEqual(dropped(0.5, 'train', 1).y, y);
    assert.notDeepEqual(dropped(0.5, 'train', 0, 'other').y, y);
  });

  it('does nothing in evaluation', () => {
    assert.ok(dropped(0.5, 'eval').y.every((one) => one === 1));
  });
});
