import assert from 'node:assert/strict';
import type { LossScaling } from '../../src/ir/program.js';
import type { Executable } from '../../src/runtime/backend.js';
import { createBackend } from '../../src/runtime/reference/index.js';
import fixture from '../fixtures/pytorch/grad_scaler.json' with { type: 'json' };
import { assertKeepsAverages } from '../support/averages.js';
import { DYNAMIC, OPTIMIZERS } from '../support/configurations.js';
import { miniResnet } from '../support/models.js';
import { type Model, type ProgramOptions, planOf, programOf } from '../support/network.js';
import { initialDoubles, randomInputs } from '../support/run.js';
import { assertSkipsWhole } from '../support/skipped-step.js';
import { assertAveragesViews } from '../support/views.js';

const linear: Model = ({ image, call }) => call('linear', call('flatten', image), { features: 10 }, { as: 'fc' });

/** Black images stay 0, white ones are infinite: the batch decides whether gradients overflow, at any loss scale. */
const SMALL = { image: [2, 2, 3], mean: 0, std: 1e-39 } as const;
const lr = Float32Array.of(1e-3);
const label = Int32Array.of(3, 5);
const finite = { image: new Uint8Array(24), label, lr };
const overflowing = { image: new Uint8Array(24).fill(255), label, lr };

async function load(model: Model, options: ProgramOptions): Promise<Executable> {
  const plan = planOf(model, options);
  const executable = await createBackend().load(plan);
  const states = initialDoubles(...plan.functions.map((fn) => fn.graph));
  await executable.writeStates(new Map([...states].map(([name, x]) => [name, x instanceof Int32Array ? x : Float32Array.from(x)])));
  return executable;
}

async function number(executable: Executable, name: string): Promise<number> {
  return (await executable.readStates([name])).get(name)![0];
}

function scaling(change: Partial<typeof DYNAMIC>): Pick<ProgramOptions, 'precision'> {
  return { precision: { compute: 'f32', lossScaling: { ...DYNAMIC, floor: 0, cap: Infinity, ...change } } };
}

describe('loss scaling', () => {
  for (const [index, { init, growth, backoff, interval, steps, scales, trackers, updates }] of fixture.cases.entries()) {
    it(`follows GradScaler of PyTorch ${fixture.torch} step by step, case ${index + 1}: ${steps}`, async () => {
      const executable = await load(linear, { ...SMALL, ...scaling({ init, growth, backoff, interval }) });
      let skips = 0;
      for (const [step, letter] of [...steps].entries()) {
        const before = await number(executable, 'scaler.scale');
        await executable.call('train_step', letter === '.' ? finite : overflowing);
        const [{ ok, scale }] = await executable.drain();
        skips = letter === '.' ? 0 : skips + 1;
        const actual = {
          ok,
          scale,
          next: await number(executable, 'scaler.scale'),
          tracker: await number(executable, 'scaler.tracker'),
          updates: await number(executable, 'optimizer.step'),
          skips: await number(executable, 'scaler.skips'),
        };
        const expected = {
          ok: letter === '.' ? 1 : 0,
          scale: before,
          next: scales[step],
          tracker: trackers[step],
          updates: updates[step],
          skips,
        };
        assert.deepEqual(actual, expected, `step ${step + 1}`);
      }
    });
  }

  it('stays between floor and cap', async () => {
    const executable = await load(linear, { ...SMALL, ...scaling({ init: 1024, interval: 1, floor: 300, cap: 3000 }) });
    const seen: number[] = [];
    for (const batch of [overflowing, overflowing, overflowing, finite, finite, finite, finite, finite, overflowing]) {
      await executable.call('train_step', batch);
      seen.push(await number(executable, 'scaler.scale'));
    }
    assert.deepEqual(seen, [512, 300, 300, 600, 1200, 2400, 3000, 3000, 1500]);
  });

  for (const [name, optimizer] of Object.entries(OPTIMIZERS)) {
    it(`a skipped step of ${name} changes the scale alone, to the bit`, async () => {
      for (const lossScaling of [DYNAMIC, { kind: 'static', scale: 256 }] satisfies LossScaling[]) {
        const options = { mean: 0, std: 1e-39, precision: { lossScaling }, train: { optimizer, clip: 1 } };
        const executable = await load(miniResnet, options);
        const inputs = randomInputs(programOf(miniResnet, options), 1);
        await executable.call('train_step', { ...inputs, image: new Uint8Array(inputs.image.length) });
        const before = await executable.readStates();
        await executable.call('train_step', { ...inputs, image: inputs.image.fill(255) });
        const after = await executable.readStates();
        const changed = [...before.keys()].filter((state) => Buffer.compare(bytes(before.get(state)!), bytes(after.get(state)!)) !== 0);
        assert.deepEqual(
          (await executable.drain()).map(({ ok }) => ok),
          [1, 0],
        );
        assert.deepEqual(changed, lossScaling.kind === 'dynamic' ? ['scaler.scale', 'scaler.tracker', 'scaler.skips'] : []);
      }
    });
  }

  it('leaves statistics and sums alone, to the bit, whichever micro-batch of a step overflows', () =>
    assertSkipsWhole((plan) => createBackend().load(plan), { cases: 'all' }));

  it('keeps averages of weights and statistics, whatever the step', () => assertKeepsAverages((plan) => createBackend().load(plan)));

  it('averages views of an image', () => assertAveragesViews((plan) => createBackend().load(plan)));

  it('an overflow in an earlier micro-batch skips the step, and the next one starts clean', async () => {
    const executable = await load(linear, { ...SMALL, ...scaling({ init: 8 }), train: { accumulate: 2 } });
    const initial = (await executable.readStates(['fc.bias'])).get('fc.bias');
    await executable.call('accumulate_step', overflowing);
    await executable.call('train_step', finite);
    assert.deepEqual((await executable.readStates(['fc.bias'])).get('fc.bias'), initial);
    await executable.call('accumulate_step', finite);
    await executable.call('train_step', finite);
    const scalars = await executable.drain();
    assert.deepEqual([scalars[1].ok, scalars[3].ok], [0, 1]);
    assert.deepEqual([scalars[1].scale, scalars[3].scale], [8, 4]);
    assert.notDeepEqual((await executable.readStates(['fc.bias'])).get('fc.bias'), initial);
  });

  it('in fp16 a scale that is too large backs off until the gradients fit', async () => {
    const options = { precision: { compute: 'f16', lossScaling: { ...DYNAMIC, init: 2 ** 20 } } } as const;
    const executable = await load(miniResnet, options);
    const inputs = randomInputs(programOf(miniResnet, options), 1);
    for (let step = 0; step < 8; step += 1) await executable.call('train_step', inputs);
    const scalars = await executable.drain();
    const skipped = scalars.findIndex(({ ok }) => ok === 1);
    assert.ok(skipped >= 3, 'gradients of 0.45 times 2^20 are beyond 65504');
    assert.deepEqual(
      scalars.map(({ scale }) => Math.log2(scale)),
      scalars.map((_, step) => 20 - Math.min(step, skipped)),
    );
    for (const { loss } of scalars) assert.ok(Number.isFinite(loss), 'the reported loss is not scaled');
  });
});

function bytes(values: Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
