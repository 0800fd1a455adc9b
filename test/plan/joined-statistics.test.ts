import assert from 'node:assert/strict';
import type { Plan } from '../../src/plan/plan.js';
import { defaultTarget, type PlanTarget } from '../../src/plan/target.js';
import { createBackend } from '../../src/runtime/reference/index.js';
import { type Model, planOf } from '../support/network.js';
import { train } from '../support/steps.js';

/** Four layers that join what they make with all that was there, each with a batch norm of all of it in front. */
const dense: Model = ({ image, call }) => {
  let x = call('conv2d', image, { channels: 34, kernel: 3, padding: 1, bias: false }, { as: 'stem' });
  for (let i = 0; i < 4; i += 1) {
    const y = call('relu', call('batch_norm', x, {}, { as: `bn${i}` }));
    const made = call('conv2d', y, { channels: 5, kernel: 3, padding: 1, bias: false }, { as: `conv${i}` });
    x = call('concat', made, {}, { values: [x] });
  }
  return call('linear', call('global_avg_pool', x), { features: 10 }, { as: 'fc' });
};

const PRECISIONS = ['f32', 'bf16'] as const;

function planned(compute: (typeof PRECISIONS)[number], target: Partial<PlanTarget> = {}): Plan {
  return planOf(dense, { batch: 3, precision: { compute } }, { target: { ...defaultTarget('cpu'), ...target } });
}

describe('statistics of joined values', () => {
  for (const compute of PRECISIONS)
    it(`are those of their parts, each taken once where it is made (${compute})`, () => {
      const { graph, groups } = planned(compute).functions[0]!;
      const taken = graph.nodes.filter(({ op }) => op === 'channel_mean');
      assert.deepEqual(
        taken.map(({ type }) => type.shape[0]),
        [34, 5, 5, 5],
      );
      for (const mean of taken) assert.equal(groups.find(({ nodes }) => nodes.includes(mean.id))!.kind, 'contraction');
      const joined = graph.nodes.filter(({ op, type }) => op === 'concat' && type.shape.length === 1);
      assert.deepEqual(
        joined.map(({ type }) => type.shape[0]),
        [39, 39, 44, 44, 49, 49],
      );
    });

  it('are taken of the whole where no kernel takes sums of what it makes', () => {
    const { graph } = planned('f32', { channelSums: false }).functions[0]!;
    assert.deepEqual(
      graph.nodes.filter(({ op }) => op === 'channel_mean').map(({ type }) => type.shape[0]),
      [34, 39, 44, 49],
    );
  });

  it('are the same numbers', async () => {
    const outcomes = [];
    for (const target of [{}, { channelSums: false }]) {
      const plan = planned('f32', target);
      outcomes.push(await train(await createBackend().load(plan), plan, 2));
    }
    const [parts, whole] = outcomes;
    for (const [name, values] of parts!.states)
      if (name.includes('running'))
        for (const [i, value] of values.entries()) {
          const other = whole!.states.get(name)![i]!;
          assert.ok(Math.abs(value - other) <= 2e-6 * Math.max(1, Math.abs(other)), `${name}[${i}]: ${value} and ${other}`);
        }
  });
});

describe('a part of a gradient', () => {
  it('is read where it is, by what adds to it', () => {
    const { graph, groups } = planned('f32').functions[0]!;
    const stores = new Set(groups.flatMap((group) => group.stores));
    const parts = graph.nodes.filter(({ op, type }) => op === 'slice' && type.shape.at(-1)! >= 32);
    assert.equal(parts.length, 4);
    for (const part of parts) {
      const group = groups.find(({ nodes }) => nodes.includes(part.id))!;
      assert.ok(!stores.has(part.id), group.name);
      assert.ok(group.nodes.some((id) => graph.nodes[id]!.op === 'add'));
    }
  });
});
