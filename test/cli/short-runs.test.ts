import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { schemaProblem } from '../../src/files/schemas.js';
import type { ImageSet } from '../../src/training/data/dataset.js';
import { withFewTested } from '../../src/training/data/first-images.js';
import { ampc, startAmpc } from '../support/cli.js';
import { environment } from '../support/environment.js';
import { TINY, useTiny } from '../support/tiny.js';

describe('ampc train --dry-run', () => {
  const work = useTiny();
  const set = environment(['TMPDIR']);

  it('takes the first steps of the run, tests a little, and keeps nothing', async () => {
    const { code, stdout, stderr } = await startAmpc(work.args('train', work.program, '--dry-run'), {}, { cwd: work.dir }).result;
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^Tiny: 490 parameters, fp16 on reference .*\nlosses of 5 steps: \d\.\d{4}(, \d\.\d{4}){4}; test loss \d\.\d{4}/);
    assert.match(stdout, /\ndry run: all that a run does works here; nothing is kept\n$/);
    assert.equal(existsSync(work.path('runs')), false);
    set({ TMPDIR: work.dir });
    assert.equal(tmpdir(), work.dir);
    const before = readdirSync(work.dir);
    const json = await ampc(...work.args('train', work.program, '--dry-run', '--json'));
    assert.deepEqual(readdirSync(work.dir), before);
    const line = JSON.parse(json.stdout) as { readonly losses: readonly number[] };
    assert.equal(schemaProblem('events', line), undefined);
    const run = work.path('run');
    assert.equal((await ampc(...work.args('train', work.program, '--out', run, '--max-steps', '5', '--log-every', '1'))).code, 0);
    const steps = readFileSync(join(run, 'metrics.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text))
      .filter(({ event }) => event === 'step');
    assert.deepEqual(
      line.losses,
      steps.map(({ loss }) => loss),
    );
  });

  it('fails where the run would', async () => {
    const wild = work.file('wild.amp', TINY.replace('compute fp16', 'compute fp32').replace('adam(lr: 1e-3)', 'sgd(lr: 1e38)'));
    const { code, stderr } = await ampc(...work.args('train', wild, '--dry-run'));
    assert.equal(code, 1);
    assert.match(stderr, /^error\[AMP7302\]/);
    const missing = await ampc('train', work.program, '--dry-run', '--backend', 'reference', '--data', work.path('nowhere'));
    assert.match(missing.stderr, /^error\[AMP7001\]/);
    assert.equal((await ampc('train', work.program, '--dry-run', '--out', 'x')).code, 2);
  });
});

describe('ampc train --dry-run with more test images than it tests', () => {
  const work = useTiny(TINY.replace('normalize(', 'validation(0.2)  normalize('), 80);

  it('tests the first of them, by the cpu as by the reference', async () => {
    const losses: number[] = [];
    for (const backend of ['cpu', 'reference']) {
      const { code, stdout, stderr } = await ampc(
        ...['train', work.program, '--dry-run', '--precision', 'fp32', '--json', '--backend', backend, '--data', work.data],
      );
      assert.equal(code, 0, stderr);
      losses.push((JSON.parse(stdout) as { readonly test_loss: number }).test_loss);
    }
    const [cpu, reference] = losses;
    assert.ok(Math.abs(cpu! - reference!) < 1e-4, `${cpu} and ${reference}`);
  });

  it('cuts all that belongs to an image, and leaves pictures to what brings them into memory', () => {
    const set: ImageSet = {
      images: Uint8Array.from({ length: 12 }, (_, at) => at),
      labels: Int32Array.of(0, 1, 2),
      count: 3,
      shape: [2, 2, 1],
      further: { age: Float32Array.of(1, 2, 3, 4, 5, 6) },
      files: ['a', 'b', 'c'],
    };
    const { images } = set;
    const supply = { room: 3, placeOf: () => 2, hold: () => undefined };
    const few = withFewTested({ name: 'few', classes: [], train: set, test: set, validation: { ...set, supply } }, 2);
    const first = { labels: Int32Array.of(0, 1), count: 2, shape: [2, 2, 1], further: { age: Float32Array.of(1, 2, 3, 4) } };
    assert.deepEqual(few.test, { ...first, files: ['a', 'b'], images: images.subarray(0, 8) });
    assert.deepEqual({ ...few.validation }, { ...first, files: ['a', 'b'], supply, images });
    assert.equal(few.train, set);
  });
});

describe('ampc train --max-time', () => {
  const work = useTiny();

  it('ends after the step with which the time is over, and the run goes on from there', async () => {
    const run = work.path('run');
    const { code, stdout, stderr } = await ampc(
      ...work.args('train', work.program, '--out', run, '--epochs', '1000000', '--max-time', '0.05s'),
    );
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /\nthe time is over \(0s\)\ninterrupted after step \d+; continue with: ampc train .* --resume .*run .*\n$/);
    const steps = Number(/after step (\d+)/.exec(stdout)![1]);
    const more = await ampc(...work.args('train', work.program, '--resume', run, '--max-steps', String(steps + 1)));
    assert.match(more.stdout, new RegExp(`^${steps + 1} steps? in`, 'm'));
  });

  it('does not matter to a run that is done before', async () => {
    const { code, stdout } = await ampc(...work.args('train', work.program, '--out', work.path('done'), '--max-time', '3h30m'));
    assert.equal(code, 0);
    assert.match(stdout, /^20 steps in .* weights and metrics in .*done$/m);
  });

  for (const time of ['soon', '5', '1d', '0s', '1m30']) {
    it(`refuses ${time}`, async () => {
      const { code, stderr } = await ampc('train', work.program, '--max-time', time);
      assert.equal(code, 2);
      assert.match(stderr, /A time is needed, such as 90s, 45m or 1h30m/);
    });
  }
});
