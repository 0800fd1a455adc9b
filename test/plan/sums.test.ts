import assert from 'node:assert/strict';
import type { Plan } from '../../src/plan/plan.js';
import { defaultTarget, type PlanTarget } from '../../src/plan/target.js';
import { miniResnet, simpleCnn } from '../support/models.js';
import { type Model, planOf } from '../support/network.js';

/** By group with a sum over rows: its kind and ops. */
function sums(plan: Plan): readonly string[] {
  const { graph, groups } = plan.functions[0]!;
  const ops = (nodes: readonly number[]) => nodes.map((id) => graph.nodes[id]!.op);
  const isSum = (op: string) => op.startsWith('channel_') || op === 'batch_norm_weight_grad' || op === 'sum_to_channel';
  return groups.filter(({ nodes }) => ops(nodes).some(isSum)).map(({ kind, nodes }) => `${kind}: ${ops(nodes).join(' ')}`);
}

function planned(model: Model, target: Partial<PlanTarget> = {}): Plan {
  return planOf(model, { precision: { compute: 'f32' } }, { target: { ...defaultTarget('cpu'), ...target } });
}

describe('sums over rows', () => {
  it('of batch norms join the convolution that makes what they add up, the variance its mean', () => {
    const groups = sums(planned(miniResnet));
    assert.ok(groups.includes('contraction: conv2d channel_mean channel_variance'), groups.join('\n'));
    assert.ok(
      groups.some((group) => /^contraction: .*conv2d_input_grad .*batch_norm_weight_grad sum_to_channel/.test(group)),
      groups.join('\n'),
    );
    for (const group of groups) assert.doesNotMatch(group, /^reduce: (channel_variance|batch_norm_weight_grad$)/);
  });

  it('of one tensor share a kernel where none makes it', () => {
    const groups = sums(planned(miniResnet)).filter((group) => group.startsWith('reduce'));
    assert.ok(
      groups.some((group) => group.startsWith('reduce: batch_norm_weight_grad sum_to_channel')),
      groups.join('\n'),
    );
  });

  it('stand alone where the target does not take them together', () => {
    for (const group of sums(planned(simpleCnn, { channelSums: false }))) assert.match(group, /^reduce: \w+$/);
  });
});
