import assert from 'node:assert/strict';
import { GraphBuilder } from '../../src/ir/builder.js';
import type { Attrs, DType, Graph, TensorType, ValueId } from '../../src/ir/types.js';
import { elementCount } from '../../src/ir/types.js';
import { emit } from '../../src/ops/emit.js';
import type { OpName } from '../../src/ops/index.js';
import { planMemory } from '../../src/plan/memory.js';
import type { FunctionName, Group, Plan } from '../../src/plan/plan.js';
import { isDeclaration, storageRoot } from '../../src/plan/storage.js';
import { defaultTarget } from '../../src/plan/target.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import type { Elements } from '../../src/runtime/reference/kernel.js';
import { compilePlan } from './compile.js';

/** A graph under construction, with random states. */
class Sketch {
  readonly builder = new GraphBuilder();
  readonly states = new Map<string, Float32Array>();
  #seed = 1;

  state(name: string, ...shape: number[]): ValueId {
    const type: TensorType = { dtype: 'f32', shape };
    this.states.set(
      name,
      Float32Array.from({ length: elementCount(shape) }, () => this.#random()),
    );
    return this.builder.add({ op: 'state', attrs: { name, role: 'parameter', init: 'constant', value: 0 }, type });
  }

  label(rows: number): ValueId {
    return this.builder.add({ op: 'input', attrs: { name: 'label' }, type: { dtype: 'i32', shape: [rows] } });
  }

  emit(op: OpName, inputs: readonly ValueId[], attrs: Attrs = {}, dtype?: DType): ValueId {
    return emit(this.builder, op, inputs, attrs, dtype === undefined ? {} : { dtype });
  }

  finish(outputs: Readonly<Record<string, ValueId>>): Graph {
    return this.builder.finish('eval_step', outputs);
  }

  #random(): number {
    this.#seed = (Math.imul(this.#seed, 1664525) + 1013904223) | 0;
    return this.#seed / 2 ** 31;
  }
}

/** The whole graph as a single group, which the emitter has to cut into sweeps by itself. */
function oneGroup(graph: Graph): Plan {
  const nodes = graph.nodes.filter((node) => !isDeclaration(node)).map((node) => node.id);
  const stores = [...new Set(Object.values(graph.outputs).map((id) => storageRoot(graph, id)))].filter((id) => nodes.includes(id));
  const groups: Group[] = [{ index: 0, name: 'everything', kind: 'map', nodes, stores }];
  const fn = { name: 'eval_step' as FunctionName, batch: 1, graph, groups, memory: planMemory(graph, groups) };
  return { model: 'stages', policy: 'case', precision: 'f32', target: defaultTarget('cpu'), functions: [fn] };
}

/** Runs the graph as one group, and compares every output and written state with the reference. */
async function check(sketch: Sketch, outputs: Readonly<Record<string, ValueId>>, label?: Int32Array): Promise<void> {
  const graph = sketch.finish(outputs);
  const inputs: Record<string, Int32Array> = label === undefined ? {} : { label };
  const { values, writes } = evaluateGraph(graph, inputs, sketch.states as ReadonlyMap<string, Elements>);
  const executable = await compilePlan(oneGroup(graph));
  const close = (got: ArrayLike<number>, want: ArrayLike<number>, what: string) => {
    for (let i = 0; i < want.length; i += 1) {
      assert.ok(
        Math.abs(got[i]! - want[i]!) <= 2e-3 * Math.max(1, Math.abs(want[i]!)),
        `${what}[${i}] is ${got[i]}, the reference has ${want[i]}`,
      );
    }
  };
  try {
    await executable.writeStates(sketch.states);
    await executable.call('eval_step', inputs);
    const [scalars] = await executable.drain();
    for (const [name, id] of Object.entries(outputs)) {
      const got = graph.nodes[id]!.type.shape.length === 0 ? [scalars![name]!] : await executable.readOutput(name);
      close(got, values.get(id)!, name);
    }
    const after = await executable.readStates([...writes.keys()]);
    for (const [name, elements] of writes) close(after.get(name)!, elements, name);
  } finally {
    await executable.dispose();
  }
}

describe('sweeps of a group', () => {
  it('computes statistics, then what reads them, then windows over that', async function () {
    this.timeout(60_000);
    const s = new Sketch();
    const [x, weight, bias] = [s.state('x', 3, 6, 6, 20), s.state('weight', 20), s.state('bias', 20)];
    const half = s.emit('cast', [x], { to: 'f16' }, 'f16');
    const mean = s.emit('channel_mean', [half]);
    const variance = s.emit('channel_variance', [half, mean]);
    const y = s.emit('relu', [s.emit('batch_norm', [half, mean, variance, weight, bias], { eps: 1e-5 })]);
    const window = { window: [2, 2], stride: [2, 2], padding: [0, 0, 0, 0] };
    const pooled = s.emit('max_pool2d', [y], window);
    const overlapping = s.emit('avg_pool2d', [pooled], { window: [2, 2], stride: [1, 1], padding: [1, 1, 1, 1] });
    await check(s, { y, pooled, overlapping, spread: s.emit('global_avg_pool', [overlapping]) });
  });

  it('computes layer norms of what is computed on the way, of windows too, and their gradients', async function () {
    this.timeout(60_000);
    const s = new Sketch();
    const [x, dy, weight, bias] = [s.state('x', 3, 6, 6, 20), s.state('dy', 3, 3, 3, 20), s.state('weight', 20), s.state('bias', 20)];
    const pooled = s.emit('max_pool2d', [s.emit('cast', [x], { to: 'f16' }, 'f16')], {
      window: [2, 2],
      stride: [2, 2],
      padding: [0, 0, 0, 0],
    });
    const half = s.emit('scale', [pooled], { factor: 3 }, 'f16');
    const statistics = s.emit('layer_norm_statistics', [half], { eps: 1e-5 });
    const y = s.emit('relu', [s.emit('layer_norm', [half, statistics, weight, bias])]);
    const dx = s.emit('scale', [s.emit('layer_norm_input_grad', [s.emit('scale', [dy], { factor: 2 }), half, statistics, weight])], {
      factor: 2,
    });
    await check(s, { y, dx, dweight: s.emit('layer_norm_weight_grad', [half, s.emit('tanh', [dy]), statistics]) });
  });

  it('keeps a value in registers where it can, and in the workspace where it must', async function () {
    this.timeout(60_000);
    const s = new Sketch();
    const label = s.label(5);
    const [x, w] = [s.state('x', 5, 7), s.state('w', 12, 7)];
    const logits = s.emit('scale', [s.emit('softmax', [s.emit('tanh', [x])])], { factor: 2 });
    const loss = s.emit('cross_entropy', [logits, label], { label_smoothing: 0.1 });
    const scaled = s.emit('mul', [loss, loss]);
    const grad = s.emit('relu', [s.emit('cross_entropy_grad', [logits, label, scaled], { label_smoothing: 0.1 })]);
    const norm = s.emit('global_norm', [grad, w]);
    await check(s, { scaled, norm, clipped: s.emit('clip_by_norm', [grad, norm], { max: 0.1 }) }, Int32Array.of(0, 6, -1, 3, 3));
  });

  it('writes a state only after everything that reads it', async function () {
    this.timeout(60_000);
    const s = new Sketch();
    const [sum, g, w] = [s.state('sum', 33), s.state('g', 33), s.state('w', 33)];
    const lr = s.builder.add({ op: 'constant', attrs: { value: 0.5 }, type: { dtype: 'f32', shape: [] } });
    const total = s.emit('add', [sum, g]);
    s.emit('reset', [sum], { writes: ['sum'] });
    const ok = s.emit('all_finite', [total]);
    s.emit('sgd', [w, total, lr, ok], { momentum: 0, nesterov: false, weight_decay: 0.1, guarded: true, writes: ['w'] });
    await check(s, { ok });
  });

  it('runs the gradient of a tiling pool and work on it', async function () {
    this.timeout(60_000);
    const s = new Sketch();
    const [x, dy] = [s.state('x', 2, 4, 6, 19), s.state('dy', 2, 2, 3, 19)];
    const window = { window: [2, 2], stride: [2, 2], padding: [0, 0, 0, 0] };
    const index = s.emit('max_pool2d_index', [x], window);
    const dx = s.emit('max_pool2d_grad', [s.emit('scale', [dy], { factor: 3 }), index], { ...window, size: [4, 6] });
    const masked = s.emit('relu_grad', [dx, x]);
    await check(s, { masked, bias: s.emit('sum_to_channel', [masked]) });
  });

  it('joins tensors and cuts them apart along any axis', async function () {
    this.timeout(60_000);
    const s = new Sketch();
    const [a, b] = [s.state('a', 2, 3, 4, 5), s.state('b', 2, 3, 4, 18)];
    const joined = s.emit('relu', [s.emit('concat', [s.emit('scale', [a], { factor: -1 }), b], { axis: 3 })]);
    await check(s, {
      joined,
      cut: s.emit('slice', [joined], { axis: 3, start: 3, size: 19 }),
      rows: s.emit('slice', [joined], { axis: 1, start: 1, size: 2 }),
    });
  });
});
