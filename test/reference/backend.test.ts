import assert from 'node:assert/strict';
import { GraphBuilder } from '../../src/ir/builder.js';
import type { ComputeType } from '../../src/ir/types.js';
import { isFloat } from '../../src/ir/types.js';
import { round } from '../../src/numeric/encoding.js';
import { emit } from '../../src/ops/emit.js';
import type { Plan } from '../../src/plan/plan.js';
import { planGraph } from '../../src/plan/plan-graph.js';
import { defaultTarget } from '../../src/plan/target.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import { createBackend } from '../../src/runtime/reference/index.js';
import { casePlan, opCases, SAMPLED_OPS } from '../ops/cases.js';

const SCALAR = { dtype: 'f32', shape: [] } as const;

const TARGET = defaultTarget('reference');

/** w -= lr * (w - x), with w as it was, and whether the result is finite, as outputs. */
function countdownPlan(): Plan {
  const builder = new GraphBuilder();
  const x = builder.add({ op: 'input', attrs: { name: 'x' }, type: SCALAR });
  const lr = builder.add({ op: 'input', attrs: { name: 'lr' }, type: SCALAR });
  const w = builder.add({ op: 'state', attrs: { name: 'w', role: 'parameter', init: 'constant', value: 0 }, type: SCALAR });
  const g = emit(builder, 'sub', [w, x]);
  const ok = emit(builder, 'all_finite', [g]);
  const next = emit(builder, 'sgd', [w, g, lr, ok], { momentum: 0, nesterov: false, weight_decay: 0, guarded: true, writes: ['w'] });
  const graph = builder.finish('train_step', { before: w, next, ok });
  return { model: 'countdown', policy: 'mixed', precision: 'f32', target: TARGET, functions: [planGraph(graph, 1, TARGET)] };
}

async function load(plan = countdownPlan()) {
  return createBackend().load(plan);
}

describe('reference backend', () => {
  it('is always available', async () => {
    const info = await createBackend().probe();
    assert.equal(info.available, true);
    assert.deepEqual(info.target.low, ['f16', 'bf16']);
  });

  it('keeps states between calls and drains scalars in order', async () => {
    const executable = await load();
    await executable.writeStates(new Map([['w', Float32Array.of(8)]]));
    for (let i = 0; i < 2; i += 1) await executable.call('train_step', { x: Float32Array.of(0), lr: Float32Array.of(0.5) });
    assert.deepEqual(await executable.drain(), [
      { before: 8, next: 4, ok: 1 },
      { before: 4, next: 2, ok: 1 },
    ]);
    assert.deepEqual(await executable.drain(), []);
    assert.deepEqual(await executable.readStates(), new Map([['w', Float32Array.of(2)]]));
  });

  it('names the first value that is not finite, and guards the update', async () => {
    const executable = await load();
    await executable.writeStates(new Map([['w', Float32Array.of(3)]]));
    await executable.call('train_step', { x: Float32Array.of(Infinity), lr: Float32Array.of(1) }, { trace: true });
    // Node 0 is the input: what a call is given is no value of its own.
    assert.deepEqual(await executable.nonFinite(), { function: 'train_step', node: 3 });
    assert.deepEqual((await executable.readStates(['w'])).get('w'), Float32Array.of(3));
    await executable.call('train_step', { x: Float32Array.of(1), lr: Float32Array.of(1) }, { trace: true });
    assert.equal(await executable.nonFinite(), undefined);
  });

  it('refuses missing or wrongly sized inputs and states', async () => {
    const executable = await load();
    const lr = Float32Array.of(1);
    await assert.rejects(executable.call('train_step', { lr }), /input x is missing/);
    await assert.rejects(executable.call('train_step', { x: new Float32Array(2), lr }), /input x has 2 elements, not 1/);
    await assert.rejects(executable.call('eval_step', {}), /no function eval_step/);
    await assert.rejects(executable.writeStates(new Map([['v', lr]])), /no state v/);
    await assert.rejects(executable.writeStates(new Map([['w', new Float32Array(3)]])), /state w has 1 elements, not 3/);
    await assert.rejects(executable.readOutput('logits'), /no output logits/);
  });

  it('runs every op in every format, with results that the format can hold', async () => {
    for (const op of SAMPLED_OPS) {
      for (const dtype of ['f32', 'f16', 'bf16'] satisfies ComputeType[]) {
        for (const opCase of opCases(op, dtype, 100, 3)) {
          const plan = casePlan(opCase, 'reference');
          const executable = await load(plan);
          await executable.writeStates(opCase.states);
          await executable.call('eval_step', opCase.inputs);
          const result = await executable.readOutput('result');
          const format = opCase.graph.nodes[opCase.node].type.dtype;
          for (const value of result) assert.ok(Object.is(round(format, value), value), `${op} in ${dtype}: ${value} is not ${format}`);
        }
      }
    }
  });

  it('rounds to f32 only at the end of an op: f32 results are within a few roundings of exact ones', () => {
    for (const op of SAMPLED_OPS) {
      for (const { graph, node, inputs, states } of opCases(op, 'f32', 200, 4)) {
        if (!isFloat(graph.nodes[node].type.dtype) || op === 'cast') continue;
        const rounded = evaluateGraph(graph, inputs, states).values.get(node)!;
        const exact = evaluateGraph(graph, inputs, states, { float64: true }).values.get(node)!;
        for (let i = 0; i < exact.length; i += 1) {
          assert.ok(
            Math.abs(rounded[i] - exact[i]) <= 1e-6 * Math.max(1, Math.abs(exact[i])),
            `${op}[${i}]: ${rounded[i]}, exactly ${exact[i]}`,
          );
        }
      }
    }
  });
});
