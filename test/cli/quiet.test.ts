import assert from 'node:assert/strict';
import { join } from 'node:path';
import { ampc } from '../support/cli.js';
import { TINY, useTiny } from '../support/tiny.js';

describe('--quiet', () => {
  const work = useTiny();

  it('leaves of training the result, and of its JSON nothing away', async () => {
    const { code, stdout, stderr } = await ampc(...work.args('train', work.program, '--out', work.path('run'), '--quiet'));
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^20 steps in \d+s, test accuracy \d+\.\d\d %; weights and metrics in .*run\n$/);
    const json = await ampc(...work.args('train', work.program, '--out', work.path('json'), '-q', '--json'));
    const events = json.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).event);
    assert.deepEqual(events, ['start', 'step', 'epoch', 'epoch', 'done']);
    assert.match(json.stderr, /^20 steps in .*\n$/);
  });

  it('leaves warnings and errors', async () => {
    const wild = work.file('wild.amp', TINY.replace('compute fp16', 'compute fp32').replace('adam(lr: 1e-3)', 'sgd(lr: 1e38)'));
    const lost = await ampc(...work.args('train', wild, '--out', work.path('lost'), '--quiet'));
    assert.equal(lost.code, 1);
    assert.match(lost.stderr, /^error\[AMP7302\]/);
    const run = work.path('run');
    const none = await ampc(...work.args('predict', run, join(work.dir, 'tiny.amp'), '--quiet'));
    assert.deepEqual([none.code, none.stdout], [1, '']);
    assert.match(none.stderr, /error\[AMP7401\]/);
  });

  it('leaves of checks what is wrong', async () => {
    assert.deepEqual(await ampc('check', work.program, '--quiet'), { code: 0, stdout: '', stderr: '' });
    assert.deepEqual(await ampc('fmt', work.program, '--quiet'), { code: 0, stdout: '', stderr: '' });
    const spec = (most: number) =>
      `description: small\nstage: plan\ninput: { file: tiny.amp }\nexpect: { properties: [{ parameters: { at_most: ${most} } }] }\n`;
    assert.deepEqual(await ampc('test', work.file('holds.yaml', spec(490)), '-q'), { code: 0, stdout: '', stderr: '' });
    const { code, stdout } = await ampc('test', work.file('holds.yaml', spec(490)), work.file('fails.yaml', spec(1)), '-q');
    assert.equal(code, 1);
    assert.match(stdout, /^FAIL {2}.*fails\.yaml: small\n/);
  });

  it('leaves of a sweep its table', async () => {
    const { code, stdout, stderr } = await ampc(
      ...work.args('sweep', work.program, '--out', work.path('sweep'), '--seeds', '2', '--quiet'),
    );
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^\ntest accuracy +test loss +runs +time\n.* 2\/2 .*\nsorted by test accuracy; .*\nbest: all seeds, .*\n$/);
  });
});
