import assert from 'node:assert/strict';
import { compileProgram } from '../../src/compile.js';
import { averagedIn } from '../../src/ir/graph-names.js';
import { lowerProgram } from '../../src/lower/lower.js';
import { defaultTarget } from '../../src/plan/target.js';
import { planStates } from '../../src/training/states.js';

const fileWith = (average: string) => ({
  path: 'net.amp',
  text: `
    model Net(image: [32, 32, 3]) -> [10] {
      image |> conv2d(8, kernel: 3, bias: false) as conv1 |> batch_norm as bn1 |> global_avg_pool |> linear(10) as fc
    }
    train {
      optimizer sgd(lr: 0.1)  average ${average}
      freeze conv1  freeze "bn1.*" after 1.5  freeze "*.running_*" after 400 steps
    }`,
});

/** What has an average at a place of a run, in epochs from its begin. */
function averaged(average: string, epoch: number): readonly string[] {
  const program = lowerProgram(fileWith(average), { epoch });
  const plan = compileProgram(program, defaultTarget('reference'));
  const names = planStates(plan).flatMap(({ name, role }) => (role === 'average' ? (averagedIn(name) ?? []) : []));
  return [...names].sort();
}

const FC = ['fc.bias', 'fc.weight'];
const BN = ['bn1.bias', 'bn1.running_mean', 'bn1.running_var', 'bn1.weight'];

describe('averages of what is frozen in the course of a run', () => {
  for (const average of ['ema', 'swa(from: 1)'])
    it(`go on with ${average}, of running statistics too; what never trains has none`, () => {
      assert.deepEqual(averaged(average, 0), [...BN, ...FC]);
      assert.deepEqual(averaged(average, 1.5), [...BN, ...FC]);
    });

  it('end with lookahead, whose slow weights would move what is frozen', () => {
    assert.deepEqual(averaged('lookahead', 0), [...BN, ...FC]);
    assert.deepEqual(averaged('lookahead', 1.5), FC);
  });
});
