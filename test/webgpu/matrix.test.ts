import assert from 'node:assert/strict';
import { emitWgsl, type ShaderSource, type WgslProgram } from '../../src/codegen/wgsl/emit.js';
import { DEFAULT_TARGET, type MatrixUnit, type WgslTarget } from '../../src/codegen/wgsl/target.js';
import { compileProgram } from '../../src/compile.js';
import type { Plan } from '../../src/plan/plan.js';
import { defaultTarget } from '../../src/plan/target.js';
import { findAdapter } from '../../src/runtime/webgpu/adapter.js';
import { loadPlan } from '../../src/runtime/webgpu/index.js';
import { initialStates } from '../../src/training/states.js';
import { batchPlan } from '../codegen/batch.js';
import { miniResnet, simpleCnn } from '../support/models.js';
import { type Model, programOf } from '../support/network.js';
import { randomInputs } from '../support/run.js';
import { skip } from '../support/skip.js';
import { needAdapter } from './adapter.js';
import { CONTRACTIONS, casesFor, checkCases } from './cases.js';
import { type NullDevice, openNullDevice } from './null-device.js';

const UNITS: Readonly<Record<string, MatrixUnit>> = {
  NVIDIA: { m: 16, n: 16, k: 16, lanes: 32 },
  Apple: { m: 8, n: 8, k: 8, lanes: 32 },
  Intel: { m: 8, n: 16, k: 16, lanes: 32 },
};

function trainPlan(model: Model, batch: number, image?: readonly [number, number, number]): Plan {
  const program = programOf(model, { batch, ...(image === undefined ? {} : { image }), precision: { compute: 'f16' } });
  return compileProgram(program, defaultTarget('webgpu'));
}

const PLANS = {
  'SimpleCNN at batch 64': () => trainPlan(simpleCnn, 64, [32, 32, 3]),
  'a residual network': () => trainPlan(miniResnet, 4),
  'contractions of odd sizes': () => batchPlan([...casesFor(CONTRACTIONS, 'f16', 2), ...casesFor(CONTRACTIONS, 'f16', 50)], 'webgpu'),
} as const;

const usesMatrix = (code: string) => code.includes('subgroupMatrixMultiplyAccumulate');

/** Shaders of the contractions, and how many of them there are. */
function matrixShaders({ shaders }: WgslProgram): ShaderSource[] {
  return shaders.filter(({ code }) => usesMatrix(code));
}

describe('the generated matrix kernels', () => {
  let device: NullDevice;

  before(async function () {
    this.timeout(60_000);
    device = await openNullDevice(this, ['chromium-experimental-subgroup-matrix', 'subgroups', 'shader-f16']);
  });

  after(() => device?.close());

  for (const [what, plan] of Object.entries(PLANS)) {
    for (const [vendor, matrix] of Object.entries(UNITS)) {
      it(`are accepted by Dawn's compiler for ${what} and the unit of ${vendor}`, async function () {
        this.timeout(60_000);
        const program = emitWgsl(plan(), { ...DEFAULT_TARGET, matrix });
        assert.ok(matrixShaders(program).length >= 4);
        for (const { label, code } of program.shaders) assert.equal(await device.compile(code), undefined, `${label}\n${code}`);
      });
    }

    it(`become pipelines for ${what} where the largest subgroup is that of Dawn's null device`, async function () {
      this.timeout(60_000);
      const target: WgslTarget = {
        ...DEFAULT_TARGET,
        limits: { ...DEFAULT_TARGET.limits, workgroupInvocations: device.invocations },
        matrix: { m: 16, n: 16, k: 16, lanes: device.lanes },
      };
      const program = emitWgsl(plan(), target);
      assert.ok(matrixShaders(program).length >= 4);
      for (const { label, code } of matrixShaders(program)) assert.equal(await device.compile(code, true), undefined, `${label}\n${code}`);
    });
  }

  it('would be refused if they mixed up sides or sizes', async () => {
    const program = emitWgsl(PLANS['a residual network'](), { ...DEFAULT_TARGET, matrix: UNITS.Intel! });
    const [{ code }] = matrixShaders(program) as [ShaderSource];
    assert.match((await device.compile(code.replace('subgroup_matrix_left', 'subgroup_matrix_right')))!, /subgroupMatrix/);
    assert.match(
      (await device.compile(code.replace('subgroup_matrix_left<f16, 16, 8>', 'subgroup_matrix_left<f16, 8, 8>')))!,
      /subgroupMatrix/,
    );
  });

  it('take the place of the other forms for f16 operands only', () => {
    const matrix = UNITS.NVIDIA;
    const contractions = ({ shaders }: WgslProgram) => shaders.filter(({ label }) => /conv2d|linear/.test(label));
    const f16 = emitWgsl(trainPlan(simpleCnn, 64, [32, 32, 3]), { ...DEFAULT_TARGET, matrix });
    assert.ok(contractions(f16).some(({ code }) => usesMatrix(code)));
    const program = programOf(simpleCnn, { batch: 64, image: [32, 32, 3], precision: { compute: 'f32' } });
    const f32 = emitWgsl(compileProgram(program, defaultTarget('webgpu')), { ...DEFAULT_TARGET, matrix });
    assert.equal(matrixShaders(f32).length, 0);
  });

  it('give way to the other forms where a unit or the limits leave no tile', () => {
    const plan = trainPlan(simpleCnn, 64, [32, 32, 3]);
    const odd = emitWgsl(plan, { ...DEFAULT_TARGET, matrix: { m: 12, n: 12, k: 12, lanes: 32 } });
    assert.equal(matrixShaders(odd).length, 0);
    const tight = emitWgsl(plan, { ...DEFAULT_TARGET, matrix: { m: 16, n: 16, k: 16, lanes: 512 } });
    assert.equal(matrixShaders(tight).length, 0);
  });
});

describe('matrix kernels on an adapter that has the unit', () => {
  let matrix: MatrixUnit;

  before(async function () {
    this.timeout(60_000);
    await needAdapter(this);
    const { matrixUnit } = await findAdapter();
    if (matrixUnit === undefined) skip(this, 'the adapter multiplies no matrices of f16 (Mesa from 26.1 on does, in software)');
    matrix = matrixUnit!;
  });

  it('compute every contraction as the reference does', async function () {
    this.timeout(300_000);
    await checkCases([...casesFor(CONTRACTIONS, 'f16', 2), ...casesFor(CONTRACTIONS, 'f16', 50)], { matrix });
  });

  it('train SimpleCNN as the kernels without them do', async function () {
    this.timeout(300_000);
    const program = programOf(simpleCnn, { batch: 8, image: [32, 32, 3], precision: { compute: 'f16' } });
    const plan = compileProgram(program, defaultTarget('webgpu'));
    const losses = async (choices: Partial<WgslTarget>) => {
      const executable = await loadPlan(plan, choices);
      try {
        await executable.writeStates(initialStates(plan, 0));
        for (let step = 0; step < 6; step += 1) await executable.call('train_step', randomInputs(program, step % 2));
        return (await executable.drain()).map(({ loss }) => loss!);
      } finally {
        await executable.dispose();
      }
    };
    const [got, want] = [await losses({ matrix }), await losses({ matrix: undefined })];
    for (const [step, loss] of want.entries())
      assert.ok(Math.abs(got[step]! - loss) <= 0.02 * loss, `step ${step}: ${got[step]}, not ${loss}`);
    assert.deepEqual(await losses({ matrix }), got, 'the same bits again');
  });
});
