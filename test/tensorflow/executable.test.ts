import assert from 'node:assert/strict';
import type { LossScaling } from '../../src/ir/program.js';
import type { Executable, Inputs, Scalars } from '../../src/runtime/backend.js';
import { createBackend as createReference } from '../../src/runtime/reference/index.js';
import { initialStates } from '../../src/training/states.js';
import { assertKeepsAverages } from '../support/averages.js';
import { DYNAMIC, OPTIMIZERS } from '../support/configurations.js';
import { assertGroups } from '../support/groups.js';
import { miniResnet } from '../support/models.js';
import { type Model, type ProgramOptions, planOf, programOf } from '../support/network.js';
import { randomInputs } from '../support/run.js';
import { assertSkipsWhole } from '../support/skipped-step.js';
import { assertAveragesViews } from '../support/views.js';
import { loadTensorflow, requireTensorflow } from './support.js';

const linear: Model = ({ image, call }) =>
  call('linear', call('dropout', call('flatten', image), { rate: 0.1 }), { features: 10 }, { as: 'fc' });

/** Black images stay 0, white ones are infinite: the batch decides whether gradients overflow, at any loss scale. */
const EXPLOSIVE = { mean: 0, std: 1e-39 } as const;

/** Steps of a letter each: `.` finite, `x` overflowing. */
async function run(executable: Executable, options: ProgramOptions, steps: string): Promise<readonly Scalars[]> {
  const inputs: Inputs = randomInputs(programOf(miniResnet, options), 1);
  const white = new Uint8Array(inputs.image!.length).fill(255);
  const black = new Uint8Array(inputs.image!.length);
  for (const letter of steps) await executable.call('train_step', { ...inputs, image: letter === 'x' ? white : black });
  return executable.drain();
}

function bytes(values: Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

describe('a plan on TensorFlow', function () {
  this.timeout(120_000);

  before(async function () {
    await requireTensorflow(this);
  });

  it('holds as many tensors after 3,000 steps as after two', async () => {
    const options = { batch: 4, precision: { lossScaling: DYNAMIC } };
    const plan = planOf(linear, options);
    const executable = await loadTensorflow(plan);
    await executable.writeStates(initialStates(plan, 1));
    const inputs = randomInputs(programOf(linear, options), 1);
    const counts: number[] = [];
    for (let step = 0; step < 3000; step += 1) {
      await executable.call('train_step', inputs);
      if (step % 500 === 1) {
        await executable.drain();
        counts.push(executable.tensorCount);
      }
    }
    await executable.drain();
    assert.equal(executable.tensorCount, counts[0]);
    assert.deepEqual(new Set(counts).size, 1);
    await executable.dispose();
  });

  it('frees everything when disposed of, and after a call that fails', async () => {
    const plan = planOf(miniResnet, {});
    const first = await loadTensorflow(plan);
    const before = first.tensorCount;
    const second = await loadTensorflow(plan);
    await second.writeStates(initialStates(plan, 1));
    await second.call('train_step', randomInputs(programOf(miniResnet, {}), 1));
    const held = second.tensorCount;
    await assert.rejects(second.call('train_step', { image: new Uint8Array(3) }), /input/);
    assert.equal(second.tensorCount, held);
    await second.dispose();
    assert.equal(first.tensorCount, before);
    await first.dispose();
  });

  it('skips the steps and moves the scale as the reference does', async () => {
    const options = { ...EXPLOSIVE, precision: { lossScaling: { ...DYNAMIC, init: 1024, interval: 2, floor: 300, cap: 3000 } } };
    const plan = planOf(miniResnet, options);
    const schedule = async (executable: Executable) => {
      await executable.writeStates(initialStates(plan, 1));
      const scalars = await run(executable, options, '..x.xxx.....x');
      const states = await executable.readStates(['scaler.scale', 'scaler.tracker', 'scaler.skips', 'optimizer.step']);
      await executable.dispose();
      return { steps: scalars.map(({ ok, scale }) => [ok, scale]), states };
    };
    assert.deepEqual(await schedule(await loadTensorflow(plan)), await schedule(await createReference().load(plan)));
  });

  for (const [name, optimizer] of Object.entries(OPTIMIZERS)) {
    it(`a skipped step of ${name} changes the scale alone, to the bit`, async () => {
      for (const lossScaling of [DYNAMIC, { kind: 'static', scale: 256 }] satisfies LossScaling[]) {
        const options = { ...EXPLOSIVE, precision: { lossScaling }, train: { optimizer, clip: 1 } };
        const executable = await loadTensorflow(planOf(miniResnet, options));
        await executable.writeStates(new Map([['fc.bias', new Float32Array(10).fill(-0)]]));
        await run(executable, options, '.');
        const before = await executable.readStates();
        assert.deepEqual(
          (await run(executable, options, 'x')).map(({ ok }) => ok),
          [0],
        );
        const after = await executable.readStates();
        const changed = [...before.keys()].filter((state) => Buffer.compare(bytes(before.get(state)!), bytes(after.get(state)!)) !== 0);
        assert.deepEqual(changed, lossScaling.kind === 'dynamic' ? ['scaler.scale', 'scaler.tracker', 'scaler.skips'] : []);
        await executable.dispose();
      }
    });
  }

  it('updates the parameters of each group by its own rule and rate', () => assertGroups(loadTensorflow));

  it('leaves statistics and sums alone, to the bit, whichever micro-batch of a step overflows', () =>
    assertSkipsWhole(loadTensorflow, { lowStates: false }));

  it('keeps averages of weights and statistics, whatever the step', () => assertKeepsAverages(loadTensorflow));

  it('averages views of an image', () => assertAveragesViews(loadTensorflow));

  it('finds the first value that is not finite', async () => {
    const options = { ...EXPLOSIVE };
    const plan = planOf(miniResnet, options);
    const traced = async (executable: Executable) => {
      await executable.writeStates(initialStates(plan, 1));
      const inputs = randomInputs(programOf(miniResnet, options), 1);
      await executable.call('train_step', { ...inputs, image: inputs.image.fill(255) }, { trace: true });
      const found = await executable.nonFinite();
      await executable.call('train_step', { ...inputs, image: inputs.image.fill(0) }, { trace: true });
      const nothing = await executable.nonFinite();
      await executable.dispose();
      return [found, nothing];
    };
    const want = await traced(await createReference().load(plan));
    assert.notEqual(want[0], undefined);
    assert.deepEqual(await traced(await loadTensorflow(plan)), want);
  });

  it('evaluates: logits, loss and correct rows, with rows that fill up the batch', async () => {
    const options = { batch: 6 };
    const plan = planOf(miniResnet, options);
    const evaluated = async (executable: Executable) => {
      await executable.writeStates(initialStates(plan, 1));
      const { image, label } = randomInputs(programOf(miniResnet, options), 2);
      await executable.call('eval_step', { image, label: label.fill(-1, 4) });
      const [scalars] = await executable.drain();
      const logits = await executable.readOutput('logits');
      await executable.dispose();
      return { scalars: scalars!, logits };
    };
    const want = await evaluated(await createReference().load(plan));
    const got = await evaluated(await loadTensorflow(plan));
    assert.equal(got.scalars.correct, want.scalars.correct);
    assert.ok(Math.abs(got.scalars.loss! - want.scalars.loss!) < 2e-3);
    want.logits.forEach((x, i) => {
      assert.ok(Math.abs(got.logits[i]! - x) < 5e-3);
    });
  });

  it('gives a NaN to the pool and to the loss as the reference does', async () => {
    const plan = planOf(
      ({ image, call }) =>
        call('linear', call('flatten', call('max_pool2d', call('mul', image, {}, { values: [image] }), { kernel: 2 })), { features: 10 }),
      { precision: { compute: 'f32' }, image: [4, 4, 3] },
    );
    const inputs = randomInputs(programOf(linear, { image: [4, 4, 3] }), 1);
    const loss = async (executable: Executable) => {
      const states = initialStates(plan, 1);
      const weights = [...states].find(([name]) => name.endsWith('.weight'))![1];
      weights[7] = NaN;
      await executable.writeStates(states);
      await executable.call('eval_step', { image: inputs.image, label: inputs.label });
      const [scalars] = await executable.drain();
      await executable.dispose();
      return scalars;
    };
    assert.deepEqual(await loss(await loadTensorflow(plan)), await loss(await createReference().load(plan)));
  });

  it('refuses states and inputs that do not fit', async () => {
    const plan = planOf(linear, {});
    const executable = await loadTensorflow(plan);
    await assert.rejects(executable.writeStates(new Map([['fc.bias', new Float32Array(9)]])), /10 elements, not 9/);
    await assert.rejects(executable.writeStates(new Map([['fc.bias', new Int32Array(10)]])), /is f32/);
    await assert.rejects(executable.readStates(['nothing']), /no state nothing/);
    await assert.rejects(executable.readOutput('logits'), /no tensor output/);
    await executable.dispose();
    await assert.rejects(executable.drain(), /disposed/);
  });
});
