import assert from 'node:assert/strict';
import { diffPlans, isSamePlan } from '../../src/plan/diff.js';
import { failedGates, parseGates } from '../../src/plan/gate.js';
import { parsePlan } from '../../src/plan/parse.js';
import { printPlan } from '../../src/plan/print.js';
import { simpleCnn } from '../support/models.js';
import { type ProgramOptions, planOf } from '../support/network.js';

const plan = (options: ProgramOptions = {}) => planOf(simpleCnn, { image: [16, 16, 3], batch: 4, ...options });
const roles = (items: readonly { readonly layer: string; readonly op: string }[]) => items.map(({ layer, op }) => `${layer} ${op}`);

describe('plan difference', () => {
  it('is empty between equal plans, also when one was saved', () => {
    assert.ok(isSamePlan(diffPlans(plan(), plan())));
    assert.ok(isSamePlan(diffPlans(plan(), parsePlan(printPlan(plan())))));
  });

  it('names what a pin changes: formats with both reasons, and the casts', () => {
    const pinned = plan({ precision: { pins: [{ pattern: 'fc2', dtype: 'f32', origin: { kind: 'file', line: 3 } }] } });
    const diff = diffPlans(plan(), pinned);
    const step = diff.formats.filter((change) => change.function === 'train_step');
    assert.deepEqual(roles(step), ['fc2 linear', ' correct_count', 'fc2 linear_input_grad', 'fc2 linear_weight_grad']);
    const linear = step.find(({ op }) => op === 'linear')!;
    assert.deepEqual([linear.before.result, linear.after.result], ['f16', 'f32']);
    assert.deepEqual([linear.before.why, linear.after.why], ['low: linear', 'pin: keep fc2 in fp32 (line 3)']);
    const removed = diff.castsRemoved.filter((cast) => cast.function === 'train_step').map(({ value }) => value);
    assert.ok(removed.includes('fc2.weight'));
    assert.ok(removed.includes('linear of fc2'));
    assert.ok(diff.castsAdded.some(({ value, to }) => value === 'relu of relu_3' && to === 'f32'));
    assert.deepEqual([diff.scaling, diff.settings.filter(({ name }) => name !== 'kernels')], [[], []]);
  });

  it('swaps with its sides', () => {
    const [a, b] = [plan(), plan({ precision: { policy: 'autocast' } })];
    const [there, back] = [diffPlans(a, b), diffPlans(b, a)];
    assert.deepEqual(there.castsAdded, back.castsRemoved);
    assert.equal(there.formats.length, back.formats.length);
    assert.deepEqual(
      there.memory.map(({ before, after }) => [before, after]),
      back.memory.map(({ before, after }) => [after, before]),
    );
  });

  it('tells scaling by what it is, not by its ops', () => {
    const diff = diffPlans(plan(), plan({ precision: { lossScaling: { kind: 'none' } } }));
    assert.deepEqual(diff.scaling.slice(0, 2), [
      { name: 'kind', before: 'dynamic', after: 'none' },
      { name: 'init', before: '65536', after: '1' },
    ]);
    assert.deepEqual([diff.formats, diff.ops], [[], []]);
  });

  it('says another batch once, not for every op', () => {
    const diff = diffPlans(plan(), plan({ batch: 8 }));
    assert.deepEqual(diff.settings, [{ name: 'batch', before: '4', after: '8' }]);
    assert.deepEqual([diff.ops, diff.formats, diff.castsAdded], [[], [], []]);
    assert.ok(diff.memory.some(({ name, before, after }) => name === 'activations' && after === 2 * before));
  });

  it('shows an optimizer that was exchanged as ops', () => {
    const diff = diffPlans(plan(), plan({ train: { optimizer: { kind: 'sgd', lr: 0.1, momentum: 0, nesterov: false, weightDecay: 0 } } }));
    assert.ok(diff.ops.some(({ kind, op, role }) => kind === 'removed' && op === 'adam' && role === 'conv1.weight'));
    assert.ok(diff.ops.some(({ kind, op, role }) => kind === 'added' && op === 'sgd' && role === 'conv1.weight'));
    assert.deepEqual(diff.formats, []);
  });
});

describe('gates', () => {
  const diff = diffPlans(plan(), plan({ precision: { policy: 'autocast' } }));
  const failed = (gates: string, from = diff) => failedGates(parseGates(gates), from, 10).map((message) => message.split(':')[0]);

  it('fail on changes of their kind only', () => {
    assert.deepEqual(failed('dtype,casts,scaling,any'), ['--fail-on dtype', '--fail-on casts', '--fail-on any']);
    assert.deepEqual(failed('dtype,casts,scaling,any,memory,ops', diffPlans(plan(), plan())), []);
  });

  it('allow casts and memory to grow by a limit', () => {
    const added = diff.castsAdded.length - diff.castsRemoved.length;
    assert.deepEqual([failed(`casts:+${added}`), failed(`casts:+${added - 1}`).length], [[], 1]);
    const { before, after } = diffPlans(plan(), plan({ batch: 8 })).memory.find(({ name }) => name === 'total')!;
    const larger = diffPlans(plan(), plan({ batch: 8 }));
    const percent = (100 * (after - before)) / before;
    assert.deepEqual(failed(`memory:+${Math.ceil(percent)}%`, larger), []);
    assert.equal(failed(`memory:+${Math.floor(percent)}%`, larger).length, 1);
    assert.deepEqual([failed('memory:+1GB', larger), failed('memory:+1KiB', larger).length], [[], 1]);
    assert.deepEqual(failed('memory', diffPlans(plan({ batch: 8 }), plan())), [], 'less memory is no regression');
  });

  it('refuse what they are not, with the nearest name', () => {
    assert.throws(() => parseGates('dtypes'), /AMP6302.*unknown gate `dtypes`/);
    for (const text of ['dtype:+1', 'memory:5%', 'casts:+2MB', 'memory:+x', '']) assert.throws(() => parseGates(text), /AMP6302/, text);
  });
});
