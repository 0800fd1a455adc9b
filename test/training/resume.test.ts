import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Recipe } from '../../src/ir/program.js';
import { type TrainOptions, train } from '../../src/training/loop.js';
import { readSafetensors } from '../../src/training/safetensors.js';
import { FakeExecutable, fakeDataset, fakePlan, fakeRecipe, inTemporaryFolder, readMetrics, snapshot } from './support/fake.js';

function options(run: string, more: Partial<TrainOptions> = {}, trainSpec: Partial<Recipe['train']> = {}): TrainOptions {
  const recipe = fakeRecipe(trainSpec);
  const plan = fakePlan({ accumulate: recipe.train.accumulate });
  return { plan, executable: new FakeExecutable(plan), recipe, dataset: fakeDataset(), run, logEvery: 3, ...more };
}

/** Everything that must not depend on interruptions: states, weights, metrics but for times. */
async function outcome(run: string): Promise<unknown> {
  const tensors = await Promise.all(
    ['checkpoint', 'last', 'best'].map(async (name) => (await readSafetensors(join(run, `${name}.safetensors`))).tensors),
  );
  return { tensors, metrics: await readMetrics(run) };
}

async function uninterrupted(dir: string, trainSpec: Partial<Recipe['train']> = {}): Promise<unknown> {
  await train(options(join(dir, 'whole'), {}, trainSpec));
  return outcome(join(dir, 'whole'));
}

describe('resuming a run', () => {
  for (const stop of [1, 4, 10, 17, 29]) {
    it(`gives the same bits and lines as the whole run when stopped after step ${stop}`, () =>
      inTemporaryFolder(async (dir) => {
        const run = join(dir, 'run');
        await train(options(run, { maxSteps: stop }));
        const result = await train(options(run, { resume: true }));
        assert.equal(result.steps, 30);
        assert.deepEqual(await outcome(run), await uninterrupted(dir));
      }));
  }

  it('goes on after an interruption at any step, several times over', () =>
    inTemporaryFolder(async (dir) => {
      const run = join(dir, 'run');
      for (const stop of [3, 9, 12, 21]) {
        const controller = new AbortController();
        const onEvent: TrainOptions['onEvent'] = (event) => event.event === 'step' && event.step >= stop && controller.abort();
        const result = await train(options(run, { resume: stop > 3, signal: controller.signal, onEvent }));
        assert.equal(result.interrupted, true);
        assert.equal(result.steps, stop);
      }
      const result = await train(options(run, { resume: true }));
      assert.equal(result.interrupted, false);
      assert.deepEqual(await outcome(run), await uninterrupted(dir));
    }));

  it('repeats an evaluation that was interrupted', () =>
    inTemporaryFolder(async (dir) => {
      const run = join(dir, 'run');
      const controller = new AbortController();
      const onProgress: TrainOptions['onProgress'] = ({ phase, epoch }) => phase === 'test' && epoch === 2 && controller.abort();
      const result = await train(options(run, { signal: controller.signal, onProgress }));
      assert.deepEqual([result.interrupted, result.steps, result.epochs], [true, 20, 1]);
      await train(options(run, { resume: true }));
      assert.deepEqual(await outcome(run), await uninterrupted(dir));
    }));

  it('works with accumulation', () =>
    inTemporaryFolder(async (dir) => {
      const run = join(dir, 'run');
      await train(options(run, { maxSteps: 4 }, { accumulate: 3 }));
      await train(options(run, { resume: true }, { accumulate: 3 }));
      assert.deepEqual(await outcome(run), await uninterrupted(dir, { accumulate: 3 }));
    }));

  it('goes on from the last checkpoint after kill -9, with a torn line in the metrics', () =>
    inTemporaryFolder(async (dir) => {
      const run = join(dir, 'run');
      const child = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(new URL('support/train-child.ts', import.meta.url)), run], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const exited = new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
      let said = '';
      for await (const chunk of child.stdout) {
        said += chunk;
        if (said.includes('step 18')) break;
      }
      child.kill('SIGKILL');
      assert.equal(await exited, 'SIGKILL');
      const metrics = join(run, 'metrics.jsonl');
      await writeFile(metrics, `${await readFile(metrics, 'utf8')}{"event":"st`);
      const checkpoint = await readSafetensors(join(run, 'checkpoint.safetensors'));
      assert.ok((JSON.parse(checkpoint.metadata.position ?? '{}') as { step: number }).step < 18, 'there is something to repeat');
      await train(options(run, { resume: true }));
      assert.deepEqual(await outcome(run), await uninterrupted(dir));
    }));

  it('just reports a finished run', () =>
    inTemporaryFolder(async (run) => {
      const first = await train(options(run, { epochs: 1 }));
      const again = await train(options(run, { epochs: 1, resume: true }));
      assert.equal(again.testAccuracy, first.testAccuracy);
      assert.equal((await readMetrics(run)).filter(({ event }) => event === 'done').length, 1);
    }));
});

describe('refusing to resume or to overwrite', () => {
  /** `change` damages or changes something; training must then fail with `code` and leave the folder as it is. */
  async function refuses(
    change: (run: string) => Promise<Partial<TrainOptions> | undefined>,
    expected: RegExp,
    resume = true,
  ): Promise<void> {
    await inTemporaryFolder(async (dir) => {
      const run = join(dir, 'run');
      await train(options(run, { maxSteps: 5 }));
      const more = await change(run);
      const before = await snapshot(run);
      await assert.rejects(train(options(run, { resume, ...more })), (error: Error & { diagnostics?: unknown }) => {
        assert.match(JSON.stringify(error.diagnostics), expected);
        return true;
      });
      assert.deepEqual(await snapshot(run), before);
    });
  }

  it('a new run in the folder of another', () => refuses(async () => undefined, /AMP7204/, false));

  it('a checkpoint cut short', () =>
    refuses(async (run) => {
      const path = join(run, 'checkpoint.safetensors');
      await writeFile(path, (await readFile(path)).subarray(0, -10));
      return undefined;
    }, /AMP7201.*damaged/));

  it('a checkpoint with a flipped bit', () =>
    refuses(async (run) => {
      const path = join(run, 'checkpoint.safetensors');
      const bytes = await readFile(path);
      bytes[bytes.length - 30] ^= 4;
      await writeFile(path, bytes);
      return undefined;
    }, /AMP7201.*checksum/));

  it('a weights file in place of the checkpoint', () =>
    refuses(async (run) => {
      await cp(join(run, 'last.safetensors'), join(run, 'checkpoint.safetensors'));
      return undefined;
    }, /AMP7203.*format/));

  it('a checkpoint of other settings, which are named', async () => {
    await refuses(async () => ({ recipe: fakeRecipe({ seed: 8 }) }), /AMP7203.*train\.seed was 7 and is 8/);
    await refuses(async () => ({ shuffle: false }), /AMP7203.*shuffle was true and is false/);
    const recipe = fakeRecipe();
    const other = { ...recipe, train: { ...recipe.train, optimizer: { ...recipe.train.optimizer, weightDecay: 0.2 } } };
    await refuses(async () => ({ recipe: other }), /AMP7203.*train\.optimizer\.weight_decay was 0 and is 0\.2/);
  });

  it('a folder without a checkpoint', () =>
    inTemporaryFolder(async (run) => {
      await assert.rejects(train(options(join(run, 'none'), { resume: true })), /AMP7203/);
    }));
});
