import assert from 'node:assert/strict';
import koffi from 'koffi';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { createBackend } from '../../src/runtime/cuda/index.js';
import { createBackend as createReference } from '../../src/runtime/reference/index.js';
import { initialStates } from '../../src/training/states.js';
import type { Model, ProgramOptions } from '../support/network.js';
import { inputsAt } from '../support/steps.js';
import { CASES, checkBatches, checkTraining, IMAGE, noise, planFor, small } from './cases.js';
import { needCompiler } from './emulated.js';
import { type Fake, makeFake, setEnvironment } from './fake.js';

describe('the cuda backend, through a driver that stands for that of NVIDIA', function () {
  this.timeout(600_000);
  let fake: Fake;
  let count: (name: string) => number;
  let restore = () => {};

  before(async function () {
    await needCompiler(this);
    fake = await makeFake();
    restore = setEnvironment(fake.env);
    count = koffi.load(fake.library).func('int fake_count(const char *name)') as unknown as typeof count;
  });

  after(async () => {
    restore();
    await fake?.remove();
  });

  for (const one of CASES) {
    const [name, , compute, steps] = one;
    it(`trains ${name} as the reference does, ${steps} steps in ${compute}`, () => checkTraining(one));
  }

  it('puts batches together on the device as the host does, to the bit, and scores with them', checkBatches);

  it('captures a step once, launches it as a graph, and reads nothing until somebody asks', async () => {
    const plan = planFor(small, { image: IMAGE, batch: 2 });
    process.env.AMPC_FAKE_CUDA = 'counting';
    const executable = await createBackend().load(plan);
    const fn = plan.functions.find(({ name }) => name === 'train_step')!;
    await executable.writeStates(initialStates(plan, 3));
    for (let step = 0; step < 30; step += 1) await executable.call('train_step', inputsAt(fn, step));
    assert.deepEqual([count('cuStreamBeginCapture_v2'), count('cuGraphLaunch')], [1, 30]);
    assert.equal(count('cuMemcpyDtoHAsync_v2'), 0);
    assert.ok(count('cuLaunchKernel') < 60, 'launched to be captured alone');
    assert.equal((await executable.drain()).length, 30);
    assert.equal(count('cuMemcpyDtoHAsync_v2'), 1);
    await executable.dispose();
    process.env.AMPC_FAKE_CUDA = '';
  });

  it('keeps the scalars of more calls than the device has room for', async () => {
    const plan = planFor(small, { image: IMAGE, batch: 2 });
    const executable = await createBackend().load(plan);
    const fn = plan.functions.find(({ name }) => name === 'eval_step')!;
    const inputs = inputsAt(fn, 0);
    for (let call = 0; call < 1030; call += 1) await executable.call('eval_step', inputs);
    const scalars = await executable.drain();
    assert.equal(scalars.length, 1030);
    assert.ok(scalars.every(({ loss }) => Math.abs(loss! - scalars[0]!.loss!) === 0 && loss! > 0));
    await executable.dispose();
  });

  it('finds the first value that is not finite, and the time of each group', async () => {
    const fragile: Model = ({ image, call }) =>
      call(
        'linear',
        call('flatten', call('scale', call('conv2d', image, { channels: 4, kernel: 3 }, { as: 'conv' }), { factor: 60_000 })),
        {
          features: 10,
        },
      );
    const options: ProgramOptions = { image: IMAGE, batch: 2, precision: { compute: 'f16' } };
    const plan = planFor(fragile, options);
    const fn = plan.functions.find(({ name }) => name === 'train_step')!;
    const inputs = { ...inputsAt(fn, 0), image: new Uint8Array(2 * 192).fill(255) };
    const [reference, executable] = [await createReference().load(plan), await createBackend().load(plan)];
    for (const one of [reference, executable]) {
      await one.writeStates(initialStates(plan, 3));
      await one.call('train_step', inputs, { trace: true });
    }
    const found = await executable.nonFinite();
    assert.ok(found !== undefined);
    assert.deepEqual(found, await reference.nonFinite());
    const times = await executable.profile!('train_step', inputs);
    assert.deepEqual(
      times.map(({ group }) => group),
      fn.groups.map(({ name }) => name),
    );
    assert.ok(times.every(({ seconds }) => seconds >= 0) && times.some(({ seconds }) => seconds > 0));
    await executable.dispose();
  });

  it('says of every call of the driver what it refused, gives everything back, and can go on', async () => {
    const plan = planFor(small, { image: IMAGE, batch: 2 });
    const fn = plan.functions.find(({ name }) => name === 'train_step')!;
    const used = koffi.load(fake.library).func('int fake_used()') as unknown as () => number;
    const session = async (): Promise<void> => {
      const executable = await createBackend().load(plan);
      try {
        await executable.writeStates(initialStates(plan, 3));
        await executable.call('train_step', inputsAt(fn, 0));
        await executable.drain();
        await executable.profile!('train_step', inputsAt(fn, 0));
        const set = noise(4);
        await executable.series!({ source: set, order: Uint32Array.of(0, 1), augment: undefined }, [
          { fn: 'eval_step', rates: {}, step: 0 },
        ]);
      } finally {
        await executable.dispose();
      }
    };
    const refused = [
      ...['cuDevicePrimaryCtxRetain', 'cuCtxSetCurrent', 'cuMemGetInfo_v2', 'cuMemAlloc_v2', 'cuMemHostAlloc', 'cuMemcpyHtoDAsync_v2'],
      ...['cuMemcpyDtoHAsync_v2', 'cuMemsetD8Async', 'cuStreamCreate', 'cuStreamBeginCapture_v2', 'cuStreamEndCapture'],
      ...['cuGraphInstantiateWithFlags', 'cuGraphLaunch', 'cuEventCreate', 'cuEventRecord', 'cuEventQuery', 'cuEventElapsedTime'],
      ...['cuModuleGetFunction', 'cuLaunchKernel'],
    ];
    const tellsOf = async (fail: string, code: string, says: RegExp) => {
      process.env.AMPC_FAKE_CUDA = `fail=${fail}`;
      const error = await session().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof UserError, `${fail}: ${String(error)}`);
      const [{ code: got, why }] = error.diagnostics as [UserError['diagnostics'][number]];
      assert.equal(got, code, fail);
      assert.match(why ?? '', says);
      assert.equal(used(), 0, `${fail}: memory is given back`);
    };
    for (const name of refused) await tellsOf(`${name}:1:1`, 'AMP6037', new RegExp(`^${name}: .*error 1\\)`));
    await tellsOf('cuModuleLoadDataEx:1:222', 'AMP6046', /up to CUDA 13\.0; cuModuleLoadDataEx: the provided PTX .*error 222/);
    await tellsOf('cuModuleLoadDataEx:1:218', 'AMP6036', /cuModuleLoadDataEx: .*error 218/);
    await tellsOf('cuMemAlloc_v2:3:2', 'AMP6035', /out of memory/);
    await tellsOf('cuGraphLaunch:1:719', 'AMP6038', /cuGraphLaunch: .*error 719/);
    await tellsOf('cuEventQuery:3:700', 'AMP6038', /cuEventQuery: .*error 700/);
    process.env.AMPC_FAKE_CUDA = '';
    await session();
    assert.equal(used(), 0);
  });
});
