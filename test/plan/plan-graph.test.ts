import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Graph } from '../../src/ir/types.js';
import { trainStep } from '../../src/plan/facts.js';
import { planMemory } from '../../src/plan/memory.js';
import { observe } from '../../src/plan/observe.js';
import { planGraph } from '../../src/plan/plan-graph.js';
import { type BackendName, defaultTarget } from '../../src/plan/target.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import { opCase, SAMPLED_OPS } from '../ops/cases.js';
import { configuration } from '../support/configurations.js';
import { chain, randomModel, simpleCnn } from '../support/models.js';
import { type Model, planOf, programOf } from '../support/network.js';
import { assertMemory, assertPartition, assertStores } from '../support/partition.js';
import { initialDoubles, randomInputs } from '../support/run.js';

const anyPlan = fc
  .tuple(fc.nat(), fc.nat(), fc.constantFrom('reference', 'cpu'))
  .map(([seed, settings, backend]) => planOf(randomModel(seed), configuration(settings), { target: defaultTarget(backend) }));

describe('plan of random networks', () => {
  it('groups hold all work once, in an order that can run', () => {
    fc.assert(fc.property(anyPlan, ({ functions }) => functions.forEach(assertPartition)));
  });

  it('stores what is read elsewhere, and nothing else', () => {
    fc.assert(fc.property(anyPlan, ({ functions }) => functions.forEach(assertStores)));
  });

  it('never lets two values that live at one time share bytes', () => {
    fc.assert(fc.property(anyPlan, ({ functions }) => functions.forEach(assertMemory)));
  });

  it('holds for every op alone', () => {
    fc.assert(
      fc.property(fc.constantFrom(...SAMPLED_OPS), fc.constantFrom('f32', 'f16'), fc.nat(), (op, dtype, seed) => {
        const fn = planGraph(opCase(op, dtype, seed).graph, 1, defaultTarget('cpu'));
        for (const check of [assertPartition, assertStores, assertMemory]) check(fn);
      }),
    );
  });

  it('changes the order of work, and no bit of any result', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(), (seed, settings) => {
        const options = { batch: 2, image: [5, 5, 2], ...configuration(settings) } as const;
        const graphs = new Map<string, Graph>();
        const plan = planOf(randomModel(seed), options, { onPass: (pass, graph) => graphs.set(`${graph.name} ${pass}`, graph) });
        const inputs = randomInputs(programOf(randomModel(seed), options), seed);
        for (const { graph, name } of plan.functions) {
          const states = initialDoubles(graph);
          const run = (g: Graph) => {
            const { values, writes } = evaluateGraph(g, inputs, states);
            return { outputs: Object.entries(g.outputs).map(([key, id]) => [key, values.get(id)]), writes: new Map([...writes].sort()) };
          };
          assert.deepEqual(run(graph), run(graphs.get(`${name} precision`)!));
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('fusion', () => {
  it('lets a kernel make its operand where the backend can, when nothing else reads it', () => {
    const operations = (backend: BackendName) => {
      const { graph, groups } = planOf(simpleCnn, {}, { target: { ...defaultTarget(backend), channelSums: false } }).functions[0]!;
      return groups.map(({ name, nodes, stores }) => [name, nodes.map((id) => graph.nodes[id]!.op).join(' '), stores.length] as const);
    };
    const staged = operations('cpu');
    assert.deepEqual(
      staged.find(([name]) => name === 'conv1_weight_grad'),
      ['conv1_weight_grad', 'max_pool2d_grad conv2d_weight_grad', 1],
    );
    // Read by two kernels: both make it.
    for (const role of ['weight_grad', 'input_grad'])
      assert.match(staged.find(([name]) => name === `conv2_${role}`)![1], new RegExp(`^max_pool2d_grad conv2d_${role}`));
    assert.equal(operations('reference').length, staged.length + 2);
  });

  it('leaves an operand to memory when somebody else asks for it', () => {
    const plan = planOf(simpleCnn, {}, { target: defaultTarget('cpu') });
    const { graph } = trainStep(plan);
    const placed = graph.nodes.find(({ op }) => op === 'max_pool2d_grad')!;
    const fn = trainStep(observe(plan, new Map([['placed', placed.id]])));
    const group = fn.groups.find(({ nodes }) => nodes.includes(fn.graph.outputs.placed!))!;
    assert.deepEqual([group.kind, group.stores], ['map', [fn.graph.outputs.placed]]);
    // The plan's own target: what nobody asked for is still made on the way.
    assert.equal(fn.groups.length, trainStep(plan).groups.length + 1);
  });

  const groupsOf = (model: Model, name = 'train_step') => {
    const { graph, groups } = planOf(model).functions.find((fn) => fn.name === name)!;
    return groups.map(({ kind, nodes }) => `${kind}: ${nodes.map((id) => graph.nodes[id].op).join(' ')}`);
  };

  it('puts pools, activations, casts and reshapes behind the contraction that feeds them', () => {
    assert.deepEqual(groupsOf(simpleCnn, 'eval_step'), [
      'map: normalize',
      'map: cast',
      'contraction: conv2d max_pool2d relu',
      'map: cast',
      'contraction: conv2d max_pool2d relu reshape',
      'map: cast',
      'contraction: linear relu',
      'map: cast',
      'contraction: linear cast',
      'rows: correct_count',
      'rows: cross_entropy',
    ]);
  });

  it('computes a fused pool and its index together, and the optimizer in one kernel at the end', () => {
    const groups = groupsOf(simpleCnn);
    assert.equal(groups.filter((group) => group === 'contraction: conv2d max_pool2d relu max_pool2d_index').length, 1);
    assert.equal(groups.at(-1), `update: ${'unscale '.repeat(8)}${'adam '.repeat(8)}advance update_scale`);
  });

  it('keeps the index of other windows away from a fused pool', () => {
    const groups = groupsOf(({ image, call }) => {
      const y = call('conv2d', image, { channels: 4, kernel: 3, padding: 1 });
      const pooled = call('max_pool2d', y, { kernel: 2 });
      const smooth = call('max_pool2d', y, { kernel: 3, stride: 2, padding: 1 });
      return call('linear', call('flatten', call('add', pooled, {}, { values: [smooth] })), { features: 10 });
    });
    assert.ok(groups.includes('contraction: conv2d max_pool2d max_pool2d_index'), groups.join('\n'));
    assert.ok(
      groups.some((group) => /^map: max_pool2d .*max_pool2d_index/.test(group)),
      groups.join('\n'),
    );
  });

  it('pools and normalizes per channel in a convolution only over its own image, not a reshaped one', () => {
    for (const layer of ['max_pool2d', 'batch_norm']) {
      const groups = groupsOf(({ image, call }) => {
        const y = call('conv2d', image, { channels: 4, kernel: 3, padding: 1 });
        const other = call('reshape', y, { shape: [4, 4, 16] });
        return call('linear', call('flatten', call(layer, other, layer === 'max_pool2d' ? { kernel: 2 } : {})), { features: 10 });
      }, 'eval_step');
      assert.ok(groups.includes('contraction: conv2d reshape'), groups.join('\n'));
    }
  });

  it('pools inside a convolution only where the windows cover its rows in pairs', () => {
    const pooled = (size: number, args: Readonly<Record<string, number>>) =>
      groupsOf(({ image, call }) => {
        const y = call('conv2d', image, { channels: 4, kernel: 9 - size });
        return call('linear', call('flatten', call('max_pool2d', y, args)), { features: 10 });
      }).some((group) => group.startsWith('contraction: conv2d max_pool2d'));
    assert.equal(pooled(6, { kernel: 2 }), true);
    assert.equal(pooled(7, { kernel: 2 }), false);
    assert.equal(pooled(6, { kernel: 2, stride: 1 }), false);
    assert.equal(pooled(6, { kernel: 3 }), false);
    assert.equal(pooled(6, { kernel: 2, padding: 1 }), false);
  });
});

describe('memory', () => {
  it('keeps every value within one piece of a given size, and lets none share bytes', () => {
    fc.assert(
      fc.property(anyPlan, fc.integer({ min: 2, max: 8 }), ({ functions }, factor) => {
        for (const fn of functions) {
          const largest = Math.max(1, ...fn.memory.allocations.map(({ size }) => size));
          const piece = Math.ceil((largest * factor) / 2 / 64) * 64;
          const memory = planMemory(fn.graph, fn.groups, 64, piece);
          assertMemory({ ...fn, memory });
          for (const { offset, size } of memory.allocations) {
            assert.equal(Math.floor(offset / piece), Math.floor((offset + size - 1) / piece));
          }
        }
      }),
    );
  });

  it('of an evaluation does not grow with depth', () => {
    const arena = (layers: number) => planOf(chain(layers)).functions.at(-1)!.memory.arena;
    assert.ok(arena(200) <= arena(40) + 64 * 1024, `${arena(200)} bytes for 200 layers, ${arena(40)} for 40`);
  });

  it('is much smaller than the sum of all values', () => {
    const { memory } = planOf(chain(40)).functions.at(-1)!;
    const sum = memory.allocations.reduce((total, { size }) => total + size, 0);
    assert.ok(memory.arena < sum / 2, `${memory.arena} of ${sum}`);
  });
});
