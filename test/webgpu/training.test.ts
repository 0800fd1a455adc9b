import assert from 'node:assert/strict';
import { compileProgram } from '../../src/compile.js';
import { defaultTarget } from '../../src/plan/target.js';
import type { Executable } from '../../src/runtime/backend.js';
import { createBackend as createCpu } from '../../src/runtime/cpu/index.js';
import { loadPlan } from '../../src/runtime/webgpu/index.js';
import { initialStates } from '../../src/training/states.js';
import { amount } from '../support/amount.js';
import { assertCopies } from '../support/frozen.js';
import { assertLowStates } from '../support/low-states.js';
import { simpleCnn } from '../support/models.js';
import { programOf } from '../support/network.js';
import { randomInputs } from '../support/run.js';
import { skip } from '../support/skip.js';
import { needAdapter } from './adapter.js';

const STEPS = amount(40, 100);
const BATCH = 4;

describe('SimpleCNN on webgpu', function () {
  this.timeout(240_000);

  before(async function () {
    await needAdapter(this);
    const { available, reason } = await createCpu().probe();
    if (!available) skip(this, reason ?? 'no cpu backend to compare with');
  });

  it(`has the cpu's loss within 2 % after ${STEPS} steps in fp16`, async () => {
    const program = programOf(simpleCnn, { image: [32, 32, 3], batch: BATCH });
    const plan = compileProgram(program, defaultTarget('webgpu'));
    const batches = [0, 1].map((seed) => randomInputs(program, seed));
    const train = async (executable: Executable) => {
      try {
        await executable.writeStates(initialStates(plan, 0));
        const losses: number[] = [];
        for (let step = 0; step < STEPS; step += 1) {
          await executable.call('train_step', batches[step % batches.length]!);
          if (step % 20 === 19) losses.push(...(await executable.drain()).map(({ loss }) => loss!));
        }
        return losses;
      } finally {
        await executable.dispose();
      }
    };
    const want = await train(await createCpu().load(plan));
    const got = await train(await loadPlan(plan));
    assert.equal(got.length, STEPS);
    for (const [step, loss] of want.entries()) {
      // The loss of a batch that was learned by heart is next to nothing: there the difference counts, not the share.
      assert.ok(
        Math.abs(got[step]! - loss) <= Math.max(0.02 * loss, 0.02),
        `step ${step + 1}: the loss is ${got[step]}, the cpu's ${loss}`,
      );
    }
    assert.ok(want.at(-1)! < 0.5 * want[0]!, 'it learns');
  });

  it("stores weights and the optimizer's state in fp16 as the reference does", () => assertLowStates('webgpu', 'f16', 'fp16', loadPlan));

  it('gives the same bits where frozen weights have copies', () => assertCopies('webgpu', 'fp16', loadPlan));
});
