import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { DEFAULT_LIMITS, type WgslTarget } from '../../src/codegen/wgsl/target.js';
import { compileProgram } from '../../src/compile.js';
import { type Diagnostic, UserError } from '../../src/diagnostics/diagnostic.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import type { ComputeType, Graph } from '../../src/ir/types.js';
import { round } from '../../src/numeric/encoding.js';
import { emit } from '../../src/ops/emit.js';
import type { Plan } from '../../src/plan/plan.js';
import { planGraph } from '../../src/plan/plan-graph.js';
import { defaultTarget } from '../../src/plan/target.js';
import type { Executable, Scalars } from '../../src/runtime/backend.js';
import { createBackend as createReference } from '../../src/runtime/reference/index.js';
import { createBackend, loadPlan } from '../../src/runtime/webgpu/index.js';
import { initialStates } from '../../src/training/states.js';
import { amount } from '../support/amount.js';
import { assertKeepsAverages } from '../support/averages.js';
import { assertGroups } from '../support/groups.js';
import { channelNorms, layerNorms, miniResnet, simpleCnn } from '../support/models.js';
import { type Model, programOf, SGD } from '../support/network.js';
import { randomInputs } from '../support/run.js';
import { assertSkipsWhole } from '../support/skipped-step.js';
import { assertAveragesViews } from '../support/views.js';
import { needAdapter } from './adapter.js';

/** Every kind of kernel once: a convolution with a fused pool, one with batch norm, a matrix product. */
const small: Model = ({ image, call }) => {
  const pooled = call(
    'relu',
    call('max_pool2d', call('conv2d', image, { channels: 4, kernel: 3, padding: 1 }, { as: 'conv' }), { kernel: 2 }),
  );
  const normed = call(
    'relu',
    call('batch_norm', call('conv2d', pooled, { channels: 8, kernel: 3, stride: 2, padding: 1 }, { as: 'conv2' }), {}, { as: 'bn' }),
  );
  return call('linear', call('flatten', normed), { features: 10 }, { as: 'fc' });
};

const TARGET = defaultTarget('webgpu');

function planOf(graph: Graph): Plan {
  return { model: 'Case', policy: 'case', precision: 'f32', target: TARGET, functions: [planGraph(graph, 1, TARGET)] };
}

function stateOf(builder: GraphBuilder, name: string, shape: readonly number[]) {
  return builder.add({ op: 'state', attrs: { name, role: 'parameter', init: 'constant', value: 0 }, type: { dtype: 'f32', shape } });
}

function trainPlan(model: Model, compute: ComputeType, options: Parameters<typeof programOf>[1] = {}) {
  const program = programOf(model, { ...options, precision: { compute, ...options.precision } });
  return { program, plan: compileProgram(program, TARGET) };
}

/** Runs steps on distinct random batches; the scalars of each. */
async function run(executable: Executable, { program, plan }: ReturnType<typeof trainPlan>, steps: number): Promise<readonly Scalars[]> {
  await executable.writeStates(initialStates(plan, 3));
  for (let step = 0; step < steps; step += 1) await executable.call('train_step', randomInputs(program, step % 4));
  return executable.drain();
}

async function withPlan<T>(
  plan: Plan,
  choices: Partial<WgslTarget>,
  use: (executable: Awaited<ReturnType<typeof loadPlan>>) => Promise<T>,
): Promise<T> {
  const executable = await loadPlan(plan, choices);
  try {
    return await use(executable);
  } finally {
    await executable.dispose();
  }
}

function assertNear(got: ArrayLike<number>, want: ArrayLike<number>, share: number, what: string): void {
  let most = 1e-6;
  for (let i = 0; i < want.length; i += 1) most = Math.max(most, Math.abs(want[i]!));
  for (let i = 0; i < want.length; i += 1) {
    assert.ok(Math.abs(got[i]! - want[i]!) <= share * most, `${what}: element ${i} is ${got[i]}, the reference has ${want[i]}`);
  }
}

describe('the webgpu backend', function () {
  this.timeout(300_000);

  before(async function () {
    await needAdapter(this);
  });

  it('tells the adapter, its driver and what it offers', async () => {
    const info = await createBackend().probe();
    assert.ok(info.available && info.device !== undefined);
    assert.deepEqual(info.target.low, ['f16']);
    assert.deepEqual(Object.keys(info.details ?? {}), ['vendor', 'driver', 'shader-f16', 'subgroups', 'matrix']);
  });

  it('rounds to f16 where the plan says so, inside a kernel and when it stores, to the bit', async () => {
    const edges = [
      0,
      -0,
      1,
      2049,
      2051,
      65504,
      65519,
      65520,
      -65520,
      6e-8,
      3e-8,
      2.9e-8,
      6.1e-5,
      6.09e-5,
      1e-10,
      1e10,
      Infinity,
      -Infinity,
      NaN,
    ];
    const values = Float32Array.from([...edges, ...Array.from({ length: 2000 }, (_, i) => Math.sin(i * 7.3) * 2 ** ((i % 44) - 26))]);
    const builder = new GraphBuilder();
    const half = emit(builder, 'cast', [stateOf(builder, 'x', [values.length])], { to: 'f16' });
    const inside = emit(builder, 'cast', [half], { to: 'f32' });
    const fused = planOf(builder.finish('eval_step', { inside }));
    const stored = planOf(builder.finish('eval_step', { half, inside }));
    const want = values.map((x) => round('f16', x));
    for (const plan of [fused, stored]) {
      await withPlan(plan, {}, async (executable) => {
        await executable.writeStates(new Map([['x', values]]));
        await executable.call('eval_step', {});
        assert.deepEqual(await executable.readOutput('inside'), want);
        if (plan === stored) assert.deepEqual(await executable.readOutput('half'), want);
      });
    }
  });

  it('skips and scales exactly as the reference when gradients overflow', async () => {
    const lossScaling = {
      kind: 'dynamic',
      init: 2 ** 22,
      growth: 2,
      backoff: 0.5,
      interval: 3,
      floor: 1,
      cap: 2 ** 24,
      abortAfter: 20,
    } as const;
    const made = trainPlan(small, 'f16', { precision: { lossScaling }, train: { optimizer: SGD } });
    const reference = await createReference().load(made.plan);
    const want = await run(reference, made, 24);
    await withPlan(made.plan, {}, async (executable) => {
      const got = await run(executable, made, 24);
      const schedule = (results: readonly Scalars[]) => results.map(({ ok, scale }) => [ok, scale]);
      assert.deepEqual(schedule(got), schedule(want));
      assert.ok(new Set(got.map(({ ok }) => ok)).size === 2, 'some steps overflow and some do not');
      const names = ['scaler.scale', 'scaler.tracker', 'scaler.skips'];
      assert.deepEqual(await executable.readStates(names), await reference.readStates(names));
    });
  });

  it('leaves parameters alone, to the bit, when a step is skipped', async () => {
    const lossScaling = { kind: 'static', scale: 2 ** 120 } as const;
    const made = trainPlan(small, 'f16', { precision: { lossScaling } });
    await withPlan(made.plan, {}, async (executable) => {
      const [result] = await run(executable, made, 1);
      assert.equal(result!.ok, 0);
      const first = initialStates(made.plan, 3);
      for (const [name, elements] of await executable.readStates()) assert.deepEqual(elements, first.get(name), name);
    });
  });

  it('updates the parameters of each group by its own rule and rate', () => assertGroups((plan) => loadPlan(plan, {})));

  it('leaves statistics and sums alone, to the bit, whichever micro-batch of a step overflows', () =>
    assertSkipsWhole((plan) => loadPlan(plan, {})));

  it('keeps averages of weights and statistics, whatever the step', () => assertKeepsAverages((plan) => loadPlan(plan, {})));

  it('averages views of an image', () => assertAveragesViews((plan) => loadPlan(plan, {})));

  const forms = [
    ['a residual network', miniResnet, 'the kernels of this adapter', {}],
    ['a network of layer norms', layerNorms, 'the kernels of this adapter', {}],
    ['a network of norms by channel', channelNorms, 'the kernels of this adapter', {}],
    ['a small network', small, 'tiles and the limits of every GPU', { contractions: 'tiles', limits: DEFAULT_LIMITS }],
  ] as const;
  for (const [what, model, how, choices] of forms) {
    it(`trains ${what} as the reference does, with ${how}`, async () => {
      const made = trainPlan(model, 'f32', { batch: 4 });
      const reference = await createReference().load(made.plan);
      const want = await run(reference, made, 3);
      const states = await reference.readStates();
      await withPlan(made.plan, choices, async (executable) => {
        const got = await run(executable, made, 3);
        assertNear(
          got.map(({ loss }) => loss!),
          want.map(({ loss }) => loss!),
          1e-4,
          'loss',
        );
        for (const [name, elements] of await executable.readStates()) {
          // Adam's first steps have the size of the learning rate whatever the gradient's, so near-zero gradients may differ by that much.
          if (!name.endsWith('.m') && !name.endsWith('.v')) assertNear(elements, states.get(name)!, 2e-2, name);
        }
      });
    });
  }

  it('gives the same bits again', async () => {
    const made = trainPlan(small, 'f16');
    const once = () =>
      withPlan(made.plan, {}, async (executable) => {
        await run(executable, made, 3);
        return executable.readStates();
      });
    assert.deepEqual(await once(), await once());
  });

  it('reads nothing back until it is drained', async () => {
    const made = trainPlan(small, 'f16');
    await withPlan(made.plan, {}, async (executable) => {
      await executable.writeStates(initialStates(made.plan, 3));
      const before = executable.readbacks;
      for (let step = 1; step <= 100; step += 1) {
        await executable.call('train_step', randomInputs(made.program, step % 4));
        if (step % 50 === 0) assert.equal((await executable.drain()).length, 50);
      }
      assert.equal(executable.readbacks - before, 2);
    });
  });

  it('finds the first value that is not finite, and times each kernel', async () => {
    const made = trainPlan(small, 'f16');
    const inputs = randomInputs(made.program, 1);
    const states = initialStates(made.plan, 3);
    const reference = await createReference().load(made.plan);
    await withPlan(made.plan, {}, async (executable) => {
      await executable.writeStates(states);
      await executable.call('train_step', inputs, { trace: true });
      const fine = await executable.nonFinite();
      const bias = Float32Array.from(states.get('conv.bias')!);
      bias[2] = 1e6;
      await executable.writeStates(new Map([...states, ['conv.bias', bias]]));
      await reference.writeStates(new Map([...states, ['conv.bias', bias]]));
      await executable.call('train_step', inputs, { trace: true });
      await reference.call('train_step', inputs, { trace: true });
      assert.equal(fine, undefined);
      const [got, want] = [await executable.nonFinite(), await reference.nonFinite()];
      // Values that never reach memory are not looked at: the first stored one of the same kernel is named.
      const [{ groups }] = made.plan.functions as [Plan['functions'][number]];
      const groupOf = (node: number) => groups.find(({ nodes }) => nodes.includes(node))?.name;
      assert.equal(groupOf(got!.node), groupOf(want!.node));
      const times = await executable.profile('train_step', inputs);
      assert.deepEqual(
        times.map(({ group }) => group),
        groups.map(({ name }) => name),
      );
      assert.ok(times.every(({ seconds }) => seconds >= 0 && Number.isFinite(seconds)));
    });
  });

  it('refuses a plan that is larger than the GPU allows, with the sizes', async () => {
    const { plan } = trainPlan(simpleCnn, 'f16', { image: [32, 32, 3], batch: 64 });
    const refuses = (limits: Partial<typeof DEFAULT_LIMITS>, expected: readonly [RegExp, RegExp, RegExp]) =>
      assert.rejects(loadPlan(plan, { limits: { ...DEFAULT_LIMITS, ...limits } }), (error) => {
        assert.ok(error instanceof UserError);
        const [{ code, message, why, fix }] = error.diagnostics as [Diagnostic];
        assert.equal(code, 'AMP6034');
        for (const [i, text] of [message, why, fix].entries()) assert.match(text ?? '', expected[i]!);
        return true;
      });
    const tooLarge = /of conv1 in train_step, f16\[64,32,32,32\], takes 4 MiB/;
    await refuses({ bindingBytes: 3 * 2 ** 20 }, [tooLarge, /at most 3 MiB/, /--batch 48/]);
    await refuses({ bufferBytes: 3 * 2 ** 20 }, [tooLarge, /at most 3 MiB/, /--batch 48/]);
    // The weights of fc1 are 4096 x 128 f32 at any batch.
    await refuses({ bindingBytes: 2 ** 20 }, [/takes 4 MiB/, /at most 1 MiB/, /make the layer smaller/]);
  });

  it('spreads a plan over several buffers where one may not hold it', async () => {
    const made = trainPlan(small, 'f16', { image: [16, 16, 3], batch: 8 });
    const piece = 78 * DEFAULT_LIMITS.offsetAlignment;
    const train = async (limits: Partial<typeof DEFAULT_LIMITS>) =>
      withPlan(made.plan, { limits: { ...DEFAULT_LIMITS, bindingBytes: piece, ...limits } }, async (executable) => {
        const scalars = await run(executable, made, 4);
        return { scalars, states: await executable.readStates(), memory: executable.memory };
      });
    const whole = await train({});
    const split = await train({ bufferBytes: piece });
    assert.ok(split.memory.arena > 2 * piece, `the arena, ${split.memory.arena} bytes, takes several buffers`);
    assert.deepEqual(split.scalars, whole.scalars);
    assert.deepEqual(split.states, whole.states);
  });

  const steps = amount(5_000, 10_000);
  it(`runs ${steps} steps with flat memory and exits`, async function () {
    this.timeout(180_000);
    const child = spawn(process.execPath, ['--import=tsx', fileURLToPath(new URL('./many-steps.ts', import.meta.url)), `${steps}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
    const [code] = await once(child, 'close');
    assert.equal(code, 0);
    // What is lost at each step is lost in every stretch of the run; a heap that is made larger once is no loss.
    const resident = JSON.parse(text) as number[];
    const growth = resident.slice(4).map((memory, i) => memory - resident[i]!);
    const most = steps / 500;
    assert.ok(
      Math.min(...growth) < most,
      `${0.4 * steps} steps always took ${most} MiB and more: ${resident.join(', ')} MiB after each ${steps / 10}`,
    );
  });
});
