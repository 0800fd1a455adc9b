import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StepEvent, TrainEvent } from '../../src/training/events.js';
import { ampc } from '../support/cli.js';
import { TINY, useTiny } from '../support/tiny.js';

const GROUPS = TINY.replace('linear(10) as fc', 'linear(6) as stem |> batch_norm as bn |> linear(10) as fc').replace(
  'epochs 2  seed 0',
  `epochs 2  seed 0
  group norm_shifts { lr_times 64 }
  group "fc" { optimizer sgd(lr: 0.1, momentum: 0.9)  schedule cosine }
  group "fc.bias" { schedule piecewise([[0, 1], [1, 0]]) }`,
);

describe('groups of parameters in a run', () => {
  const work = useTiny(GROUPS, 6);
  const train = async (...rest: readonly string[]) => {
    const { code, stderr } = await ampc(...work.args('train', ...rest, '--log-every', '1'));
    assert.equal(code, 0, stderr);
    return stderr;
  };
  const stepsOf = (run: string): readonly StepEvent[] => {
    const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trim().split('\n');
    return lines.map((line) => JSON.parse(line) as TrainEvent).filter((event) => event.event === 'step');
  };
  const near = (a: number, b: number) => assert.ok(Math.abs(a - b) <= 1e-6 * Math.abs(b), `${a} is not ${b}`);

  it('have rates of their own, beside that of all others', async () => {
    const run = work.path('rates');
    await train(work.program, '--out', run, '--csv');
    const steps = stepsOf(run);
    assert.equal(steps.length, 8);
    for (const [i, { lr, group_lr = {} }] of steps.entries()) {
      near(lr, 1e-3);
      assert.deepEqual(Object.keys(group_lr), ['norm_shifts', 'fc', 'fc.bias']);
      near(group_lr.norm_shifts!, 0.064);
      near(group_lr.fc!, 0.05 * (1 + Math.cos((Math.PI * i) / 8)));
      near(group_lr['fc.bias']!, 1e-3 * Math.max(0, 1 - i / 4));
    }
    assert.match(readFileSync(join(run, 'metrics.csv'), 'utf8').split('\n')[0]!, /,lr\.norm_shifts,lr\.fc,lr\.fc\.bias/);
  });

  it('go on from a checkpoint to the same bits, wherever the run was stopped', async () => {
    const [whole, parted] = [work.path('whole'), work.path('parted')];
    await train(work.program, '--out', whole);
    await train(work.program, '--out', parted, '--max-steps', '3');
    for (const steps of ['4', '8']) await train(work.program, '--resume', parted, '--max-steps', steps);
    const [a, b] = [whole, parted].map((run) => readFileSync(join(run, 'last.safetensors')));
    assert.ok(a!.equals(b!));
    assert.deepEqual(stepsOf(parted), stepsOf(whole));
  });

  it('whose schedule depends on the length are stretched where that changes, and only they', async () => {
    const run = work.path('longer');
    await train(work.program, '--out', run, '--max-steps', '4');
    const told = await train(work.program, '--resume', run, '--epochs', '3');
    assert.match(told, /the rest of cosine's curve is spread over the 8 steps that are left/);
    const after = stepsOf(run).slice(4);
    assert.equal(after.length, 8);
    for (const [i, { lr, group_lr = {} }] of after.entries()) {
      near(lr, 1e-3);
      near(group_lr.fc!, 0.05 * (1 + Math.cos(Math.PI * (0.5 + i / 16))));
    }
  });

  it('take numbers from --set, and tell which they have', async () => {
    const set = ['--set', 'train.group.norm_shifts.lr_times=2', '--set', 'train.group.fc.optimizer.momentum=0.5'];
    const run = work.path('set');
    await train(work.program, '--out', run, '--max-steps', '1', ...set);
    near(stepsOf(run)[0]!.group_lr!.norm_shifts!, 2e-3);
    const { stdout } = await ampc('plan', work.program, '--backend', 'reference', '--json', ...set);
    const { updates } = JSON.parse(stdout) as { readonly updates: readonly object[] };
    const numbers = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0 };
    assert.deepEqual(updates, [
      { op: 'adam', group: null, line: null, rate: 'lr', numbers, parameters: ['stem.weight', 'stem.bias', 'bn.weight'], elements: 300 },
      { op: 'adam', group: 'norm_shifts', line: 10, rate: 'lr.1', numbers, parameters: ['bn.bias'], elements: 6 },
      {
        op: 'sgd',
        group: 'fc',
        line: 11,
        rate: 'lr.2',
        numbers: { momentum: 0.5, nesterov: false, weight_decay: 0 },
        parameters: ['fc.weight'],
        elements: 60,
      },
      { op: 'adam', group: 'fc.bias', line: 12, rate: 'lr.3', numbers, parameters: ['fc.bias'], elements: 10 },
    ]);
    const wrong = await ampc('plan', work.program, '--set', 'train.group.bn.lr=1');
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /error\[AMP4010\]: the file has no such group/);
  });
});
