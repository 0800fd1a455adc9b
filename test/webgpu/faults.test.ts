import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startAmpc } from '../support/cli.js';
import { useTiny, writeTinyCifar } from '../support/tiny.js';
import { needAdapter } from './adapter.js';

const FAULTS = new URL('./faults.ts', import.meta.url).href;
const WEIGHTS = 'last.safetensors';
const CHECKPOINT = 'checkpoint.safetensors';

describe('a GPU on which ampc trains', function () {
  this.timeout(120_000);
  const work = useTiny();
  const file = work.program;

  before(async function () {
    await needAdapter(this);
  });

  const train = (args: readonly string[], fault?: string) => {
    const all = ['train', file, '--backend', 'webgpu', '--data', work.data, '--log-every', '1', ...args];
    return (fault === undefined ? startAmpc(all) : startAmpc(all, { AMPC_TEST_FAULT: fault }, { preload: FAULTS })).result;
  };

  /** One error, told once, with its code and no stack. */
  const assertTold = (stderr: string, code: string, says: RegExp) => {
    assert.match(stderr, says);
    assert.equal(stderr.match(/^error/gm)?.length, 1, stderr);
    assert.match(stderr, new RegExp(`^error\\[${code}\\]`, 'm'));
    assert.doesNotMatch(stderr, /\n\s+at |Unhandled|Uncaught/);
  };

  const during = [
    ['is lost', 'lost@25', 'AMP6038', /the GPU was lost[\s\S]*--resume/],
    ['refuses a command', 'command@25', 'AMP6037', /the GPU refused a command/],
    ['runs out of memory', 'memory@25', 'AMP6035', /the GPU ran out of memory[\s\S]*smaller batch/],
  ] as const;
  for (const [what, fault, code, says] of during) {
    it(`that ${what}: one message, exit code 1, and the run goes on from its last checkpoint to the same bits`, async () => {
      const [whole, run] = [work.path(`whole-${code}`), work.path(`broken-${code}`)];
      const [complete, broken] = await Promise.all([train(['--out', whole]), train(['--out', run], fault)]);
      assert.equal(complete.code, 0, complete.stderr);
      assert.equal(broken.code, 1, broken.stderr);
      assertTold(broken.stderr, code, says);
      assert.ok(existsSync(join(run, CHECKPOINT)), 'the checkpoint of the first epoch is there');
      const resumed = await train(['--resume', run]);
      assert.equal(resumed.code, 0, resumed.stderr);
      assert.deepEqual(readFileSync(join(run, WEIGHTS)), readFileSync(join(whole, WEIGHTS)));
    });
  }

  const atStart = [
    ['does not take a shader', 'shader', 'AMP6036', /the GPU's driver refused the kernel of train_step[\s\S]*unheard_of/],
    ['has too little memory', 'allocation', 'AMP6035', /the GPU has no .* of memory free[\s\S]*smaller batch/],
  ] as const;
  for (const [what, fault, code, says] of atStart) {
    it(`that ${what}: one message and exit code 1 before anything runs; a checkpoint there stays as it was`, async () => {
      const run = work.path(`start-${fault}`);
      assert.equal((await train(['--out', run, '--epochs', '1'])).code, 0);
      const before = readFileSync(join(run, CHECKPOINT));
      const broken = await train(['--resume', run, '--epochs', '2'], fault);
      assert.equal(broken.code, 1, broken.stderr);
      assertTold(broken.stderr, code, says);
      assert.deepEqual(readFileSync(join(run, CHECKPOINT)), before);
      const resumed = await train(['--resume', run, '--epochs', '2']);
      assert.equal(resumed.code, 0, resumed.stderr);
    });
  }

  it('reads from the device at most twice for each of 21 log lines in 1,000 steps, and twice for evaluation and saving', async () => {
    const data = work.path('more');
    writeTinyCifar(data, 1600);
    const { code, stdout, stderr } = await train(
      ['--out', work.path('counted'), '--epochs', '1', '--data', data, '--log-every', '50'],
      'none',
    );
    assert.equal(code, 0, stderr);
    assert.match(stdout, /step 1000 /);
    const reads = Number(stderr.match(/^read (\d+) times$/m)?.[1]);
    assert.ok(reads > 0 && reads <= 2 * (21 + 1), `${reads} reads`);
  });
});
