import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { schemaProblem } from '../../src/files/schemas.js';
import type { RunComparison } from '../../src/index.js';
import { ampc, startAmpc } from '../support/cli.js';
import { useTiny } from '../support/tiny.js';

describe('ampc compare', () => {
  const work = useTiny();
  const run = (name: string) => work.path(name);

  before(async () => {
    const train = async (name: string, ...options: readonly string[]) => {
      const { code, stderr } = await ampc(...work.args('train', work.program, '--out', run(name), ...options));
      assert.equal(code, 0, stderr);
    };
    await train('half', '--epochs', '3');
    await train('other', '--seed', '7');
    await train('whole', '--precision', 'fp32', '--set', 'train.optimizer.lr=0.01');
  });

  async function compared(...names: readonly string[]): Promise<RunComparison> {
    const { code, stdout, stderr } = await ampc('compare', ...names.map(run), '--json');
    assert.equal(code, 0, stderr);
    const value = JSON.parse(stdout) as RunComparison;
    assert.equal(schemaProblem('compare', value), undefined);
    for (const { diff } of value.plans) if (diff !== null) assert.equal(schemaProblem('diff', diff), undefined);
    return value;
  }

  it('shows settings, curves and plans beside each other', async () => {
    const { code, stdout, stderr } = await startAmpc(['compare', 'half', 'whole'], {}, { cwd: work.dir }).result;
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^half +complete .* 3\/3 /m);
    assert.match(
      stdout,
      /\nsetting +half +whole\nprecision\.compute +fp16 +fp32\ntrain\.optimizer\.lr +0\.001 +0\.01\ntrain\.epochs +3 +2\n\n/,
    );
    assert.match(stdout, /\ntest accuracy\nepoch +half +whole\n +1 .*\n +2 .*\n +3 +\d+\.\d\d % +-\n/);
    assert.match(stdout, /\ntest loss\n/);
    assert.match(stdout, /\ntrain loss\n/);
    assert.match(stdout, /\nplan of whole against half\nprecision: fp16 -> fp32\n[\s\S]*loss scale kind: dynamic -> none\n/);
    assert.match(
      stdout,
      /\ndiffers in formats: \d+, casts removed: \d+.*\n--all, or ampc plan --diff half\/plan\.txt whole\/plan\.txt, lists/,
    );
    assert.doesNotMatch(stdout, /predicted step time|becomes/);
    assert.match((await ampc('compare', run('half'), run('whole'), '--all')).stdout, /casts removed \(\d+\)\n- /);
  });

  it('has the lines of the metrics and the difference of the plans in its JSON', async () => {
    const { runs, differing, curves, plans } = await compared('half', 'other', 'whole');
    assert.deepEqual([runs.length, curves.length, plans.length], [3, 3, 2]);
    assert.deepEqual(differing, ['precision.compute', 'train.optimizer.lr', 'train.seed', 'train.epochs']);
    const events = readFileSync(join(run('half'), 'metrics.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ event }) => event === 'epoch');
    assert.deepEqual(
      curves[0]!.epochs,
      events.map(({ epoch, train_loss, test_loss, test_accuracy }) => ({ epoch, train_loss, test_loss, test_accuracy })),
    );
    assert.deepEqual([plans[0]!.diff!.formats.length, plans[0]!.diff!.settings.length], [0, 0]);
    const changed = JSON.parse(
      (await ampc('plan', '--diff', join(run('half'), 'plan.txt'), join(run('whole'), 'plan.txt'), '--json')).stdout,
    );
    assert.deepEqual(plans[1]!.diff!.formats, changed.formats);
    assert.ok(plans[1]!.diff!.formats.length > 0);
  });

  it('says when plans are the same, and compares what is left of a damaged run', async () => {
    const same = await ampc('compare', run('half'), run('other'));
    assert.match(same.stdout, /\nplan of other against half\nthe plans are the same\n$/);
    const plan = join(run('other'), 'plan.txt');
    const text = readFileSync(plan, 'utf8');
    try {
      writeFileSync(plan, text.slice(0, text.length / 2));
      const damaged = await ampc('compare', run('half'), run('other'));
      assert.equal(damaged.code, 0);
      assert.match(damaged.stdout, /train\.seed +0 +7\n[\s\S]*\nplan of other against half\ncannot be compared: .*plan\.txt/);
      rmSync(plan);
      const { plans } = await compared('other', 'half');
      assert.match(plans[0]!.why!, /other.plan\.txt: there is no such file/);
    } finally {
      writeFileSync(plan, text);
    }
  });

  it('answers mistakes', async () => {
    const one = await ampc('compare', run('half'));
    assert.equal(one.code, 2);
    assert.match(one.stderr, /^error: it takes two runs to compare: ampc compare RUN RUN/);
    const none = await ampc('compare', run('half'), work.data);
    assert.equal(none.code, 1);
    assert.match(
      none.stderr,
      /^error\[AMP7205\]: .* is not the folder of a run\n = why: it has no config\.json\n = fix: .*ampc runs lists/,
    );
  });
});
