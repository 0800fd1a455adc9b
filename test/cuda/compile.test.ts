import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DEVICES, EXAMPLES, kernelFacts, planOfExample } from '../../scripts/cuda-registers.js';
import { cudaSource, emitCuda, printCuda } from '../../src/codegen/cuda/emit.js';
import { compileProgram } from '../../src/compile.js';
import type { Plan } from '../../src/plan/plan.js';
import { defaultTarget } from '../../src/plan/target.js';
import { nvrtcCompiler } from '../../src/runtime/cuda/compilers.js';
import { nvrtcPaths, openNvrtc } from '../../src/runtime/cuda/nvrtc.js';
import { IS_LONG } from '../support/amount.js';
import { simpleCnn } from '../support/models.js';
import { programOf } from '../support/network.js';
import { skip } from '../support/skip.js';

const run = promisify(execFile);

/** Devices that are compiled for: the oldest; of a long run, newer ones as well. */
const USED = IS_LONG ? DEVICES : ['sm_80'];

const planned = (): Plan => compileProgram(programOf(simpleCnn, { image: [32, 32, 3], batch: 64 }), defaultTarget('cuda'));

describe('the CUDA C++ of SimpleCNN', function () {
  this.timeout(600_000);

  it('includes nothing, and has a kernel for each group with the plan above it', () => {
    const plan = planned();
    const text = printCuda(plan, emitCuda(plan));
    assert.doesNotMatch(text, /#include/);
    const step = plan.functions.find(({ name }) => name === 'train_step')!;
    for (const { name } of step.groups) assert.ok(text.includes(`// train_step ${name}:\n//   `), name);
    assert.match(text, /\/\/ {3}%\d+ = conv2d .*\n(?:\/\/.*\n)+DEVICE void train_step_\w*conv\w*_part\(/);
    assert.match(text, /multiply_f16\(/);
  });

  it('gives the same text for the same plan', () => {
    const [a, b] = [planned(), planned()].map((plan) => printCuda(plan, emitCuda(plan)));
    assert.equal(a, b);
  });

  it('becomes PTX that any driver since CUDA 11 takes, by clang and no toolkit', async function () {
    const folder = await mkdtemp(join(tmpdir(), 'ampc-clang-'));
    try {
      const [source, ptx] = [join(folder, 'kernels.cu'), join(folder, 'kernels.ptx')];
      const flags = [
        '-x',
        'cuda',
        '--cuda-device-only',
        '-nocudainc',
        '-nocudalib',
        '--cuda-gpu-arch=sm_80',
        '-std=c++17',
        '-ffp-contract=off',
      ];
      await writeFile(source, '__attribute__((global)) void nothing() {}');
      const there = await run('clang', [...flags, '-S', source, '-o', ptx]).catch(() => undefined);
      if (there === undefined) skip(this, 'there is no clang that makes PTX');
      await writeFile(source, cudaSource(emitCuda(planned())));
      await run('clang', [...flags, '-O1', '-S', source, '-o', ptx]);
      const text = await readFile(ptx, 'utf8');
      assert.match(text, /\.version 7\.0/);
      assert.match(text, /mma\.sync\.aligned\.m16n8k16\.row\.col\.f32\.f16\.f16\.f32/);
      assert.match(text, /ldmatrix\.sync\.aligned\.m8n8\.x4\.trans/);
      assert.match(text, /cp\.async\.cg\.shared\.global/);
      assert.doesNotMatch(text, /\bfma\.rn\.f64|mul\.rn\.f64/, 'no doubles');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it(`compiles with NVRTC for ${USED.join(', ')}, with no toolkit and no GPU`, async function () {
    const nvrtc = nvrtcPaths()
      .map((path) => openNvrtc(path))
      .find((one) => one !== undefined);
    if (nvrtc === undefined) skip(this, 'there is no NVRTC (pip install nvidia-cuda-nvrtc, and VIRTUAL_ENV says where)');
    const compiler = nvrtcCompiler(nvrtc);
    const source = cudaSource(emitCuda(planned()));
    for (const device of USED) {
      const architecture = Number.parseInt(device.slice(3), 10);
      if (!nvrtc.architectures.includes(architecture)) continue;
      const flags: readonly string[] = compiler.flags(architecture).map((flag) => flag.replace(`sm_${architecture}`, device));
      const image: Buffer = Buffer.from(await compiler.compile(source, flags, tmpdir()));
      assert.equal(image.subarray(0, 4).toString('latin1'), '\x7fELF', device);
      assert.ok(image.includes('train_step_update'), device);
    }
  });
});

describe('the CUDA C++ of', function () {
  this.timeout(2_400_000);

  for (const name of Object.values(EXAMPLES))
    it(`examples/${name}.amp compiles for ${DEVICES.join(', ')} without a spill`, async function () {
      if (!IS_LONG && name !== 'simple-cnn') skip(this, 'of a long run (AMPC_TEST_LONG=1)');
      if ((await run('nvcc', ['--version']).catch(() => undefined)) === undefined) skip(this, 'nvcc is not installed');
      const plan = planOfExample(name);
      for (const device of DEVICES) {
        const kernels = await kernelFacts(plan, device);
        assert.ok(kernels.length >= emitCuda(plan).kernels.length, device);
        assert.deepEqual(
          kernels.filter(({ spilled }) => spilled > 0),
          [],
          device,
        );
      }
    });
});
