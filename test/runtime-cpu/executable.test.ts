import assert from 'node:assert/strict';
import type { Executable } from '../../src/runtime/backend.js';
import { createBackend } from '../../src/runtime/cpu/index.js';
import { initialStates } from '../../src/training/states.js';
import { assertKeepsAverages } from '../support/averages.js';
import { assertGroups } from '../support/groups.js';
import { simpleCnn } from '../support/models.js';
import { planOf } from '../support/network.js';
import { assertSkipsWhole } from '../support/skipped-step.js';
import { assertAveragesViews } from '../support/views.js';

const plan = planOf(simpleCnn, { batch: 2 });
const inputs = { image: new Uint8Array(2 * 8 * 8 * 3).fill(100), label: Int32Array.of(1, 2), lr: Float32Array.of(1e-3) };

describe('a plan on the cpu', function () {
  this.timeout(60_000);
  let executable: Executable;

  beforeEach(async () => {
    executable = await createBackend().load(plan, { threads: 2 });
    await executable.writeStates(initialStates(plan, 0));
  });

  afterEach(() => executable.dispose());

  it('reports the scalars of every call since the last drain, in order', async () => {
    const calls = [1, 2, 3].map(() => executable.call('train_step', inputs));
    await Promise.all(calls);
    const scalars = await executable.drain();
    assert.equal(scalars.length, 3);
    assert.ok(scalars.every(({ loss, ok, scale }) => Number.isFinite(loss) && ok === 1 && scale === 65536));
    assert.ok(scalars[2]!.loss! < scalars[0]!.loss!);
    assert.deepEqual(await executable.drain(), []);
  });

  it('leaves the event loop free during a call', async () => {
    let turns = 0;
    let turn = setImmediate(function next() {
      turns += 1;
      turn = setImmediate(next);
    });
    // A call on this thread would be over before the event loop's next turn.
    for (let i = 0; i < 50; i += 1) await executable.call('train_step', inputs);
    clearImmediate(turn);
    assert.ok(turns >= 25, `${turns} turns of the event loop in 50 calls`);
  });

  it('keeps states between calls and gives them back', async () => {
    const before = await executable.readStates(['fc2.weight', 'optimizer.step']);
    await executable.call('train_step', inputs);
    const after = await executable.readStates(['fc2.weight', 'optimizer.step']);
    assert.deepEqual(after.get('optimizer.step'), Int32Array.of(1));
    assert.notDeepEqual(after.get('fc2.weight'), before.get('fc2.weight'));
    await executable.writeStates(before);
    assert.deepEqual(await executable.readStates(['fc2.weight', 'optimizer.step']), before);
  });

  it('skips an update that overflows, to the bit, and traces where it began', async () => {
    await executable.writeStates(new Map([['scaler.scale', Float32Array.of(2 ** 40)]]));
    const before = await executable.readStates(['conv1.weight', 'conv1.weight.m', 'conv1.weight.v', 'optimizer.step']);
    await executable.call('train_step', inputs, { trace: true });
    const [scalars] = await executable.drain();
    assert.equal(scalars!.ok, 0);
    assert.deepEqual(await executable.readStates([...before.keys()]), before);
    assert.deepEqual((await executable.readStates(['scaler.scale', 'scaler.skips'])).get('scaler.scale'), Float32Array.of(2 ** 39));
    const first = await executable.nonFinite();
    assert.equal(first?.function, 'train_step');
    assert.ok(Number.isInteger(first!.node));
  });

  it('updates the parameters of each group by its own rule and rate', () => assertGroups((plan) => createBackend().load(plan)));

  it('leaves statistics and sums alone, to the bit, whichever micro-batch of a step overflows', () =>
    assertSkipsWhole((other) => createBackend().load(other, { threads: 2 }))).timeout(300_000);

  it('keeps averages of weights and statistics, whatever the step', () =>
    assertKeepsAverages((other) => createBackend().load(other, { threads: 2 }))).timeout(300_000);

  it('averages views of an image', () => assertAveragesViews((other) => createBackend().load(other, { threads: 2 }))).timeout(300_000);

  it('reads tensor outputs of the last call', async () => {
    await executable.call('eval_step', { image: inputs.image, label: inputs.label });
    const logits = await executable.readOutput('logits');
    assert.equal(logits.length, 20);
    assert.ok(logits.every(Number.isFinite));
    await assert.rejects(executable.readOutput('nothing'), /no tensor output nothing/);
  });

  it('refuses inputs and states of the wrong size', async () => {
    await assert.rejects(executable.call('train_step', { ...inputs, label: Int32Array.of(1) }), /label has 4 bytes, not 8/);
    await assert.rejects(executable.call('train_step', { image: inputs.image }), /input label of train_step is missing/);
    await assert.rejects(executable.writeStates(new Map([['fc2.bias', new Float32Array(9)]])), /fc2.bias has 10 elements, not 9/);
    await assert.rejects(executable.writeStates(new Map([['fc3.bias', new Float32Array(9)]])), /no state fc3.bias/);
    await executable.call('train_step', inputs);
  });

  it('reports the memory that it holds', () => {
    const arena = Math.max(...plan.functions.map((fn) => fn.memory.arena));
    assert.equal(executable.memory.arena, arena);
    assert.ok(executable.memory.states > 3 * 4 * 1000);
  });

  it('refuses work after it was disposed of, which may happen twice', async () => {
    await executable.dispose();
    await executable.dispose();
    await assert.rejects(executable.call('train_step', inputs), /disposed/);
  });
});
