import assert from 'node:assert/strict';
import { f16Support, matrixSupport } from '../../src/runtime/webgpu/support.js';

describe('what ampc backends says of an adapter', () => {
  it('tells how f16 is switched on with older NVIDIA drivers, and what its lack means', () => {
    assert.match(f16Support({ vendor: 'nvidia', f16: true }), /^yes .*before 615\.71.*vulkan_enable_f16_on_nvidia/);
    assert.equal(f16Support({ vendor: 'amd', f16: true }), 'yes');
    assert.match(f16Support({ vendor: 'nvidia', f16: false }), /^no: .*plans are f32/);
  });

  it('tells the sizes of matrices and whether they are used', () => {
    const matrix = ['16x16x16 f16 -> f32'];
    const matrixUnit = { m: 16, n: 16, k: 16, lanes: 32 };
    assert.equal(matrixSupport({ matrix, matrixUnit, software: false }), '16x16x16 f16 -> f32 (used for f16)');
    assert.match(matrixSupport({ matrix, matrixUnit, software: true }), /not used/);
    assert.match(matrixSupport({ matrix: ['8x8x8 u8 -> u32'], matrixUnit: undefined, software: false }), /none for f16/);
    assert.equal(matrixSupport({ matrix: [], matrixUnit: undefined, software: false }), 'no');
  });
});
