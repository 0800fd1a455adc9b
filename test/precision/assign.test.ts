import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compileProgram } from '../../src/compile.js';
import type { PinOrigin } from '../../src/ir/pin.js';
import type { PrecisionSpec } from '../../src/ir/program.js';
import type { Graph, Node } from '../../src/ir/types.js';
import { isFloat } from '../../src/ir/types.js';
import { whyText } from '../../src/ir/why.js';
import { lowerProgram } from '../../src/lower/lower.js';
import { opDefinition } from '../../src/ops/index.js';
import { matchOperands } from '../../src/ops/op.js';
import { phaseOf } from '../../src/plan/facts.js';
import type { Plan } from '../../src/plan/plan.js';
import { findPin } from '../../src/precision/pins.js';
import { SAMPLED_OPS } from '../ops/cases.js';
import { configuration } from '../support/configurations.js';
import { miniResnet, randomModel } from '../support/models.js';
import { type Model, type ProgramOptions, planOf, trainStepOf } from '../support/network.js';

function operandsOf(graph: Graph, node: Node): readonly Node[] {
  return node.inputs.map((id) => graph.nodes[id]);
}

/** Each `class` operand of a low op is in the compute format, of a full op in f32, of a pinned op in the pin's. */
function assertClasses(graph: Graph, precision: Pick<PrecisionSpec, 'compute' | 'pins'>): void {
  for (const node of graph.nodes) {
    const op = opDefinition(node.op);
    const operands = operandsOf(graph, node);
    const types = operands.map((operand) => operand.type);
    const specs = matchOperands(op, types)!;
    const pin = op.precision === 'fixed' ? undefined : findPin(node, precision.pins);
    const wanted = pin?.dtype ?? (op.precision === 'low' ? precision.compute : op.precision === 'full' ? 'f32' : undefined);
    for (const [index, { type }] of operands.entries()) {
      if (specs[index].format === 'f32') assert.equal(type.dtype, 'f32', node.op);
      if (specs[index].format === 'class' && wanted !== undefined) assert.equal(type.dtype, wanted, `${node.op} of ${node.layer}`);
    }
    if (op.precision === 'full' && pin === undefined && isFloat(node.type.dtype)) assert.equal(node.type.dtype, 'f32', node.op);
    const formats = [...new Set(operands.filter((_, index) => specs[index].format === 'class').map(({ type }) => type.dtype))];
    assert.ok(op.precision === 'fixed' || formats.filter(isFloat).length <= 1, `${node.op} reads one format, not ${formats.join(', ')}`);
  }
}

/** No cast of a cast, none to the format that is there, none that nobody reads, none made twice; each says why. */
function assertCasts(graph: Graph): void {
  const read = new Set([...graph.nodes.flatMap((node) => node.inputs), ...Object.values(graph.outputs)]);
  const made = new Set<string>();
  for (const node of graph.nodes.filter(({ op }) => op === 'cast')) {
    const [source] = operandsOf(graph, node);
    assert.notEqual(source.op, 'cast');
    assert.notEqual(source.type.dtype, node.type.dtype);
    assert.ok(read.has(node.id), 'somebody reads the cast');
    assert.ok(!made.has(`${source.id} ${node.type.dtype}`), 'the cast is the only one');
    made.add(`${source.id} ${node.type.dtype}`);
    assert.ok(node.why !== undefined && node.why.text !== '');
  }
}

function assertPlan({ functions }: Plan, precision: Pick<PrecisionSpec, 'compute' | 'pins'>): void {
  for (const { graph } of functions) {
    assertClasses(graph, precision);
    assertCasts(graph);
    for (const node of graph.nodes) if (node.op === 'state') assert.ok(node.type.dtype === 'f32' || node.type.dtype === 'i32');
  }
}

describe('precision pass', () => {
  it('on random networks: classes get their formats, and casts are as few as can be', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (seed, index) => {
        const options = configuration(index);
        const precision = { compute: options.precision!.compute!, pins: [] };
        assertPlan(planOf(randomModel(seed), options), precision);
      }),
      { numRuns: 70 },
    );
  });

  it('on random networks with random pins', () => {
    const pinnable = SAMPLED_OPS.filter((op) => !op.endsWith('_grad'));
    const pin = fc.record({
      pattern: fc.constantFrom(...pinnable, '*_1', '*_2'),
      dtype: fc.constantFrom('f32', 'f16', 'bf16'),
      origin: fc.constant<PinOrigin>({ kind: 'file', line: 1 }),
    });
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.array(pin, { maxLength: 3 }), (seed, index, pins) => {
        const base = configuration(index);
        // Every network has a linear_1; only some have a second layer of some kind.
        const matching = pins.filter(({ pattern }) => pattern !== '*_2');
        const options: ProgramOptions = { ...base, precision: { ...base.precision, pins: matching } };
        assertPlan(planOf(randomModel(seed), options), { compute: base.precision!.compute!, pins: matching });
      }),
      { numRuns: 70 },
    );
  });

  it('computes statistics of batch norm in f32 from f16 activations, and never casts for it', () => {
    for (const policy of ['mixed', 'autocast'] as const) {
      const { graph } = trainStepOf(miniResnet, { precision: { policy } });
      for (const node of graph.nodes) {
        if (node.layer.includes('bn')) assert.notEqual(node.op, 'cast', `${policy}: ${whyText(node)}`);
        if (/^channel_|^running_|^batch_norm_weight/.test(node.op)) assert.equal(node.type.dtype, 'f32');
        if (/^channel_(mean|variance)$|^batch_norm/.test(node.op)) assert.equal(graph.nodes[node.inputs[0]].type.dtype, 'f16', node.op);
      }
    }
  });

  it('keeps sums and joins of f16 values in f16, and widens a join with an f32 value', () => {
    const { graph } = trainStepOf(miniResnet);
    for (const node of graph.nodes) if (node.op === 'add') assert.equal(node.type.dtype, 'f16');
    const joined: Model = ({ image, call }) => {
      const x = call('linear', call('flatten', image), { features: 10 });
      return call('add', x, {}, { values: [call('softmax', x)] });
    };
    const sum = trainStepOf(joined).graph.nodes.find((node) => node.op === 'add' && node.gradOf === undefined)!;
    assert.equal(sum.type.dtype, 'f32');
    assert.deepEqual(sum.why, { rule: 'promote', text: 'widest operand is f32' });
  });

  it('makes the image in f16 only where all readers want it', () => {
    const pooled: Model = ({ image, call }) => call('linear', call('flatten', call('avg_pool2d', image, { kernel: 2 })), { features: 10 });
    const format = (model: Model, options?: ProgramOptions) =>
      trainStepOf(model, options).graph.nodes.find(({ op }) => op === 'normalize')!.type.dtype;
    assert.equal(format(miniResnet), 'f16');
    assert.equal(format(pooled), 'f32');
    assert.equal(
      format(miniResnet, { precision: { pins: [{ pattern: 'stem.conv', dtype: 'f32', origin: { kind: 'file', line: 1 } }] } }),
      'f32',
    );
    assert.equal(format(miniResnet, { precision: { policy: 'autocast' } }), 'f32');
  });

  it('a gradient of what is repeated in another format names what is read: no node behind the loss counts as forward', () => {
    const text = `
      dataset shapes {}
      model Net(image: [32, 32, 3]) -> [10] {
        let token = param([1, 3], init: normal(0.02)) as token
        let gate = param([3], init: ones) as gate
        let pixels = image |> conv2d(3, kernel: 1) |> reshape([1024, 3])
        token |> concat(pixels, axis: 0) |> mul(gate) |> flatten |> linear(10)
      }
      precision { compute bf16 }`;
    const target = { backend: 'reference', low: ['bf16'], staged: [] } as const;
    const { graph } = compileProgram(lowerProgram({ path: 'net.amp', text }), target).functions[0];
    const behind = new Set(graph.nodes.filter(({ op }) => op === 'cross_entropy_grad').map(({ id }) => id));
    for (const node of graph.nodes) if (node.inputs.some((id) => behind.has(id))) behind.add(node.id);
    const forward = [...behind].map((id) => graph.nodes[id]).filter((node) => phaseOf(node) === 'forward' && node.layer !== '');
    assert.deepEqual(
      forward.map(({ op, layer }) => `${op} of ${layer}`),
      [],
    );
  });
});
