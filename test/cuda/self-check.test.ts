import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LowType } from '../../src/ir/types.js';
import { printPlan } from '../../src/plan/print.js';
import { checkPlan } from '../../src/runtime/cuda/check-plan.js';
import { createBackend } from '../../src/runtime/cuda/index.js';
import { whatIsWrong } from '../../src/runtime/cuda/self-check.js';
import { createBackend as createReference } from '../../src/runtime/reference/index.js';
import { selectBackend } from '../../src/runtime/select.js';
import { type Model, SGD } from '../support/network.js';
import { planFor } from './cases.js';
import { useFake } from './fake.js';

const FORMATS: readonly LowType[] = ['f16', 'bf16'];

const model: Model = ({ image, call }) => {
  const conv = call('conv2d', image, { channels: 16, kernel: 3, padding: 1 }, { as: 'conv' });
  return call('linear', call('flatten', conv), { features: 16 }, { as: 'fc' });
};

describe("the plan of cuda's self-check", () => {
  for (const low of FORMATS)
    it(`is what the planner makes of its network in ${low}`, () => {
      const lossScaling = {
        kind: 'dynamic',
        init: 1024,
        growth: 2,
        backoff: 0.5,
        interval: 2000,
        floor: 1,
        cap: 2 ** 127,
        abortAfter: 0,
      } as const;
      const train = { optimizer: { ...SGD, lr: 1 } };
      const want = printPlan(planFor(model, { batch: 16, precision: { compute: low, lossScaling }, train }));
      const without = (text: string) => text.replaceAll(/ +(?:why="[^"]*"|loc\([\d:]*\))/g, '');
      assert.equal(without(printPlan(checkPlan(low))), without(want));
    });

  for (const low of FORMATS)
    it(`gives the known results on the reference in ${low}`, async () => {
      assert.equal(await whatIsWrong(await createReference().load(checkPlan(low)), low), undefined);
    });

  it('finds that an update is not guarded', async () => {
    const executable = await createReference().load(checkPlan('f16'));
    // As a device that sees no overflow and so updates: the scale that is too large never gets there.
    const blind = new Proxy(executable, {
      get(of, name) {
        if (name !== 'writeStates') return Reflect.get(of, name, of).bind(of);
        return (values: ReadonlyMap<string, Float32Array>) =>
          values.get('scaler.scale')?.[0] === 2 ** 127 ? undefined : of.writeStates(values);
      },
    });
    assert.match((await whatIsWrong(blind, 'f16')) ?? '', /the guard of an update/);
  });
});

/** What stands in for the device's own, and what the self-check says then. */
const FAULTS: Readonly<Record<string, readonly [code: string, says: RegExp]>> = {
  'rounds towards zero': [
    'namespace ampc { DEVICE u16 cut(float x) { return u16(bits(x) >> 16); } }\n#define bf16_code cut',
    /products in bf16, or rounding them/,
  ],
  'multiplies by another operand': ['#define multiply_f16(d, a, b) multiply_f16(d, b, b)', /products in f16/],
};

describe('auto, on a GPU of NVIDIA', function () {
  this.timeout(600_000);
  const fake = useFake();

  /** What `auto` takes, with a cache of its own, and what it tells. */
  const select = async (cache: string, env: Readonly<Record<string, string>> = {}) => {
    return fake.within({ AMPC_CACHE: cache, ...env }, async () => {
      const notices: string[] = [];
      const { info } = await selectBackend('auto', { onNotice: (text) => notices.push(text) });
      return { name: info.name, notices, details: (await createBackend().probe()).details };
    });
  };

  const withCache = async (test: (cache: string) => Promise<void>) => {
    const cache = await mkdtemp(join(tmpdir(), 'ampc-self-check-'));
    try {
      await test(cache);
    } finally {
      await rm(cache, { recursive: true });
    }
  };

  it('takes it when it has passed its self-check, whose outcome is kept', () =>
    withCache(async (cache) => {
      const first = await select(cache);
      assert.deepEqual([first.name, first.notices], ['cuda', []]);
      assert.match(first.details!['self-check']!, /^passed/);
      const kept = (await readdir(join(cache, 'ampc-kernels'))).filter((name) => name.endsWith('.cuda-check'));
      assert.equal(kept.length, 1);
      // Nothing could run now.
      assert.deepEqual((await select(cache, { AMPC_FAKE_CUDA: 'fail=cuDevicePrimaryCtxRetain:1:1' })).name, 'cuda');
    }));

  for (const [what, [code, says]] of Object.entries(FAULTS))
    it(`passes over one that ${what}, with one notice`, () =>
      withCache(async (cache) => {
        const fault = join(cache, 'fault.h');
        await writeFile(fault, `${code}\n`);
        const { name, notices, details } = await select(cache, { AMPC_FAKE_NVCC: `-include ${fault}` });
        assert.notEqual(name, 'cuda');
        assert.equal(notices.length, 1);
        assert.match(
          notices[0]!,
          /^Fake 0, .* is not used through cuda: its self-check found numbers that are wrong: .*--backend cuda asks/,
        );
        assert.match(notices[0]!, says);
        assert.match(details!['self-check']!, /^FAILED/);
      }));

  it('passes over one that no compiler is there for, or that refuses to work, and keeps nothing of it', () =>
    withCache(async (cache) => {
      const without = await select(cache, { AMPC_CUDA_COMPILER: '/no/such/nvcc' });
      assert.notEqual(without.name, 'cuda');
      assert.match(
        without.notices.join('\n'),
        /^Fake 0 is not used through cuda: the compiler that AMPC_CUDA_COMPILER names cannot be used.*$/,
      );
      const refused = await select(cache, { AMPC_FAKE_CUDA: 'fail=cuMemAlloc_v2:1:2' });
      assert.notEqual(refused.name, 'cuda');
      assert.match(refused.notices.join('\n'), /^Fake 0, .* is not used through cuda: its self-check could not run: the GPU has no .*$/);
      assert.match(refused.details!['self-check']!, /^not run yet/);
    }));
});
