import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ampc } from '../support/cli.js';
import { TINY, useTiny } from '../support/tiny.js';

const MIXED = TINY.replace('std: 0.5) }', 'std: 0.5)  flip  mixup(alpha: 0.4)  cutmix(alpha: 1) }');

describe('training on mixed images', () => {
  const work = useTiny(MIXED, 5);

  it('goes on from a checkpoint to the same weights, and mixes nothing without augmentation', async () => {
    const [whole, parted, plain, unmixed] = ['whole', 'parted', 'plain', 'unmixed'].map((name) => work.path(name));
    const train = async (...rest: readonly string[]) => {
      const { code, stderr } = await ampc(...work.args('train', ...rest));
      assert.equal(code, 0, stderr);
    };
    const weights = (run: string) => readFileSync(join(run, 'last.safetensors'));
    await train(work.program, '--out', whole!);
    await train(work.program, '--out', parted!, '--max-steps', '3');
    await train(work.program, '--resume', parted!);
    assert.deepEqual(weights(parted!), weights(whole!));
    assert.match(readFileSync(join(whole!, 'plan.txt'), 'utf8'), /fn train_step\(.*%target: f32\[8,10\]/);
    await train(work.program, '--out', plain!, '--no-augment');
    await train(work.file('unmixed.amp', TINY), '--out', unmixed!, '--no-augment');
    assert.deepEqual(weights(plain!).subarray(-1920), weights(unmixed!).subarray(-1920));
    assert.notDeepEqual(weights(plain!).subarray(-1920), weights(whole!).subarray(-1920));
  });
});
