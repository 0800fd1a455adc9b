import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { emitC } from '../../src/codegen/c/emit.js';
import { filesOf } from '../../src/codegen/c/files.js';
import { targetFor } from '../../src/codegen/c/target.js';
import type { Plan } from '../../src/plan/plan.js';
import { createBackend } from '../../src/runtime/cpu/index.js';
import { initialStates } from '../../src/training/states.js';
import { linearStack } from '../support/deep.js';
import { miniResnet } from '../support/models.js';
import { type ProgramOptions, planOf } from '../support/network.js';
import { inputsAt } from '../support/steps.js';
import { inTemporaryFolder } from '../training/support/fake.js';

/** One step of two micro-batches of 4, and one of a micro-batch of 4 and one of 3. */
const OPTIONS: ProgramOptions = { batch: 4, image: [8, 8, 3], images: 15, train: { accumulate: 2 } };

/** With a kernel cache of its own. */
async function inCache<T>(body: (dir: string) => Promise<T>): Promise<T> {
  const before = process.env.AMPC_CACHE;
  try {
    return await inTemporaryFolder((dir) => {
      process.env.AMPC_CACHE = dir;
      return body(dir);
    });
  } finally {
    if (before === undefined) delete process.env.AMPC_CACHE;
    else process.env.AMPC_CACHE = before;
  }
}

function files(dir: string): readonly string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : []));
}

describe('the library of the last step', function () {
  this.timeout(120_000);
  const plan = planOf(miniResnet, OPTIONS);

  it('leaves the first one as it is without such a step', () => {
    const target = targetFor('avx2', 'x64');
    const { images: _, ...others } = OPTIONS;
    const single: ProgramOptions = { ...others, train: { accumulate: 1 } };
    assert.equal(emitC(planOf(miniResnet, { ...single, images: 15 }), target).text, emitC(planOf(miniResnet, single), target).text);
    const files = (of: Plan) => filesOf(of).map((functions) => functions.map(({ name }) => name));
    assert.deepEqual(files(plan), [['train_step', 'accumulate_step', 'tail_accumulate_step', 'eval_step'], ['tail_step']]);
    assert.equal(files(planOf(miniResnet, others)).length, 1);
    assert.equal(files(planOf(miniResnet, { ...OPTIONS, images: 12 })).length, 1, 'what is left has the usual batch');
  });

  it('is not the only one where a deep network is evaluated', () => {
    const deep = planOf(linearStack(150), { batch: 4, images: 15 });
    assert.deepEqual(
      filesOf(deep).map((functions) => functions.map(({ name }) => name)),
      [['train_step'], ['eval_step'], ['tail_step']],
    );
  });

  it('is compiled when it is first needed, and works on the states and the arena of the first', () =>
    inCache(async (dir) => {
      const executable = await createBackend().load(plan, { threads: 2 });
      try {
        assert.equal(files(dir).length, 1);
        await executable.writeStates(initialStates(plan, 3));
        const alone = executable.memory;
        const functions = ['accumulate_step', 'train_step', 'tail_accumulate_step', 'tail_step'] as const;
        const weights: string[] = [];
        for (const [step, name] of functions.entries()) {
          await executable.call(name, inputsAt(plan.functions.find((fn) => fn.name === name)!, step));
          const states = await executable.readStates(['fc.weight', 'fc.weight.grad']);
          weights.push(`${states.get('fc.weight')!.join()}`);
          assert.equal(
            states.get('fc.weight.grad')!.every((value) => value === 0),
            step % 2 === 1,
            `sums behind ${name}`,
          );
        }
        assert.deepEqual([weights[0] !== weights[1], weights[1] === weights[2], weights[2] !== weights[3]], [true, true, true]);
        assert.equal(files(dir).length, 2);
        assert.deepEqual([executable.memory.states, executable.memory.arena], [alone.states, alone.arena]);
        assert.ok(executable.memory.workspace - alone.workspace < 1 << 20, 'no second arena');
        assert.equal((await executable.drain()).length, 4);
      } finally {
        await executable.dispose();
      }
    }));

  it('leaves nothing behind when the run ends before it is ready', () =>
    inCache(async (dir) => {
      const executable = await createBackend().load(plan, { threads: 2 });
      const before = files(dir);
      executable.expect?.('tail_step');
      executable.expect?.('tail_step');
      await executable.dispose();
      executable.expect?.('tail_step');
      const left = files(dir).filter((name) => !before.includes(name));
      assert.ok(
        left.every((name) => /\.(so|dylib|dll)$/.test(name)),
        left.join(', '),
      );
    }));

  it('says what is wrong only to those who need it', () =>
    inCache(async () => {
      const executable = await createBackend().load(plan, { threads: 1 });
      try {
        process.env.AMPC_CACHE = '/dev/null/nowhere';
        executable.expect?.('tail_step');
        const [train, tail] = (['train_step', 'tail_step'] as const).map((name) => plan.functions.find((fn) => fn.name === name)!);
        await executable.call('train_step', inputsAt(train!, 0));
        await assert.rejects(executable.call('tail_step', inputsAt(tail!, 1)), /AMP6024/);
      } finally {
        await executable.dispose();
      }
    }));
});
