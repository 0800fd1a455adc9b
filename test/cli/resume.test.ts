import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ampc } from '../support/cli.js';
import { TINY, useTiny } from '../support/tiny.js';

/** The tiny program with ten steps an epoch. */
describe('ampc train --resume with other epochs and rates', function () {
  this.timeout(120_000);
  const work = useTiny(TINY.replace('epochs 2', 'epochs 2  schedule one_cycle'));
  const file = work.program;

  async function train(run: string, ...rest: readonly string[]) {
    const result = await ampc('train', file, '--backend', 'reference', '--data', work.data, '--log-every', '1', ...rest);
    const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
    return { ...result, events: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
  }

  it('stretches what is left, says so, and keeps to it', async () => {
    const run = work.path('stretched');
    await train(run, '--out', run, '--max-steps', '15');
    const first = await train(run, '--resume', run, '--epochs', '3', '--max-steps', '20');
    assert.equal(first.code, 0, first.stderr);
    assert.match(
      first.stderr,
      /warning\[AMP7310\]: from step 16 on the learning rate is another: the run was for 2 epochs and is for 3 epochs/,
    );
    assert.match(first.stderr, /why: the rest of one_cycle's curve is spread over the 15 steps that are left, and does not jump/);
    const second = await train(run, '--resume', run);
    assert.equal(second.code, 0, second.stderr);
    assert.doesNotMatch(second.stderr, /AMP7310/);
    assert.equal(second.events.at(-1)?.steps, 30);
    const rates = second.events.filter(({ event }) => event === 'step').map(({ lr }) => Number(lr));
    assert.equal(rates.length, 30);
    for (let step = 6; step < 30; step += 1) assert.ok(rates[step]! <= rates[step - 1]!, `the rate rises in step ${step + 1}`);
  });

  it('asks for a schedule behind the end of one, with a command that works', async () => {
    const run = work.path('finished');
    await train(run, '--out', run, '--epochs', '1');
    const refused = await train(run, '--resume', run, '--epochs', '2');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /error\[AMP7210\]: the run was for 1 epoch, and its schedule is at its end/);
    const fix = /--set (train\.schedule=\S+) --set (train\.lr=[^\s,]+)/.exec(refused.stderr)!;
    const taken = await train(run, '--resume', run, '--epochs', '2', '--set', fix[1]!, '--set', fix[2]!);
    assert.equal(taken.code, 0, taken.stderr);
    assert.match(taken.stderr, /train\.optimizer\.lr was 0\.001 and is 0\.0001, train\.schedule was one_cycle and is constant\n/);
    assert.equal(taken.events.filter(({ event }) => event === 'step').at(-1)?.lr, Math.fround(1e-4));
  });

  it('says what another length means for the bits of a run whose rates do not depend on it, and keeps that', async () => {
    const plain = work.file('plain.amp', TINY);
    const args = (run: string, ...rest: readonly string[]) =>
      work.args('train', plain, ...rest, ...(rest[0] === '--resume' ? [] : ['--out', work.path(run)]));
    const weights = (run: string) => readFileSync(join(work.path(run), 'last.safetensors')).toString('base64');
    assert.equal((await ampc(...args('four', '--epochs', '4'))).code, 0);
    assert.equal((await ampc(...args('two'))).code, 0);
    const longer = await ampc(...args('two', '--resume', work.path('two'), '--epochs', '4'));
    assert.equal(
      longer.stderr,
      'the run was for 2 epochs and is for 4 epochs: it ends with the bits that it would have if 4 epochs had been asked for at first\n',
    );
    assert.equal(weights('two'), weights('four'));
    const slower = await ampc(...args('two', '--resume', work.path('two'), '--epochs', '5', '--set', 'train.lr=1e-4'));
    assert.match(
      slower.stderr,
      /AMP7310\].* train\.optimizer\.lr was 0\.001 and is 0\.0001\n = why: .*; a run that had these rates from its first step on would end with other bits/,
    );
  });
});
