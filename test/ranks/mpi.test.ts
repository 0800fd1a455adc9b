import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { coresIn, launched, shareCores, threadsPerRank } from '../../src/runtime/cpu/mpi/launcher.js';
import { readSafetensors } from '../../src/training/safetensors.js';
import { ampc } from '../support/cli.js';
import { skip } from '../support/skip.js';
import { TINY, useTiny, writeTinyCifar } from '../support/tiny.js';
import { LAUNCHERS, MISSING, ranksOf, start } from './launch.js';

describe('ampc train on several ranks of MPI', function () {
  this.timeout(600_000);
  const work = useTiny();
  const weights = (run: string) => readFileSync(work.path(`${run}/last.safetensors`));
  const args = (run: string, ...more: readonly string[]) => {
    return ['train', work.program, '--data', work.data, '--backend', 'cpu', '--out', work.path(run), '--threads', '1', ...more];
  };

  before(function () {
    if (MISSING !== undefined) skip(this, `there is no ${MISSING}`);
  });

  /** What one rank has that accumulates as many micro-batches as there are ranks, in this process. */
  async function accumulated(run: string, ranks: number, ...more: readonly string[]) {
    const { code, stderr } = await ampc(...args(run, '--set', `train.batch=${8 / ranks}`, '--set', `train.accumulate=${ranks}`, ...more));
    assert.equal(code, 0, stderr);
    return weights(run);
  }

  it('4 ranks end with the bits of one rank that accumulates as many micro-batches, with both libraries', async () => {
    const expected = await accumulated('one', 4);
    for (const [name, launcher] of Object.entries(LAUNCHERS)) {
      const run = name.replace(' ', '');
      const { code, stderr, stdout } = await start(launcher, 4, args(run)).result;
      assert.equal(code, 0, stderr);
      assert.equal(stdout.match(/weights and metrics in/g)?.length, 1);
      assert.deepEqual(weights(run), expected, name);
    }
  });

  it('an image of one rank that overflows skips a step on all, which is traced in the middle of those issued with it', async () => {
    const text = TINY.replace(/normalize[^}]*/, 'normalize(mean: 0, std: 0.000015) ').replace(
      'fp16 }',
      'fp16 loss_scale dynamic(init: 1024) }',
    );
    const file = work.file('fragile.amp', text);
    const dark = work.path('dark');
    writeTinyCifar(dark);
    // White where it is beyond fp16: the last image of the fifth step.
    for (const name of [1, 2, 3, 4, 5].map((i) => join(dark, 'cifar-10-batches-bin', `data_batch_${i}.bin`))) {
      const bytes = readFileSync(name);
      const isWhite = (image: number) => name.endsWith('3.bin') && image === 39 - 32;
      for (let i = 0; i < bytes.length; i++) if (i % 3073 > 0) bytes[i] = isWhite(Math.floor(i / 3073)) ? 255 : bytes[i]! % 3;
      writeFileSync(name, bytes);
    }
    const of = (run: string, ...more: readonly string[]) => [
      ...['train', file, '--data', dark, '--backend', 'cpu', '--out', work.path(run), '--threads', '1', '--no-shuffle', '--epochs', '1'],
      ...more,
    ];
    const one = await ampc(...of('fragile-one', '--set', 'train.batch=4', '--set', 'train.accumulate=2'));
    assert.equal(one.code, 0, one.stderr);
    const two = await start(LAUNCHERS.MPICH, 2, of('fragile-two')).result;
    assert.equal(two.code, 0, two.stderr);
    assert.deepEqual(weights('fragile-two'), weights('fragile-one'));
    const overflows = (run: string) =>
      readFileSync(work.path(`${run}/metrics.jsonl`), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
        .filter(({ event }) => event === 'overflow');
    const [[expected], [found, ...others]] = [overflows('fragile-one'), overflows('fragile-two')];
    assert.deepEqual([found.step, found.ranks, found.value, found.magnitude, others], [5, [1], expected.value, expected.magnitude, []]);
    assert.match(found.message, / on rank 1$/);
  });

  it('goes on with another number of ranks and another library in the middle of an epoch, with the images left of it', async () => {
    const one = await ampc(...args('unmoved', '--max-steps', '17'));
    assert.equal(one.code, 0, one.stderr);
    for (const [launcher, ranks, more] of [
      [LAUNCHERS.MPICH, 3, ['--max-steps', '13']],
      [LAUNCHERS['Open MPI'], 2, ['--max-steps', '17', '--resume']],
    ] as const) {
      const { code, stderr } = await start(launcher, ranks, args('moved', ...more)).result;
      assert.equal(code, 0, stderr);
    }
    const [moved, unmoved] = await Promise.all(['moved', 'unmoved'].map((run) => readSafetensors(work.path(`${run}/last.safetensors`))));
    // Sums in another order: with other images the weights would differ by a hundredth of the learning rate and more.
    for (const [name, { data }] of unmoved!.tensors) {
      const others = moved!.tensors.get(name)!.data;
      for (let i = 0; i < data.length; i++) assert.ok(Math.abs(data[i]! - others[i]!) < 1e-6, name);
    }
  });

  /** A run that only a signal ends, however slow the machine is. */
  const ENDLESS = ['--set', 'train.epochs=100000'];

  /**
   * By library: what gets which signal, and the exit codes that the launcher may have then. That of Open MPI gives ranks SIGTERM, and has a
   * code of its own; that of MPICH, where it got the signal itself, now and then loses the codes of its ranks, whatever program they run.
   */
  const SIGNALS = {
    'Open MPI': [
      ['launcher', 'SIGTERM', [1]],
      ['last rank', 'SIGINT', [130]],
    ],
    MPICH: [
      ['launcher', 'SIGINT', [130, 0]],
      ['last rank', 'SIGTERM', [143]],
    ],
  } as const;

  for (const [name, launcher] of Object.entries(LAUNCHERS))
    it(`a signal to the launcher or to one rank saves and ends all, and the run goes on to the same bits: ${name}`, async () => {
      const run = `stopped-${name.length}`;
      let step = 0;
      for (const [target, signal, expected] of SIGNALS[name as keyof typeof SIGNALS]) {
        const stopped = start(launcher, 2, args(run, ...ENDLESS, ...(step > 0 ? ['--resume'] : [])));
        // A line an epoch and no more: while Open MPI's launcher ends its ranks it reads nothing, and one that fills its pipe cannot end.
        await stopped.waitFor(/^epoch \d+ {2}loss/m);
        if (target === 'launcher') stopped.kill(signal);
        else process.kill(ranksOf(stopped.pid).at(-1)!, signal);
        const { code, stdout, stderr } = await stopped.result;
        const [, after] = /^interrupted after step (\d+); continue with/m.exec(stdout) ?? assert.fail(stderr);
        assert.doesNotMatch(stderr, /the time is over/);
        assert.ok(Number(after) > step);
        assert.ok((expected as readonly (number | null)[]).includes(code), `${code}: ${stderr}`);
        step = Number(after);
      }
      const last = [...ENDLESS, '--max-steps', String(step + 5)];
      const resumed = await start(launcher, 2, args(run, '--resume', ...last)).result;
      assert.equal(resumed.code, 0, resumed.stderr);
      assert.deepEqual(weights(run), await accumulated(`${run}-whole`, 2, ...last));
    });
});

describe('ranks and their launchers', () => {
  it('are told by the environment of each', () => {
    const open = { OMPI_COMM_WORLD_RANK: '2', OMPI_COMM_WORLD_SIZE: '4', OMPI_COMM_WORLD_LOCAL_RANK: '0', OMPI_COMM_WORLD_LOCAL_SIZE: '2' };
    const facts = { rank: 2, size: 4, localRank: 0, localSize: 2 };
    assert.deepEqual(launched(open), { launcher: 'mpirun of Open MPI', library: 'Open MPI', ...facts });
    const hydra = { PMI_RANK: '2', PMI_SIZE: '4', MPI_LOCALRANKID: '0', MPI_LOCALNRANKS: '2' };
    assert.deepEqual(launched(hydra), { launcher: 'mpirun of MPICH', library: 'MPICH', ...facts });
    const slurm = { SLURM_PROCID: '2', SLURM_NTASKS: '4', SLURM_LOCALID: '0', SLURM_NTASKS_PER_NODE: '2' };
    assert.equal(launched(slurm), undefined);
    // A batch script, and the shell of an interactive allocation.
    for (const step of ['4294967291', '4294967290']) assert.equal(launched({ ...slurm, SLURM_STEP_ID: step }), undefined);
    assert.deepEqual(launched({ ...slurm, SLURM_STEP_ID: '0' }), { launcher: 'srun', library: undefined, ...facts });
    // What srun starts by PMIx or PMI has the variables of the library as well, and these say more.
    assert.equal(launched({ ...slurm, SLURM_STEP_ID: '0', ...open })?.library, 'Open MPI');
    assert.equal(launched({ ...slurm, SLURM_STEP_ID: '0', PMI_RANK: '2', PMI_SIZE: '4' })?.library, 'MPICH');
    // A pod of the MPI operator is started by mpirun over ssh, and has Kubernetes' own variables besides.
    const pod = { ...open, KUBERNETES_SERVICE_HOST: '10.0.0.1', K_MPI_JOB_ROLE: 'worker', HOSTNAME: 'job-worker-1' };
    assert.deepEqual(launched(pod), launched(open));
    assert.equal(launched({ OMPI_COMM_WORLD_RANK: 'x', OMPI_COMM_WORLD_SIZE: '4' }), undefined);
    assert.equal(launched({}), undefined);
  });

  it('share the cores of their machine', () => {
    assert.deepEqual([threadsPerRank({ localSize: 2, size: 8 }, 16), threadsPerRank({ localSize: undefined, size: 8 }, 4)], [8, 1]);
    const ranks = (...lists: readonly string[]) => lists.map((list) => ({ host: 'a', cores: coresIn(list), present: 16 }));
    const first = (all: ReturnType<typeof ranks>) => shareCores(all[0]!, [...all, { host: 'b', cores: coresIn('0-63'), present: 64 }]);
    // Bound to nothing, to sockets, each to a core, and all of them in a container of four cores.
    assert.deepEqual(first(ranks('0-15', '0-15')), { threads: 8, unbound: 8 });
    assert.deepEqual(first(ranks('0-7', '0-7', '8-15', '8-15')), { threads: 4, unbound: 4 });
    assert.deepEqual(first(ranks('0', '1')), { threads: 1, unbound: 8 });
    assert.deepEqual(first(ranks('2,5-7', '2,5-7')), { threads: 2, unbound: 2 });
    assert.equal(shareCores({ host: 'a', cores: [], present: 16 }, []), undefined);
  });
});
