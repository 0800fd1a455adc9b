import assert from 'node:assert/strict';
import { isFloat } from '../../src/ir/types.js';
import { validateGraph } from '../../src/ir/validate.js';
import { roundArray } from '../../src/numeric/encoding.js';
import { opRules } from '../../src/ops/rules.js';
import { trainStep, valueLabel } from '../../src/plan/facts.js';
import { pinCandidates, probePlan, storedValues } from '../../src/plan/probe.js';
import { isDeclaration } from '../../src/plan/storage.js';
import { defaultTarget } from '../../src/plan/target.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import { initialStates } from '../../src/training/states.js';
import { randomModel, simpleCnn } from '../support/models.js';
import { planOf, programOf } from '../support/network.js';
import { assertStores } from '../support/partition.js';
import { randomInputs } from '../support/run.js';

describe('a probe', () => {
  for (let seed = 0; seed < 12; seed += 1)
    it(`holds what the plan rounds, in random network ${seed}`, () => {
      const model = randomModel(seed);
      const precision = { compute: seed % 2 === 0 ? 'f16' : 'bf16', policy: seed % 3 === 0 ? 'autocast' : 'mixed' } as const;
      const plan = planOf(model, { precision }, { target: defaultTarget(seed % 4 < 2 ? 'cpu' : 'reference') });
      const fn = trainStep(plan);
      const states = initialStates(plan, seed);
      const inputs = randomInputs(programOf(model), seed);
      const { values } = evaluateGraph(fn.graph, inputs, states, { keep: 'all' });
      const stored = [...storedValues(fn)].filter((id) => isFloat(fn.graph.nodes[id].type.dtype));
      let probed = 0;
      for (const value of stored.filter((_, index) => index % 5 === seed % 5)) {
        const probe = probePlan(plan, 'train_step', value);
        if (probe === undefined) continue;
        const [made] = probe.plan.functions;
        validateGraph(made.graph, opRules);
        assertStores(made);
        assert.ok(made.graph.nodes.every((node) => node.attrs.writes === undefined));
        assert.equal(probe.values.at(-1)?.node.id, value, 'the value itself is the last');
        const results = evaluateGraph(made.graph, inputs, states);
        for (const { output, node } of probe.values) {
          const exact = results.values.get(made.graph.outputs[output])!;
          const rounded = Float32Array.from(exact);
          roundArray(node.type.dtype, rounded);
          assert.deepEqual(rounded, Float32Array.from(values.get(node.id)!), `${node.op} %${node.id}`);
          probed += 1;
        }
      }
      assert.ok(probed > 0);
    });

  it('is none of what no kernel computes', () => {
    const plan = planOf(simpleCnn, { image: [16, 16, 3] });
    const { graph } = trainStep(plan);
    assert.equal(probePlan(plan, 'train_step', graph.nodes.findIndex(isDeclaration)), undefined);
    assert.equal(probePlan(plan, 'accumulate_step', 20), undefined);
  });
});

describe('layers to pin', () => {
  const { graph } = trainStep(planOf(simpleCnn, { image: [16, 16, 3] }));
  const find = (label: string, op: string) => graph.nodes.find((node) => node.op === op && valueLabel(graph, node.id) === label)!;

  it('are that of a forward value, and those that read it', () => {
    assert.deepEqual(pinCandidates(graph, find('conv2d of conv1', 'conv2d')), ['conv1', 'max_pool2d_1']);
  });

  it('are, for a gradient, that of the value whose gradient it is first', () => {
    assert.deepEqual(pinCandidates(graph, find('gradient of linear of fc1', 'relu_grad')), ['fc1', 'relu_3']);
    assert.equal(pinCandidates(graph, find('gradient of relu of relu_3', 'linear_input_grad'))[0], 'relu_3');
  });
});
