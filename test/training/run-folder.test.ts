import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RunClaim } from '../../src/training/run-claim.js';
import { MetricsLog, openRun } from '../../src/training/run-folder.js';
import { inTemporaryFolder } from './support/fake.js';

const CONTENTS = { source: { path: 'examples/net.amp', text: 'model ...\n' }, config: { batch: 64 }, plan: 'plan @Net\n' };

describe('run folder', () => {
  it('keeps the source, the settings and the plan', () =>
    inTemporaryFolder(async (dir) => {
      const run = join(dir, 'a', 'b');
      const claim = await RunClaim.start(run);
      await claim.write(CONTENTS);
      assert.deepEqual((await readdir(run)).sort(), ['config.json', 'net.amp', 'plan.txt', 'run-1.lock']);
      const { source, config } = await openRun(run);
      assert.deepEqual([source.text, config], [CONTENTS.source.text, CONTENTS.config]);
    }));

  it('is not made where a run is, nor where a file is', () =>
    inTemporaryFolder(async (dir) => {
      await writeFile(join(dir, 'metrics.jsonl'), '');
      await assert.rejects(RunClaim.start(dir), /AMP7204/);
      await assert.rejects(RunClaim.start(join(dir, 'metrics.jsonl')), /AMP7206/);
    }));

  it('is not opened where there is none', () =>
    inTemporaryFolder(async (dir) => {
      await assert.rejects(openRun(join(dir, 'none')), /AMP7205/);
      await assert.rejects(openRun(dir), /AMP7205/);
      await writeFile(join(dir, 'x.amp'), '');
      await writeFile(join(dir, 'config.json'), '{');
      await assert.rejects(openRun(dir), /AMP7205/);
    }));

  it('of an older version has the one .amp file as its source', () =>
    inTemporaryFolder(async (dir) => {
      await writeFile(join(dir, 'config.json'), '{"batch":64}');
      await writeFile(join(dir, 'net.amp'), 'model ...');
      assert.equal((await openRun(dir)).source.text, 'model ...');
      await writeFile(join(dir, 'config.json'), '{"ampc":"0.1.0","file":"renamed.amp"}');
      assert.equal((await openRun(dir)).source.text, 'model ...');
      await writeFile(join(dir, 'other.amp'), '');
      await assert.rejects(openRun(dir), /AMP7205/);
      await writeFile(join(dir, 'config.json'), '{"ampc":"0.1.0","file":"net.amp"}');
      assert.equal((await openRun(dir)).source.text, 'model ...');
    }));

  it('drops the metrics after the checkpoint that a run resumes from', () =>
    inTemporaryFolder(async (dir) => {
      const path = join(dir, 'metrics.jsonl');
      const line = (event: string, step: number): string => JSON.stringify({ event, step, epoch: step });
      const lines = [
        line('start', 0),
        line('step', 1),
        line('epoch', 1),
        line('step', 2),
        line('epoch', 2),
        line('step', 3),
        line('done', 3),
      ];
      await writeFile(path, `${lines.join('\n')}\n{"event":"step","st`);
      const log = await MetricsLog.open(dir, { step: 2, epochs: 1, planFrom: 0 });
      await log.append({ event: 'done', test_accuracy: Number.NaN, seconds: 1, steps: 2 });
      await log.close();
      const kept = [lines[0], lines[1], lines[2], lines[3], '{"event":"done","test_accuracy":null,"seconds":1,"steps":2}'];
      assert.equal(await readFile(path, 'utf8'), `${kept.join('\n')}\n`);
    }));

  it('knows what ended the run that its metrics go on from', () =>
    inTemporaryFolder(async (dir) => {
      const warning = { event: 'warning', step: 3, code: 'AMP7302', message: 'the loss is NaN' };
      const endedBy = async (...events: object[]) => {
        await writeFile(join(dir, 'metrics.jsonl'), events.map((event) => `${JSON.stringify(event)}\n`).join(''));
        const log = await MetricsLog.open(dir, { step: 2, epochs: 1, planFrom: 0 });
        await log.close();
        return log.endedBy;
      };
      const last = { ...warning, ends_run: true };
      assert.deepEqual(await endedBy({ event: 'start' }, last), last);
      assert.equal(await endedBy({ event: 'start' }, warning), undefined);
      assert.equal(await endedBy(last, { event: 'start' }), undefined);
    }));
});
