import assert from 'node:assert/strict';
import { buildAccumulateStep, buildEvalStep, buildTrainStep } from '../../src/autodiff/step.js';
import type { Graph, Node } from '../../src/ir/types.js';
import { isFloat } from '../../src/ir/types.js';
import { writesOf } from '../../src/ir/validate.js';
import { isOfKind, opDefinition } from '../../src/ops/index.js';
import { resolveScaling } from '../../src/precision/scaling.js';
import { configurations, DYNAMIC, OPTIMIZERS } from '../support/configurations.js';
import { miniResnet } from '../support/models.js';
import { type ProgramOptions, programOf } from '../support/network.js';

function stepOf(options: ProgramOptions = {}): Graph {
  const { train, recipe } = programOf(miniResnet, options);
  return buildTrainStep(train, recipe, resolveScaling(recipe.precision), recipe.train.batch);
}

function nodesOf(graph: Graph, ...ops: readonly string[]): readonly Node[] {
  return graph.nodes.filter((node) => ops.includes(node.op));
}

function operands(graph: Graph, node: Node): readonly Node[] {
  return node.inputs.map((id) => graph.nodes[id]);
}

/** Six convolutions, six batch norms with weight and bias, and the last layer. */
const PARAMETERS = 6 + 2 * 6 + 2;
const scaled = { precision: { lossScaling: DYNAMIC }, train: { clip: 1 } };

describe('training step', () => {
  it('takes a binary cross entropy of the logits that a last sigmoid reads, which stays for who asks the model', () => {
    const train = { loss: { kind: 'binary_cross_entropy', reduction: 'mean' } } as const;
    const program = programOf((layers) => layers.call('sigmoid', miniResnet(layers)), { train });
    const { recipe } = program;
    const step = buildTrainStep(program.train, recipe, resolveScaling(recipe.precision), 2);
    for (const op of ['binary_cross_entropy', 'binary_cross_entropy_grad', 'correct_count']) {
      const [node] = nodesOf(step, op);
      assert.equal(operands(step, node)[0]!.layer, 'fc', op);
    }
    assert.deepEqual(nodesOf(step, 'sigmoid', 'sigmoid_grad'), []);
    const evaluation = buildEvalStep(program.eval, recipe, 2);
    assert.equal(evaluation.nodes[evaluation.outputs.logits!]!.op, 'sigmoid');
    assert.equal(operands(evaluation, nodesOf(evaluation, 'binary_cross_entropy')[0])[0]!.layer, 'fc');
  });

  it('trains every parameter once, in the order of declaration', () => {
    for (const optimizer of Object.values(OPTIMIZERS)) {
      const graph = stepOf({ train: { optimizer } });
      const declared = graph.nodes.filter((node) => node.attrs.role === 'parameter').map((node) => node.attrs.name);
      assert.equal(declared.length, PARAMETERS);
      assert.deepEqual(
        nodesOf(graph, optimizer.kind).map((node) => writesOf(node)[0]),
        declared,
      );
    }
  });

  it('checks, unscales and clips in this order: parameters see clipped, unscaled gradients, the check sees scaled ones', () => {
    const graph = stepOf(scaled);
    const [check] = nodesOf(graph, 'all_finite');
    const [norm] = nodesOf(graph, 'global_norm');
    assert.ok(
      operands(graph, check).every((node) => node.gradOf !== undefined),
      'the check reads gradients as the backward pass left them',
    );
    assert.equal(check.inputs.length, PARAMETERS);
    assert.ok(
      operands(graph, norm).every((node) => node.op === 'unscale'),
      'the norm is that of unscaled gradients',
    );
    for (const node of nodesOf(graph, 'unscale')) assert.ok(check.inputs.includes(node.inputs[0]), 'what is unscaled was checked');
    for (const node of nodesOf(graph, 'clip_by_norm')) assert.equal(operands(graph, node)[0].op, 'unscale');
    for (const node of nodesOf(graph, 'adam')) assert.equal(operands(graph, node)[1].op, 'clip_by_norm');
  });

  it('guards every effect with the finite check, but for the loss scale itself and the clearing of sums', () => {
    const graph = stepOf({ ...scaled, train: { accumulate: 2 } });
    const [check] = nodesOf(graph, 'all_finite');
    const effects = graph.nodes.filter((node) => writesOf(node).length > 0);
    assert.deepEqual([...new Set(effects.map((node) => node.op))], ['reset', 'running_update', 'adam', 'advance', 'update_scale']);
    for (const node of effects.filter(({ op }) => op !== 'reset')) assert.equal(node.inputs.at(-1), check.id, node.op);
    assert.equal(nodesOf(graph, 'running_update').length, 12, 'two for each of six batch norms');
  });

  it('has no check, scale or guard where nothing is scaled', () => {
    const graph = stepOf({ precision: { compute: 'bf16' }, train: { clip: 1 } });
    assert.deepEqual(nodesOf(graph, 'all_finite', 'unscale', 'scale_loss', 'scale_loss_grad', 'update_scale'), []);
    assert.deepEqual(Object.keys(graph.outputs), ['loss', 'correct', 'norm']);
    for (const node of graph.nodes) assert.notEqual(node.attrs.guarded, true);
  });

  it('a static scale is checked and undone, and never changes', () => {
    const graph = stepOf({ precision: { lossScaling: { kind: 'static', scale: 128 } } });
    assert.deepEqual(nodesOf(graph, 'update_scale'), []);
    assert.equal(graph.nodes.find((node) => node.attrs.name === 'scaler.scale')!.attrs.value, 128);
    for (const node of nodesOf(graph, 'adam')) assert.equal(node.attrs.guarded, true);
  });

  it('reports the loss as it is, and the scale of this step', () => {
    const graph = stepOf(scaled);
    const output = (name: string) => graph.nodes[graph.outputs[name]].op;
    assert.deepEqual(Object.keys(graph.outputs), ['loss', 'correct', 'ok', 'scale', 'norm']);
    const ops = ['loss', 'correct', 'ok', 'norm'].map(output);
    assert.deepEqual(ops, ['cross_entropy', 'correct_count', 'all_finite', 'global_norm']);
  });

  it('in every configuration: inputs, states, work, effects; f32 only; gradients have the shapes of what they are of', () => {
    const rank = (node: Node) => (node.op === 'input' ? 0 : node.op === 'state' ? 1 : writesOf(node).length > 0 ? 3 : 2);
    for (const [title, options] of configurations()) {
      const graph = stepOf(options);
      const ranks = graph.nodes.map(rank);
      assert.deepEqual(ranks, [...ranks].sort(), title);
      for (const { type, op, gradOf } of graph.nodes) {
        if (isFloat(type.dtype)) assert.equal(type.dtype, 'f32', title);
        if (gradOf !== undefined) assert.deepEqual(type.shape, graph.nodes[gradOf].type.shape, `${title}: ${op}`);
        if (opDefinition(op).effect === true) assert.ok(isOfKind(op, 'update', 'counter'));
      }
    }
  });

  it('accumulate_step writes what waits for the end of the step only; eval_step writes nothing', () => {
    const { train, eval: evaluation, recipe } = programOf(miniResnet, { train: { accumulate: 2 } });
    const writers = (graph: Graph) => [...new Set(graph.nodes.filter((node) => writesOf(node).length > 0).map((node) => node.op))];
    const accumulateStep = buildAccumulateStep(train, recipe, DYNAMIC, 2);
    assert.deepEqual(writers(accumulateStep), ['accumulate', 'running_update']);
    for (const name of accumulateStep.nodes.flatMap(writesOf)) assert.match(name, /\.(grad|running_(mean|var)\.pending)$/);
    const evalStep = buildEvalStep(evaluation, recipe, 2);
    assert.deepEqual(writers(evalStep), []);
    assert.deepEqual(Object.keys(evalStep.outputs), ['logits', 'loss', 'correct']);
    assert.deepEqual(nodesOf(evalStep, 'channel_mean', 'channel_variance'), []);
  });
});
