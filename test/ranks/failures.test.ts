import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { skip } from '../support/skip.js';
import { useTiny } from '../support/tiny.js';
import { gone, LAUNCHERS, MISSING, pidsIn, start, startSmall } from './launch.js';

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
      const { code, stderr } = await start(launcher, 3, args(run, '--batch', '13'), { env: { AMPC_TEST_SLOW: slow }, preload: SLOW })
        .result;
      assert.equal(code, 0, stderr);
    }
    const weights = (run: string) => readFileSync(work.path(`${run}/last.safetensors`));
    assert.deepEqual(weights('slow'), weights('even'));
  });

  it('one that hangs is named after the time that was set, once, and the checkpoint stays', async () => {
    const options = { data: work.data, backend: 'cpu', threads: 1, epochs: 3, logEvery: 1 };
    // Long enough for a busy machine to begin in.
    const env = { AMPC_RANK_TIMEOUT: '20', AMPC_TEST_END: 'hang 2 13 0' };
    await Promise.all(
      Object.values(LAUNCHERS).map(async (launcher, i) => {
        const run = work.path(`hung-${i}`);
        const { code, stdout, stderr } = await startSmall(launcher, 3, work.program, { ...options, out: run }, env).result;
        assert.equal(code, 1, stderr);
        once(stderr, /error\[AMP6507\]: rank 2 of 3 has not answered for 20 seconds\n = why: rank 0 waits/);
        once(stderr, /AMP6507/);
        assert.ok(existsSync(`${run}/checkpoint.safetensors`));
        await gone(pidsIn(stdout));
      }),
    );
  });

  it('one that fails alone is named, with its reason and its exit code, once', async () => {
    for (const launcher of Object.values(LAUNCHERS)) {
      const { code, stderr } = await start(launcher, 2, args('alone'), { last: ['--data', work.path('nowhere')] }).result;
      assert.equal(code, 1);
      once(stderr, /rank 1 of 2 failed:\nerror\[AMP\d+\]: .*nowhere/);
      once(stderr, /error\[/);
    }
  });

  it('a mistake that all make is told once', async () => {
    const watched = await start(OPEN, 2, ['train', work.program, '--watch']).result;
    assert.equal(watched.code, 2);
    once(watched.stderr, /--watch does not go with several ranks/);
    for (const launcher of Object.values(LAUNCHERS)) {
      const usage = await start(launcher, 2, args('wrong', '--ranks', '2')).result;
      assert.equal(usage.code, 2);
      once(usage.stderr, /unknown option '--ranks'/);
    }
  });

  it('another plan is refused with the first line that differs', async () => {
    const { code, stderr } = await start(OPEN, 2, args('other'), { last: ['--set', 'train.optimizer.lr=0.5'] }).result;
    assert.equal(code, 1);
    once(stderr, /AMP6508\]: rank 1 has another plan than rank 0\n = why: rank 0: .*; rank 1: .*0\.5/);
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
