import assert from 'node:assert/strict';
import { createBackend } from '../../src/runtime/cuda/index.js';
import { buildDriver, useFake } from './fake.js';

describe('the NVIDIA driver and its devices', function () {
  this.timeout(600_000);
  const fake = useFake();

  /** What `ampc backends` tells. */
  const probed = async (env: Readonly<Record<string, string>>) => {
    return fake.within(env, async () => {
      return await createBackend().probe();
    });
  };

  it('are told with memory, capability, driver and compiler, and which device is used', async () => {
    const { available, device, details } = await probed({ AMPC_FAKE_CUDA: 'devices=7.5,8.9,9.0 memory=8589934592 version=12080' });
    assert.deepEqual([available, device], [true, 'Fake 1, compute capability 8.9']);
    const { compiler, cache, 'self-check': selfCheck, ...rest } = details!;
    assert.deepEqual(rest, {
      driver: 'CUDA 12.8',
      'device 0': 'Fake 0, 8.0 GiB, compute capability 7.5',
      'device 1': 'Fake 1, 8.0 GiB, compute capability 8.9 (used)',
      'device 2': 'Fake 2, 8.0 GiB, compute capability 9.0',
      // The compiler knows 8.0 and 9.0 alone.
      better: 'NVRTC or nvcc that knows this device (pip install nvidia-cuda-nvrtc): the driver then compiles nothing',
    });
    assert.match(compiler!, /^nvcc 99\.9\.\d+ \(.*nvcc\)$/);
    assert.match(cache!, /kernels/);
    assert.match(selfCheck!, /^(not run yet|passed)/);
  });

  const missing = [
    ['there is none', { AMPC_LIBCUDA: '/no/such/libcuda.so.1' }, /there is no NVIDIA driver \(\/no\/such\/libcuda\.so\.1 was not found\)/],
    ['it has no device', { AMPC_FAKE_CUDA: 'none' }, /finds no device \(cuInit: .*error 100\)/],
    [
      'all are too old',
      { AMPC_FAKE_CUDA: 'devices=6.1,7.5' },
      /no device has compute capability 8\.0 or newer: Fake 0 \(6\.1\), Fake 1 \(7\.5\)/,
    ],
    ['there is no compiler', { AMPC_CUDA_COMPILER: '/no/such/nvcc' }, /AMPC_CUDA_COMPILER names cannot be used: \/no\/such\/nvcc/],
  ] as const;
  for (const [what, env, says] of missing)
    it(`say why nothing can run where ${what}, and what to do`, async () => {
      const { available, reason, fix } = await probed(env);
      assert.equal(available, false);
      assert.match(reason!, says);
      assert.match(fix ?? reason!, /webgpu|correct or unset/);
    });

  it('says that a driver is too old which lacks what is called', async () => {
    const old = await buildDriver(fake.folder, 'old', '-DcuGraphInstantiateWithFlags=cuGraphInstantiate_v2');
    const { reason, fix } = await probed({ AMPC_LIBCUDA: old });
    assert.match(reason!, /is too old: it has no cuGraphInstantiateWithFlags/);
    assert.match(fix!, /update it: CUDA 11\.4 or newer is needed/);
  });
});
