import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { schemaProblem } from '../../src/files/schemas.js';
import type { KeptWeights } from '../../src/index.js';
import { ampc } from '../support/cli.js';
import { TINY, useTiny } from '../support/tiny.js';

describe('ampc train --keep-best', function () {
  this.timeout(120_000);
  const work = useTiny(TINY.replace('lr: 1e-3', 'lr: 3e-2'));
  const train = async (run: string, ...rest: readonly string[]) => {
    const { code, stderr } = await ampc(...work.args('train', work.program, ...rest));
    assert.equal(code, 0, stderr);
    return work.path(run);
  };
  const index = (run: string) => JSON.parse(readFileSync(join(run, 'best.json'), 'utf8')) as readonly KeptWeights[];
  const files = (run: string) =>
    readdirSync(run)
      .filter((name) => /^best-/.test(name))
      .sort();

  it('keeps the best epochs, the best first, and no more', async () => {
    const run = await train('three', '--out', work.path('three'), '--epochs', '7', '--keep-best', '3');
    const kept = index(run);
    const epochs = readFileSync(join(run, 'metrics.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly event: string; readonly epoch: number; readonly test_accuracy: number })
      .filter(({ event }) => event === 'epoch');
    // Of equal ones the earlier.
    const best = [...epochs].sort((a, b) => b.test_accuracy - a.test_accuracy || a.epoch - b.epoch).slice(0, 3);
    assert.deepEqual(
      kept.map(({ epoch, step, scores }) => [epoch, step, scores.accuracy]),
      best.map(({ epoch, test_accuracy }) => [epoch, 10 * epoch, test_accuracy]),
    );
    assert.deepEqual(files(run), kept.map(({ file }) => file).sort());
    assert.deepEqual(readFileSync(join(run, kept[0]!.file)), readFileSync(join(run, 'best.safetensors')));
    for (const { file, scores } of kept) {
      const { stdout } = await ampc('eval', run, '--weights', join(run, file), '--data', work.data, '--json');
      assert.equal(JSON.parse(stdout).test_accuracy, scores.accuracy);
    }
  });

  it('has the same of a run that was interrupted, whose last epochs happen again', async () => {
    const whole = work.path('three');
    const run = await train('cut', '--out', work.path('cut'), '--epochs', '7', '--keep-best', '3', '--max-steps', '40');
    await train('cut', '--resume', run);
    assert.deepEqual(index(run), index(whole));
    assert.deepEqual(files(run), files(whole));
    for (const file of files(run)) assert.deepEqual(readFileSync(join(run, file)), readFileSync(join(whole, file)));
  });

  it('names weights within an epoch by their step, and keeps nothing unless it is asked to', async () => {
    const run = await train('short', '--out', work.path('short'), '--max-steps', '13', '--keep-best', '5');
    assert.deepEqual(files(run), ['best-epoch-1.safetensors', 'best-step-13.safetensors']);
    const plain = await train('plain', '--out', work.path('plain'), '--max-steps', '10');
    assert.deepEqual(files(plain), []);
    assert.equal(existsSync(join(plain, 'best.json')), false);
  });

  it('is told by ampc runs', async () => {
    const { stdout } = await ampc('runs', work.dir);
    assert.match(stdout, /\nbest weights in three: best-epoch-\d\.safetensors \(\d+\.\d\d %\), best-epoch-/);
    const json = await ampc('runs', work.dir, '--json');
    assert.equal(schemaProblem('runs', JSON.parse(json.stdout)), undefined);
    const runs = JSON.parse(json.stdout).runs as readonly { readonly run: string; readonly kept: readonly KeptWeights[] }[];
    for (const { run, kept } of runs) assert.equal(kept.length, files(run).length);
  });
});
