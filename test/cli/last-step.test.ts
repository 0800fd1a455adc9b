import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSafetensors, writeSafetensors } from '../../src/training/safetensors.js';
import { ampc } from '../support/cli.js';
import { TINY, useTiny } from '../support/tiny.js';

describe('ampc train where 130 images are batches of 16, five to a step', function () {
  this.timeout(180_000);
  const work = useTiny(TINY.replace('batch 8', 'batch 16  accumulate 5'), 26);
  const file = work.program;

  async function train(run: string, backend: string, ...rest: readonly string[]) {
    const result = await ampc('train', file, '--backend', backend, '--data', work.data, '--log-every', '1', ...rest);
    const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
    return { ...result, events: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
  }

  for (const backend of ['reference', 'cpu'])
    it(`the last step is in the plan, and a run on ${backend} goes on before it and behind it`, async () => {
      const [whole, parts] = [work.path(`whole-${backend}`), work.path(`parts-${backend}`)];
      const { code, stderr, events } = await train(whole, backend, '--out', whole);
      assert.equal(code, 0, stderr);
      assert.deepEqual([events.at(-1)?.event, events.at(-1)?.steps], ['done', 4]);
      const plan = readFileSync(join(whole, 'plan.txt'), 'utf8');
      assert.match(plan, /^fn tail_accumulate_step\(%image: u8\[16,32,32,3\]/m);
      assert.match(plan, /^fn tail_step\(%image: u8\[2,32,32,3\]/m);
      assert.match(plan, /factor=0\.04[^\d]/, 'a batch of 2 counts 2 / 50');
      assert.match((await ampc('plan', join(whole, 'plan.txt'), '--explain', 'fc')).stdout, /linear/);
      for (const stop of ['1', '2', '3']) {
        const paused = await train(parts, backend, ...(stop === '1' ? ['--out', parts] : ['--resume', parts]), '--max-steps', stop);
        assert.equal(paused.code, 0, paused.stderr);
      }
      await train(parts, backend, '--resume', parts);
      const [a, b] = await Promise.all(
        [whole, parts].map(async (run) => (await readSafetensors(join(run, 'checkpoint.safetensors'))).tensors),
      );
      assert.deepEqual(a, b);
      assert.equal((await ampc('eval', parts, '--data', work.data)).code, 0);
    });

  it('drop_last leaves what is left out, and runs from before there was such a setting go on so', async () => {
    const run = work.path('dropping');
    const first = await train(run, 'reference', '--out', run, '--set', 'train.drop_last=true', '--max-steps', '1');
    assert.equal(first.code, 0, first.stderr);
    assert.doesNotMatch(readFileSync(join(run, 'plan.txt'), 'utf8'), /tail_step/);
    // As an older version left it.
    const path = join(run, 'config.json');
    const config = JSON.parse(readFileSync(path, 'utf8'));
    config.settings = {};
    delete config.recipe.train.dropLast;
    writeFileSync(path, JSON.stringify(config));
    const checkpoint = join(run, 'checkpoint.safetensors');
    const { tensors, metadata } = await readSafetensors(checkpoint);
    const { 'train.dropLast': _, ...settings } = JSON.parse(metadata.settings!) as Record<string, string>;
    await writeSafetensors(checkpoint, tensors, { ...metadata, settings: JSON.stringify(settings) });
    const refused = await train(run, 'reference', '--resume', run, '--set', 'train.drop_last=false');
    assert.match(refused.stderr, /AMP7203.*[\s\S]*train\.drop_last was true and is false/);
    for (const more of [[], ['--epochs', '4']]) {
      const resumed = await train(run, 'reference', '--resume', run, ...more);
      assert.equal(resumed.code, 0, resumed.stderr);
      assert.equal(resumed.events.at(-1)?.steps, more.length === 0 ? 2 : 4);
    }
  });
});
