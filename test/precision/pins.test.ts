import assert from 'node:assert/strict';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import type { Pin } from '../../src/ir/pin.js';
import type { ComputeType, Node } from '../../src/ir/types.js';
import { defaultTarget } from '../../src/plan/target.js';
import { miniResnet } from '../support/models.js';
import { type Model, type ProgramOptions, planOf } from '../support/network.js';

type WrittenPin = readonly [pattern: string, dtype: ComputeType];

function planWith(pins: readonly WrittenPin[], model: Model = miniResnet, options: ProgramOptions = {}) {
  const numbered = pins.map(([pattern, dtype], index): Pin => ({ pattern, dtype, origin: { kind: 'file', line: index + 1 } }));
  return planOf(model, { ...options, precision: { pins: numbered, ...options.precision } });
}

/** Names of layers (`stage1.0.conv1`) that have a node of `op` with an operand `index` in `dtype`. */
function layersIn(dtype: ComputeType, pins: readonly WrittenPin[], op = 'conv2d', index = 0): readonly string[] {
  const { graph } = planWith(pins).functions[0];
  const isIn = (node: Node) => node.op === op && graph.nodes[node.inputs[index]].type.dtype === dtype;
  return graph.nodes.filter(isIn).map((node) => node.layer);
}

const STAGE1 = ['stage1.0.conv1', 'stage1.0.conv2'];
const STAGE2 = ['stage2.0.conv1', 'stage2.0.conv2', 'stage2.0.shortcut'];
const ALL = ['stem.conv', ...STAGE1, ...STAGE2];

describe('pins', () => {
  it('hold a layer, with its gradients', () => {
    assert.deepEqual(layersIn('f32', [['stage1.0.conv2', 'f32']]), ['stage1.0.conv2']);
    for (const op of ['conv2d_input_grad', 'conv2d_weight_grad'])
      assert.deepEqual(layersIn('f32', [['stage1.0.conv2', 'f32']], op), ['stage1.0.conv2']);
  });

  it('hold all of an op, with its gradients', () => {
    assert.deepEqual(layersIn('f32', [['conv2d', 'f32']]), ALL);
    assert.equal(layersIn('f32', [['conv2d', 'f32']], 'conv2d_weight_grad').length, 6);
    assert.deepEqual(layersIn('f16', [['conv2d', 'f32']], 'linear'), ['fc']);
  });

  it('hold the layers inside a path, and those that a glob matches', () => {
    assert.deepEqual(layersIn('f32', [['stage1', 'f32']]), STAGE1);
    assert.deepEqual(layersIn('f32', [['stage2.*', 'f32']]), STAGE2);
    assert.deepEqual(layersIn('f32', [['*.conv1', 'f32']]), ['stage1.0.conv1', 'stage2.0.conv1']);
    assert.deepEqual(layersIn('f32', [['*', 'f32']]), ALL);
    assert.deepEqual(layersIn('f32', [['f*', 'f32']]), [], 'fc is no convolution');
  });

  it('the last one wins', () => {
    assert.deepEqual(
      layersIn('f32', [
        ['stage*', 'f32'],
        ['stage2', 'f16'],
      ]),
      STAGE1,
    );
    assert.deepEqual(
      layersIn('f32', [
        ['stage2', 'f16'],
        ['stage*', 'f32'],
      ]),
      [...STAGE1, ...STAGE2],
    );
    assert.deepEqual(
      layersIn('f32', [
        ['stem.conv', 'f32'],
        ['conv2d', 'f16'],
      ]),
      [],
    );
  });

  it('can ask for a low format, also other than the compute format', () => {
    assert.deepEqual(layersIn('bf16', [['stage2.0.shortcut', 'bf16']]), ['stage2.0.shortcut']);
    assert.deepEqual(layersIn('f16', [['cross_entropy', 'f16']], 'cross_entropy'), ['loss']);
  });

  it('say so in the plan, with the line of the pin', () => {
    const { graph } = planWith([
      ['relu', 'f16'],
      ['fc', 'f32'],
    ]).functions[0];
    const reasons = graph.nodes.filter((node) => node.layer === 'fc' && node.op === 'linear').map((node) => node.why);
    assert.deepEqual(reasons, [{ rule: 'pin', text: 'keep fc in fp32 (line 2)' }]);
  });

  it('keep hands off the bookkeeping of the step', () => {
    for (const pattern of ['add', 'scale', 'adam', 'stem.conv', 'all_finite', '*']) {
      const plan = planWith([[pattern, 'f16']], miniResnet, { train: { accumulate: 2, clip: 1 } });
      for (const { graph } of plan.functions) {
        for (const node of graph.nodes.filter((n) => n.layer === '' || n.op === 'adam'))
          assert.notEqual(node.type.dtype, 'f16', `${pattern}: ${node.op}`);
        for (const id of graph.outputs.scale === undefined ? [] : [graph.outputs.scale, graph.outputs.loss])
          assert.equal(graph.nodes[id].type.dtype, 'f32');
      }
    }
  });

  it('that match nothing are refused, with the layers that there are', () => {
    for (const pattern of ['conv9', 'stage1.0.conv', 'stage9.*', 'Conv2d', 'stem.conv.weight', '']) {
      assert.throws(
        () =>
          planWith([
            ['conv2d', 'f32'],
            [pattern, 'f32'],
          ]),
        (error) => {
          assert.ok(error instanceof UserError);
          const [{ code, message, fix }] = error.diagnostics;
          assert.equal(code, 'AMP4101');
          assert.match(message, /^`keep .*` on line 2 matches no op and no layer/);
          assert.match(fix!, /stem\.conv, .*stage1\.0\.conv1/);
          return true;
        },
        pattern,
      );
    }
  });

  it('may name a layer that only training has', () => {
    const model: Model = ({ image, call }) => call('linear', call('dropout', call('flatten', image), { rate: 0.5 }), { features: 10 });
    const [train] = planWith([['dropout_1', 'f32']], model).functions;
    assert.equal(train.graph.nodes.find((node) => node.op === 'dropout')!.type.dtype, 'f32');
  });

  it('are refused in a format that the backend lacks', () => {
    const pins = [{ pattern: 'conv2d', dtype: 'bf16', origin: { kind: 'file', line: 1 } }] as const;
    const plan = () => planOf(miniResnet, { precision: { pins } }, { target: defaultTarget('webgpu') });
    assert.throws(plan, (error) => error instanceof UserError && error.diagnostics[0].code === 'AMP6001');
  });
});
