import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ampc } from '../support/cli.js';
import { useTiny } from '../support/tiny.js';
import { useFake } from './fake.js';

const WEIGHTS = 'last.safetensors';
const CHECKPOINT = 'checkpoint.safetensors';

describe('ampc on a GPU of NVIDIA, through a driver that stands for its own', function () {
  this.timeout(600_000);
  const work = useTiny();
  const fake = useFake();

  const run = async (args: readonly string[], config = '') => {
    return fake.within({ AMPC_FAKE_CUDA: config }, async () => {
      return await ampc(...args);
    });
  };
  const train = (args: readonly string[], config?: string) =>
    run(['train', work.program, '--backend', 'cuda', '--data', work.data, '--log-every', '1', ...args], config);

  /** One error, told once, with its code and no stack. */
  const assertTold = (stderr: string, code: string, says: RegExp) => {
    assert.match(stderr, says);
    assert.equal(stderr.match(/^error/gm)?.length, 1, stderr);
    assert.match(stderr, new RegExp(`^error\\[${code}\\]`, 'm'));
    assert.doesNotMatch(stderr, /\n\s+at |Unhandled|Uncaught/);
  };

  it('that is lost or has no memory left: one message, and the run goes on from its checkpoint to the same bits', async () => {
    const [whole, broken] = [work.path('whole'), work.path('broken')];
    const complete = await train(['--out', whole]);
    assert.equal(complete.code, 0, complete.stderr);
    const lost = await train(['--out', broken], 'fail=cuGraphLaunch:15:719');
    assert.equal(lost.code, 1, lost.stderr);
    assertTold(lost.stderr, 'AMP6038', /the GPU was lost[\s\S]*--resume/);
    assert.ok(existsSync(join(broken, CHECKPOINT)), 'the checkpoint of the first epoch is there');
    const before = readFileSync(join(broken, CHECKPOINT));
    for (const [config, code, says] of [
      ['fail=cuMemAlloc_v2:1:2', 'AMP6035', /the GPU has no .* of memory free[\s\S]*smaller batch/],
      ['fail=cuModuleLoadDataEx:1:222', 'AMP6046', /driver is too old[\s\S]*update the driver/],
      ['none', 'AMP6010', /cuda backend cannot run here[\s\S]*finds no device/],
    ] as const) {
      const refused = await train(['--resume', broken], config);
      assert.equal(refused.code, 1, refused.stderr);
      assertTold(refused.stderr, code, says);
      assert.deepEqual(readFileSync(join(broken, CHECKPOINT)), before);
    }
    const resumed = await train(['--resume', broken]);
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.deepEqual(readFileSync(join(broken, WEIGHTS)), readFileSync(join(whole, WEIGHTS)));
    const scored = await run(['eval', whole, '--backend', 'cuda', '--data', work.data, '--json']);
    assert.equal(scored.code, 0, scored.stderr);
    assert.match(scored.stdout, /"accuracy":/);
    const cache = work.path('no-check-yet');
    for (const [config, says] of [
      ['', /^self-check of the device here: not run yet/m],
      ['none', /^self-check of the device here: not known: .*finds no device/m],
    ] as const) {
      const told = await fake.within({ AMPC_FAKE_CUDA: config, AMPC_CACHE: cache }, () => ampc('doctor', whole));
      assert.match(told.stdout, says, told.stderr);
    }
  });

  const jsonOf = async (args: readonly string[], backend: string) => {
    const { code, stdout, stderr } = await run([...args, '--backend', backend, '--data', work.data, '--json']);
    assert.equal(code, 0, stderr);
    const lines = stdout.split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  };

  /** Numbers of two lists, all within a share of those of the second. */
  const assertNear = (got: readonly unknown[], want: readonly unknown[], share: number) => {
    assert.equal(got.length, want.length);
    assert.ok(want.length > 0);
    for (const [i, x] of (want as readonly number[]).entries())
      assert.ok(Math.abs((got as readonly number[])[i]! - x) <= share * Math.abs(x), `${got[i]} for ${x}`);
  };

  it('is calibrated and verified there as on the reference', async () => {
    const largest = async (backend: string) => {
      const [{ values }] = (await jsonOf(['calibrate', work.program, '--steps', '2'], backend)) as [
        { values: readonly { value: string; max: number }[] },
      ];
      return values.filter(({ value }) => /fc/.test(value)).map(({ max }) => max);
    };
    assertNear(await largest('cuda'), await largest('reference'), 0.02);
    const verified = await jsonOf(['verify', work.program, '--steps', '1'], 'cuda');
    assert.deepEqual([verified.at(-1)!.backend, verified.at(-1)!.pass], ['cuda', true]);
  });

  it('trains on joined images and the shares of their classes as the reference does', async () => {
    const mixed = work.file('mixed.amp', readFileSync(work.program, 'utf8').replace('std: 0.5)', 'std: 0.5)  flip  mixup  cutmix'));
    const losses = async (backend: string) => {
      const args = ['train', mixed, '--epochs', '1', '--log-every', '1', '--out', work.path(`mixed-${backend}`)];
      return (await jsonOf(args, backend)).filter(({ event }) => event === 'step').map(({ loss }) => loss);
    };
    assertNear(await losses('cuda'), await losses('reference'), 0.01);
  });
});
