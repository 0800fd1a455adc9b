import assert from 'node:assert/strict';
import { middleThird } from '../../src/costs/timing.js';
import { compile, type Profile } from '../../src/index.js';
import { byteLength } from '../../src/ir/types.js';
import { summarizePlan } from '../../src/measure/summary.js';
import { groupWork } from '../../src/plan/work.js';
import { createBackend } from '../../src/runtime/cpu/index.js';
import { findFunction, planStates } from '../../src/training/states.js';
import { ampc } from '../support/cli.js';
import { skip } from '../support/skip.js';
import { makeWorkspace, TINY } from '../support/tiny.js';

describe('the work of a group', () => {
  it('adds up to the operations of the step, and counts each value once', async () => {
    const { plan } = await compile('examples/simple-cnn.amp', { backend: 'cpu', precision: 'bf16' });
    const step = findFunction(plan, 'train_step')!;
    const works = step.groups.map((group) => ({ kind: group.kind, ...groupWork(step, group) }));
    const summary = summarizePlan(plan).functions.find(({ name }) => name === 'train_step')!;
    assert.equal(
      works.reduce((sum, { flops }) => sum + flops, 0),
      summary.flops,
    );
    assert.ok(
      works.every(({ kind, format, flops }) => (format === 'bf16') === (kind === 'contraction') && flops > 0 === (kind === 'contraction')),
    );
    // Adam reads the weight, both moments and the gradient, and writes all but the gradient.
    const parameters = planStates(plan).filter(({ role }) => role === 'parameter');
    const atLeast = 7 * parameters.reduce((sum, state) => sum + byteLength(state), 0);
    const update = works.find(({ kind }) => kind === 'update')!;
    assert.ok(update.bytes >= atLeast && update.bytes < atLeast * 1.01, `${update.bytes} of ${atLeast}`);
  });
});

it('the calls around the median are those that a profile averages', () => {
  const seconds = (values: readonly number[]) => values.map((value) => ({ seconds: value }));
  assert.deepEqual(middleThird(seconds([9, 1, 2, 8, 3, 7])), seconds([3, 7]));
  assert.deepEqual(middleThird(seconds([4])), seconds([4]));
});

describe('ampc bench --profile', () => {
  const work = makeWorkspace();
  const file = work.file('tiny.amp', TINY);

  after(() => work.remove());

  it('shows where the time of a step goes', async function () {
    this.timeout(120_000);
    const info = await createBackend().probe();
    if (!info.available) skip(this, info.reason!);
    const result = await ampc('bench', file, '--profile', '--backend', 'cpu', '--steps', '6', '--warmup', '1', '--json');
    assert.equal(result.code, 0, result.stderr);
    const { step_ms, outside_ms, groups, limits } = JSON.parse(result.stdout) as Profile;
    const total = groups.reduce((sum, { ms }) => sum + ms, outside_ms);
    assert.ok(Math.abs(total - step_ms) < 1e-9 * step_ms);
    assert.ok(groups.some(({ group, gflops }) => group === 'fc' && gflops > 0));
    assert.ok(limits!.f32.one > 0 && limits!.f32.all > 0 && limits!.memory.all > 0);
    assert.match(result.stderr, /^step +.*100\.0 %$/m);
  });

  it('names the kernels that need fewer multiplications', async function () {
    this.timeout(120_000);
    const info = await createBackend().probe();
    if (!info.available) skip(this, info.reason!);
    const options = ['--profile', '--backend', 'cpu', '--precision', 'fp16', '--steps', '3', '--warmup', '1', '--json'];
    const result = await ampc('bench', 'examples/simple-cnn.amp', ...options);
    assert.equal(result.code, 0, result.stderr);
    const { groups } = JSON.parse(result.stdout) as Profile;
    const named = groups.flatMap(({ group, method }) => (method === null ? [] : [`${group}: ${method}`]));
    const expected = ['conv2', 'conv2_input_grad', 'conv2_weight_grad'].map((group) => `${group}: Winograd 4x4`);
    assert.deepEqual(named, expected);
    assert.match(result.stderr, /^conv2 +contraction, Winograd 4x4 /m);
  });

  it('is refused by a backend that cannot time its kernels', async () => {
    const result = await ampc('bench', file, '--profile', '--backend', 'reference', '--batch', '2');
    assert.equal(result.code, 1);
    assert.match(result.stderr, /AMP6012/);
  });
});
