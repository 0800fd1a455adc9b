import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { skip } from '../support/skip.js';
import { useTiny, writeTinyCifar } from '../support/tiny.js';
import { gone, LAUNCHERS, type Launcher, MISSING, pidsIn, start, startSmall } from './launch.js';

const SLOW = new URL('./slow.mjs', import.meta.url).href;
const OPEN = LAUNCHERS['Open MPI'];

describe('ranks that are slow, differ or fail', function () {
  this.timeout(600_000);
  const work = useTiny();
  const args = (run: string, ...more: readonly string[]) => {
    return ['train', work.program, '--data', work.data, '--backend', 'cpu', '--out', work.path(run), '--threads', '1', ...more];
  };
  const once = (text: string, pattern: RegExp) => assert.equal(text.match(new RegExp(pattern, 'g'))?.length, 1, text);

  before(function () {
    if (MISSING !== undefined) skip(this, `there is no ${MISSING}`);
  });

  it('uneven parts, a last step in which a rank has no image, and a rank that sleeps: the same bits with both libraries', async () => {
    // 80 images: six steps of 4, 4 and 5, and one of none, 1 and 1.
    for (const [run, launcher, slow] of [
      ['even', OPEN, 'nobody'],
      ['slow', LAUNCHERS.MPICH, '1'],
    ] as const) {
      const { code, stderr } = await start(
        launcher,
        3,
        args(run, '--batch', '13', '--epochs', '1', '--set', 'precision.communicate=bf16'),
        {
          env: { AMPC_TEST_SLOW: slow },
          preload: SLOW,
        },
      ).result;
      assert.equal(code, 0, stderr);
    }
    const weights = (run: string) => readFileSync(work.path(`${run}/last.safetensors`));
    assert.deepEqual(weights('slow'), weights('even'));
  });

  /** What becomes of ranks of which the last one hangs, with a time that is set: one that all have begun to train before it is over. */
  async function hung(launcher: Launcher, run: string, seconds = 5): Promise<{ readonly stderr: string; readonly seconds: number }> {
    const options = { data: work.data, backend: 'cpu', threads: 1, epochs: 3, logEvery: 1, out: run };
    const env = { AMPC_RANK_TIMEOUT: String(seconds), AMPC_TEST_END: 'hang 1 13 0' };
    const { code, stdout, stderr } = await startSmall(launcher, 2, work.program, options, env).result;
    assert.equal(code, 1, stderr);
    await gone(pidsIn(stdout));
    if (/^hangs /m.test(stdout)) return { stderr, seconds };
    rmSync(run, { recursive: true, force: true });
    return hung(launcher, run, 2 * seconds);
  }

  it('one that hangs is named after the time that was set, once, and the checkpoint stays', async () => {
    for (const [name, launcher] of Object.entries(LAUNCHERS)) {
      const run = work.path(`hung-${name.length}`);
      const { stderr, seconds } = await hung(launcher, run);
      once(stderr, new RegExp(`error\\[AMP6507\\]: rank 1 of 2 has not answered for ${seconds} seconds\\n = why: rank 0 waits`));
      once(stderr, /AMP6507/);
      assert.ok(existsSync(`${run}/checkpoint.safetensors`));
    }
  });

  it('one that fails alone is named, with its reason and its exit code, once', async () => {
    for (const [name, launcher] of Object.entries(LAUNCHERS)) {
      // Not one folder for both: of a process that the first launcher killed, the system may not have taken leave yet.
      const { code, stderr } = await start(launcher, 2, args(`alone-${name.length}`), { last: ['--data', work.path('nowhere')] }).result;
      assert.equal(code, 1);
      once(stderr, /rank 1 of 2 failed:\nerror\[AMP\d+\]: .*nowhere/);
      once(stderr, /error\[/);
    }
  });

  it('a mistake that all make is told once', async () => {
    const watched = await start(OPEN, 2, ['train', work.program, '--watch']).result;
    assert.equal(watched.code, 2);
    once(watched.stderr, /--watch does not go with several ranks/);
    const usage = await start(LAUNCHERS.MPICH, 2, args('wrong', '--ranks', '2')).result;
    assert.equal(usage.code, 2);
    once(usage.stderr, /unknown option '--ranks'/);
  });

  it('a command of which each would do all is refused once', async () => {
    const { code, stdout, stderr } = await start(OPEN, 2, ['eval', work.path('none')]).result;
    assert.equal(code, 1, stderr);
    assert.equal(stdout, '');
    once(stderr, /error\[AMP6512\]: ampc eval is for one process, and a launcher started 2/);
  });

  it('another plan is refused with the first line that differs', async () => {
    const { code, stderr } = await start(OPEN, 2, args('other'), { last: ['--set', 'train.optimizer.lr=0.5'] }).result;
    assert.equal(code, 1);
    once(stderr, /AMP6508\]: rank 1 has another plan than rank 0\n = why: rank 0: .*; rank 1: .*0\.5/);
  });

  it('another file, and other images, are refused as well: what the plan alone does not tell', async () => {
    const other = work.file('other.amp', readFileSync(work.program, 'utf8').replace('lr: 1e-3', 'lr: 2e-3'));
    const changed = work.path('changed');
    writeTinyCifar(changed);
    const file = join(changed, 'cifar-10-batches-bin', 'data_batch_2.bin');
    writeFileSync(file, readFileSync(file).fill(7, 100, 101));
    for (const [run, choices, reason] of [
      ['file', { instead: ['train', other, ...args('file').slice(2)] }, /rank 0: .*0\.001.*; rank 1: .*0\.002/],
      ['bytes', { last: ['--data', changed] }, /rank 0: training images 80, .*; rank 1: training images 80, /],
    ] as const) {
      const { code, stderr } = await start(LAUNCHERS.MPICH, 2, args(run), choices).result;
      assert.equal(code, 1, stderr);
      once(stderr, /AMP6508\]: rank 1 has another plan than rank 0/);
      once(stderr, reason);
    }
  });

  it('without MPI each machine says once what to install', async () => {
    for (const [launcher, packages] of [
      [OPEN, 'openmpi-bin libopenmpi-dev'],
      [LAUNCHERS.MPICH, 'mpich libmpich-dev'],
    ] as const) {
      const { code, stderr } = await start(launcher, 2, args('none'), { env: { AMPC_MPICC: 'no-such-mpicc' } }).result;
      assert.equal(code, 1);
      once(stderr, /error\[AMP6504\]: this process is a rank of mpirun/);
      once(stderr, new RegExp(`apt-get install ${packages}`));
    }
  });

  it('the mpirun of one library with the compiler of the other is told once', async () => {
    const { code, stderr } = await start(OPEN, 2, args('mixed'), { env: { AMPC_MPICC: 'mpicc.mpich' } }).result;
    assert.equal(code, 1);
    once(stderr, /AMP6506\]: mpirun of Open MPI started 2 ranks, and MPI knows of 1/);
  });
});
