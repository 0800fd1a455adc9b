import assert from 'node:assert/strict';
import type { DType, Node } from '../../src/ir/types.js';
import { isFloat } from '../../src/ir/types.js';
import { whyText } from '../../src/ir/why.js';
import type { PlanFunction } from '../../src/plan/plan.js';
import { simpleCnn } from '../support/models.js';
import { type ProgramOptions, trainStepOf } from '../support/network.js';

const CONTRACTIONS = ['conv2d', 'conv2d_input_grad', 'conv2d_weight_grad', 'linear', 'linear_input_grad', 'linear_weight_grad'];
const WEIGHTS = ['conv1.weight', 'conv2.weight', 'fc1.weight', 'fc2.weight'];

function stepOf(precision: NonNullable<ProgramOptions['precision']>): PlanFunction {
  return trainStepOf(simpleCnn, { image: [32, 32, 3], batch: 64, precision });
}

/** Questions about one training step. */
function query({ graph }: PlanFunction) {
  const nodes = (...ops: readonly string[]) => graph.nodes.filter((node) => ops.includes(node.op));
  const operand = (node: Node, index: number): Node => graph.nodes[node.inputs[index]];
  const formats = (node: Node): readonly DType[] => node.inputs.map((id) => graph.nodes[id].type.dtype);
  /** What is cast, to what, and why. */
  const casts = () =>
    nodes('cast').map((node) => {
      const source = operand(node, 0);
      const name = source.op === 'state' ? source.attrs.name : `${source.layer} ${source.op}`;
      return `${name} -> ${node.type.dtype}: ${whyText(node)}`;
    });
  return { nodes, operand, formats, casts, types: (...ops: readonly string[]) => nodes(...ops).map((node) => node.type.dtype) };
}

describe('precision plan of SimpleCNN under mixed', () => {
  const step = stepOf({ compute: 'f16', policy: 'mixed' });
  const { nodes, operand, formats, casts, types } = query(step);

  it('runs every convolution and linear layer, and their gradients, on f16 operands and an f32 bias', () => {
    assert.equal(nodes(...CONTRACTIONS).length, 4 + 3 + 4, 'the image needs no gradient');
    for (const node of nodes(...CONTRACTIONS)) {
      assert.deepEqual(formats(node).slice(0, 2), ['f16', 'f16'], node.op);
      assert.deepEqual(formats(node).slice(2), node.inputs.length > 2 ? ['f32'] : []);
    }
  });

  it('casts each weight once per step, the logits, and their gradient: nothing else', () => {
    assert.deepEqual(casts(), [
      'conv1.weight -> f16: low: conv2d, cast once per step',
      'conv2.weight -> f16: low: conv2d, cast once per step',
      'fc1.weight -> f16: low: linear, cast once per step',
      'fc2.weight -> f16: low: linear, cast once per step',
      'fc2 linear -> f32: full: cross_entropy',
      'loss cross_entropy_grad -> f16: low: linear_input_grad',
    ]);
    for (const node of nodes('cast')) assert.ok(node.why!.rule === 'low' || node.why!.rule === 'full');
  });

  it('makes the image in f16, and stays in f16 from convolution to pool to relu and back', () => {
    assert.deepEqual(types('normalize', 'conv2d', 'max_pool2d', 'relu', 'reshape', 'linear'), Array(1 + 2 + 2 + 3 + 2 + 2).fill('f16'));
    assert.deepEqual([...new Set(types('relu_grad', 'max_pool2d_grad', 'conv2d_input_grad', 'linear_input_grad'))], ['f16']);
    for (const node of nodes('max_pool2d')) assert.equal(operand(node, 0).op, 'conv2d');
    for (const node of nodes('relu').slice(0, 2)) assert.equal(operand(node, 0).op, 'max_pool2d');
  });

  it('lets parameter gradients leave the accumulator in f32', () => {
    const gradients = operandsOf('all_finite');
    assert.equal(gradients.length, 8);
    for (const node of gradients) {
      assert.ok(['conv2d_weight_grad', 'linear_weight_grad', 'sum_to_channel'].includes(node.op));
      assert.equal(node.type.dtype, 'f32');
      assert.deepEqual(node.why, { rule: 'accumulator', text: 'gradients leave in f32' });
    }
  });

  it('keeps the loss, the scaling and the optimizer in f32', () => {
    const full = ['cross_entropy', 'cross_entropy_grad', 'scale_loss_grad', 'unscale', 'adam', 'update_scale'];
    for (const node of nodes(...full))
      for (const dtype of [node.type.dtype, ...formats(node)]) assert.ok(!isFloat(dtype) || dtype === 'f32', node.op);
    assert.deepEqual([...new Set(types('state'))].sort(), ['f32', 'i32']);
  });

  function operandsOf(op: string): readonly Node[] {
    return nodes(op)[0].inputs.map((id) => step.graph.nodes[id]);
  }
});

describe('precision plan of SimpleCNN under other settings', () => {
  it('autocast casts as PyTorch: image, weights, biases, logits, and every parameter gradient from f16', () => {
    const { nodes, operand, casts, types, formats } = query(stepOf({ compute: 'f16', policy: 'autocast' }));
    const all = casts();
    assert.deepEqual(types('normalize'), ['f32']);
    assert.ok(all.includes('normalize normalize -> f16: low: conv2d'));
    for (const weight of WEIGHTS) {
      for (const name of [weight, weight.replace('weight', 'bias')])
        assert.equal(all.filter((cast) => cast.startsWith(`${name} -> f16`)).length, 1, name);
    }
    for (const node of nodes('conv2d', 'linear', 'sum_to_channel'))
      assert.ok([...formats(node), node.type.dtype].every((dtype) => dtype === 'f16'));
    for (const node of nodes('all_finite')) {
      for (const [index] of node.inputs.entries()) {
        assert.equal(operand(node, index).op, 'cast', 'gradients are widened for the optimizer');
        assert.equal(operand(operand(node, index), 0).type.dtype, 'f16');
      }
    }
    assert.deepEqual(types('cross_entropy', 'cross_entropy_grad'), ['f32', 'f32']);
    assert.equal(all.length, 1 + 8 + 1 + 1 + 8);
  });

  it('bf16 places its casts as f16 does, and scales nothing', () => {
    const f16 = query(stepOf({ compute: 'f16' }));
    const bf16 = query(stepOf({ compute: 'bf16' }));
    assert.deepEqual(
      bf16.casts(),
      f16.casts().map((cast) => cast.replace('f16', 'bf16')),
    );
    assert.deepEqual(bf16.nodes('scale_loss_grad', 'all_finite', 'unscale', 'update_scale'), []);
    assert.deepEqual(
      bf16.nodes('state').filter((node) => node.attrs.role === 'scaler'),
      [],
    );
  });

  it('fp32 casts nothing and scales nothing', () => {
    for (const policy of ['mixed', 'autocast'] as const) {
      const step = stepOf({ compute: 'f32', policy });
      const { nodes } = query(step);
      assert.deepEqual(nodes('cast', 'scale_loss_grad', 'all_finite', 'unscale'), []);
      for (const { type } of step.graph.nodes) if (isFloat(type.dtype)) assert.equal(type.dtype, 'f32');
    }
  });
});
