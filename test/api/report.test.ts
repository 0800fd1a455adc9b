import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Position } from '../../src/diagnostics/lines.js';
import { compile, explainPlan, type PlanReport } from '../../src/index.js';
import { DTYPES } from '../../src/ir/types.js';
import { RULE_IDS } from '../../src/ir/why.js';

const SCHEMA = JSON.parse(readFileSync(new URL('../../schemas/plan.schema.json', import.meta.url), 'utf8'));
const CHECK = JSON.parse(readFileSync(new URL('../../schemas/check.schema.json', import.meta.url), 'utf8'));

async function report(file: string, options = {}): Promise<PlanReport> {
  return explainPlan(await compile(file, { backend: 'reference', ...options }));
}

describe('plan report', () => {
  const validate = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(SCHEMA);
  let simple: PlanReport;

  before(async () => {
    simple = await report('examples/simple-cnn.amp');
  });

  for (const [file, options] of [
    ['examples/simple-cnn.amp', {}],
    ['examples/simple-cnn.amp', { policy: 'autocast', set: ['train.accumulate=2', 'precision.loss_scale=static(8)'] }],
    ['examples/resnet18.amp', { precision: 'bf16', batch: 2 }],
  ] as const)
    it(`of ${file} ${JSON.stringify(options)} is as schemas/plan.schema.json says`, async () => {
      assert.ok(validate(JSON.parse(JSON.stringify(await report(file, options)))), JSON.stringify(validate.errors?.slice(0, 3)));
    });

  it('lists in its schema every rule that there is', () => {
    assert.deepEqual(SCHEMA.$defs.rule.enum, RULE_IDS);
  });

  it('lists in its schema every format that there is, and findings as those of ampc check', () => {
    assert.deepEqual([...SCHEMA.$defs.dtype.enum].sort(), [...DTYPES].sort());
    const { event: _, ...properties } = CHECK.$defs.diagnostic.properties;
    const own = JSON.parse(JSON.stringify(SCHEMA.$defs.diagnostic.properties).replaceAll('#/$defs/position', '#/$defs/place'));
    assert.deepEqual(own, properties);
    assert.deepEqual(SCHEMA.$defs.position, CHECK.$defs.place);
  });

  it('is a graph: each line reads what stands before it, and layers read what layers make', () => {
    for (const { inputs, lines, outputs } of simple.plan) {
      const known = new Set(inputs.map(({ id }) => id));
      for (const line of lines) {
        assert.ok(line.inputs.every((id) => known.has(id)) && line.inputs.length === line.operands.length, line.text);
        assert.ok(!known.has(line.id));
        known.add(line.id);
        assert.ok(line.gradientOf === null || known.has(line.gradientOf), line.text);
      }
      assert.ok(Object.values(outputs).every((id) => known.has(id)));
    }
    const ofLayers = simple.edges.map(({ from, to }) => `${from} ${to}`);
    for (const edge of ['image normalize', 'normalize conv1', 'fc1 relu_3', 'fc2 loss']) assert.ok(ofLayers.includes(edge), edge);
    assert.deepEqual(simple.edges.find(({ to }) => to === 'loss')!.cast, { from: 'f16', to: 'f32', bytes: 64 * 10 * 4 });
  });

  it('has the attributes of each line, and where the text that it comes from ends', () => {
    const text = readFileSync('examples/simple-cnn.amp', 'utf8').split('\n');
    const textOf = ({ place, end }: { readonly place: Position | null; readonly end: Position | null }) =>
      text[place!.line - 1].slice(place!.column - 1, end!.column - 1);
    const conv1 = simple.plan[0].lines.find(({ op, layer }) => op === 'conv2d' && layer === 'conv1')!;
    assert.deepEqual(conv1.attrs, { stride: [1, 1], padding: [1, 1, 1, 1] });
    assert.equal(textOf(conv1), 'conv2d(32, kernel: 3, padding: 1)');
    assert.equal(textOf(simple.layers.find(({ layer }) => layer === 'fc2')!), 'linear(10)');
    for (const item of [...simple.plan.flatMap(({ lines }) => lines), ...simple.layers, ...simple.casts])
      assert.equal(item.end === null, item.place === null, JSON.stringify(item.place));
  });

  it('says for each layer its formats, rule and place', () => {
    const conv1 = simple.layers.find(({ layer }) => layer === 'conv1')!;
    assert.deepEqual([conv1.op, conv1.reads, conv1.result, conv1.rule], ['conv2d', ['f16', 'f16', 'f32'], 'f16', 'low']);
    assert.deepEqual(conv1.place, { line: 9, column: 6 });
    assert.deepEqual([conv1.gradient, conv1.parameterGradients], [null, ['f32']], 'the image needs no gradient');
    assert.deepEqual([conv1.casts, conv1.castBytes], [1, 3 * 3 * 3 * 32 * (4 + 2)]);
    const fc2 = simple.layers.find(({ layer }) => layer === 'fc2')!;
    assert.deepEqual([fc2.gradient, fc2.flops], ['f16', 3 * 2 * 64 * 128 * 10]);
  });

  it('counts what a cast moves, and nothing for what stays in registers', () => {
    const logits = simple.casts.find(({ value, function: fn }) => value === 'linear of fc2' && fn === 'train_step')!;
    assert.equal(logits.bytesMoved, 64 * 10 * 4, 'the operand is in registers');
    assert.match(logits.why, /^pin: keep cross_entropy in fp32 \(line 17\)$/);
  });

  it('adds states up exactly and compares with fp32', () => {
    const { memory, fp32Memory, functions, parameters } = simple;
    assert.equal(memory.parameters, 4 * parameters);
    assert.equal(memory.optimizer, 2 * 4 * parameters + 4 + 12, 'm and v, the update count, the loss scale');
    assert.equal(memory.total, simple.stateBytes + functions[0].arenaBytes);
    assert.ok(memory.total < fp32Memory.total);
    // What the backward pass reads: the image, two pooled and rectified maps with the pools' indices, fc1's activation, the logits.
    const saved = 64 * (32 * 32 * 3 * 2 + 16 * 16 * 32 * 3 + 8 * 8 * 64 * 3 + 128 * 2 + 10 * 4);
    assert.equal(memory.activations, saved);
    assert.equal(
      simple.layers.reduce((sum, { savedBytes }) => sum + savedBytes, 0),
      saved,
    );
  });
});
