import assert from 'node:assert/strict';
import { type StartOptions, startAmpc } from '../support/cli.js';
import { skip } from '../support/skip.js';
import { useTiny } from '../support/tiny.js';
import { needAdapter } from './adapter.js';

const ADAPTERS = new URL('./adapters.ts', import.meta.url).href;

describe('an adapter', function () {
  this.timeout(60_000);
  const work = useTiny();
  const file = work.program;

  const train = (args: readonly string[], env: Record<string, string>, options: StartOptions = {}) =>
    startAmpc(['train', file, '--backend', 'webgpu', '--data', work.data, '--epochs', '1', ...args], env, options).result;

  describe('that is missing, with no Vulkan driver', () => {
    before(function () {
      if (process.platform !== 'linux') skip(this, 'only Linux names its Vulkan drivers in the environment');
    });

    for (const variable of ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES']) {
      const env = { VK_DRIVER_FILES: '', VK_ICD_FILENAMES: '', [variable]: '/nowhere/icd.json' };

      it(`is told with what to install (${variable})`, async () => {
        const { code, stderr } = await train(['--out', work.path(variable)], env);
        assert.equal(code, 1, stderr);
        assert.match(stderr, /^error\[AMP6010\]: the webgpu backend cannot run here\n/);
        assert.match(stderr, /no Vulkan driver is installed; install the GPU's Vulkan driver/);
        assert.doesNotMatch(stderr, /\n\s+at |Warning/);
      });
    }

    it('is not needed to print the kernels', async () => {
      const env = { VK_DRIVER_FILES: '/nowhere/icd.json' };
      const { code, stdout, stderr } = await startAmpc(['plan', file, '--backend', 'webgpu', '--emit', 'wgsl'], env).result;
      assert.equal(code, 0, stderr);
      assert.equal(stderr, '');
      const shaders = new Set(stdout.match(/^\/\/ shader \d+/gm));
      const runs = [...stdout.matchAll(/^\/\/ {5}run (shader \d+) on/gm)];
      assert.ok(shaders.size > 3 && runs.length >= shaders.size);
      assert.ok(runs.every(([, shader]) => shaders.has(`// ${shader}`)));
      assert.match(stdout, /^enable f16;$/m);
      assert.match(stdout, /^\/\/ {5}%\d+ = .*all_finite/m);
    });
  });

  describe('that is there', () => {
    before(async function () {
      await needAdapter(this);
    });

    const without = { AMPC_TEST_ADAPTER: 'no-f16' };
    const changed = { preload: ADAPTERS };

    it('without shader-f16 is said to plan in f32', async () => {
      const { stdout } = await startAmpc(['backends'], without, changed).result;
      assert.match(stdout, /shader-f16: no: the driver has no shader-f16, so plans are f32/);
    });

    it('without shader-f16 refuses fp16, with the choices', async () => {
      const { code, stderr } = await train(['--out', work.path('refused')], without, changed);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /error\[AMP6001\]: the webgpu backend cannot compute in fp16 here/);
      assert.match(stderr, /it offers fp32; `ampc backends` says what it lacks/);
      assert.match(stderr, /choose another --precision, or another --backend/);
    });

    it('without shader-f16 trains in fp32', async () => {
      const { code, stdout, stderr } = await train(['--out', work.path('full'), '--precision', 'fp32'], without, changed);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /fp32 on webgpu/);
    });

    it('beside another one is used, and both are listed', async () => {
      const { stdout } = await startAmpc(['backends'], { AMPC_TEST_ADAPTER: 'second' }, changed).result;
      assert.match(stdout, /shader-f16: yes/);
      assert.match(stdout, /not used: small-gpu; vendor: acme; driver: driver 7; shader-f16: no: .*; subgroups: \w+; matrix: no/);
    });
  });
});
