import assert from 'node:assert/strict';
import { readFileSync, renameSync, rmSync } from 'node:fs';
import { resume } from '../../src/index.js';
import { ampc } from '../support/cli.js';
import { useTiny } from '../support/tiny.js';

describe('ampc train --resume RUN, without a file', function () {
  this.timeout(120_000);
  const work = useTiny();
  const place = ['--backend', 'reference', '--data', work.data];
  const weights = (run: string) => readFileSync(work.path(`${run}/last.safetensors`)).toString('base64');

  before(async () => {
    assert.equal((await ampc('train', work.program, ...place, '--out', work.path('whole'))).code, 0);
    for (const run of ['cut', 'moved', 'called'])
      assert.equal((await ampc('train', work.program, ...place, '--out', work.path(run), '--max-steps', '13')).code, 0);
    // A run needs nothing of the file that it was begun with.
    rmSync(work.program);
  });

  it('goes on with the file in its folder, to the same bits', async () => {
    const { code, stdout, stderr } = await ampc('train', '--resume', work.path('cut'), ...place);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /20 steps in .*; weights and metrics in .*cut\n$/);
    assert.equal(weights('cut'), weights('whole'));
    renameSync(work.path('moved'), work.path('elsewhere'));
    assert.equal((await ampc('train', ...place, '--resume', '--out', work.path('elsewhere'))).code, 0);
    assert.equal(weights('elsewhere'), weights('whole'));
  });

  it('is a function as well', async () => {
    const { steps } = await resume({ run: work.path('called') }, { backend: 'reference', data: work.data });
    assert.equal(steps, 20);
    assert.equal(weights('called'), weights('whole'));
  });

  it('says what is missing', async () => {
    const told = async (...args: readonly string[]) => {
      const { code, stderr } = await ampc('train', ...args);
      return `${code} ${stderr.split('\n')[0]}`;
    };
    assert.equal(await told(), "2 error: missing required argument 'file'");
    assert.equal(await told('--resume'), '2 error: without a file --resume needs the folder of a run: --resume DIR');
    assert.match(await told('--resume', 'net.amp'), /^2 error: --resume takes the folder .*: ampc train net\.amp --resume$/);
    assert.match(await told('--resume', work.data), /^1 error\[AMP7205\]: .*data is not the folder of a run$/);
  });
});
