import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRun, MetricsLog, openRun } from '../../src/training/run-folder.js';
import { inTemporaryFolder } from './support/fake.js';

const CONTENTS = { source: { path: 'examples/net.amp', text: 'model ...\n' }, config: { batch: 64 }, plan: 'plan @Net\n' };

describe('run folder', () => {
  it('keeps the source, the settings and the plan', () =>
    inTemporaryFolder(async (dir) => {
      const run = join(dir, 'a', 'b');
      await createRun(run, CONTENTS);
      assert.deepEqual((await readdir(run)).sort(), ['config.json', 'net.amp', 'plan.txt']);
      const { source, config } = await openRun(run);
      assert.deepEqual([source.text, config], [CONTENTS.source.text, CONTENTS.config]);
    }));

  it('is not made where a run is, nor where a file is', () =>
    inTemporaryFolder(async (dir) => {
      await writeFile(join(dir, 'metrics.jsonl'), '');
      await assert.rejects(createRun(dir, CONTENTS), /AMP7204/);
      await assert.rejects(createRun(join(dir, 'metrics.jsonl'), CONTENTS), /AMP7206/);
    }));

  it('is not opened where there is none', () =>
    inTemporaryFolder(async (dir) => {
      await assert.rejects(openRun(join(dir, 'none')), /AMP7205/);
      await assert.rejects(openRun(dir), /AMP7205/);
      await writeFile(join(dir, 'x.amp'), '');
      await writeFile(join(dir, 'config.json'), '{');
      await assert.rejects(openRun(dir), /AMP7205/);
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
      const log = await MetricsLog.open(dir, { step: 2, epochs: 1 });
      await log.append({ event: 'done', test_accuracy: Number.NaN, seconds: 1, steps: 2 });
      await log.close();
      const kept = [lines[0], lines[1], lines[2], lines[3], '{"event":"done","test_accuracy":null,"seconds":1,"steps":2}'];
      assert.equal(await readFile(path, 'utf8'), `${kept.join('\n')}\n`);
    }));
});
