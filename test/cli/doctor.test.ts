import assert from 'node:assert/strict';
import { ampc } from '../support/cli.js';
import { makeWorkspace, TINY, type Workspace, writeTinyCifar } from '../support/tiny.js';

describe('ampc doctor', () => {
  let work: Workspace;

  before(() => {
    work = makeWorkspace();
    writeTinyCifar(work.dir);
  });

  after(() => work.remove());

  it('tells the story of a run, and exits 1 when something is wrong with it', async () => {
    const train = async (name: string, text: string) => {
      const file = work.file(`${name}.amp`, text);
      const run = work.path(name);
      const { code, stderr } = await ampc('train', file, '--backend', 'reference', '--data', work.dir, '--out', run, '--epochs', '1');
      assert.equal(code, 0, stderr);
      return run;
    };
    const good = await ampc('doctor', await train('good', TINY));
    assert.deepEqual([good.code, good.stderr], [0, '']);
    assert.match(good.stdout, /^Tiny: fp16 on reference, 10 steps, finished\n0 skipped steps\nloss scale 65536 throughout/);
    assert.match(good.stdout, /nothing is wrong with its numbers/);
    const bad = await ampc('doctor', await train('bad', TINY.replace('fp16', 'fp16  loss_scale static(scale: 16777216)')));
    assert.equal(bad.code, 1);
    assert.match(bad.stdout, /problem: 10 steps were skipped under a static loss scale of 16777216\n = fix: use a smaller scale/);
  });

  it('refuses a folder that holds no run', async () => {
    const { code, stderr } = await ampc('doctor', work.dir);
    assert.equal(code, 1);
    assert.match(stderr, /AMP7205/);
  });
});
