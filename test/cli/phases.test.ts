import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TrainEvent } from '../../src/training/events.js';
import { readSafetensors } from '../../src/training/safetensors.js';
import { ampc } from '../support/cli.js';
import { TINY, useTiny } from '../support/tiny.js';

const PHASES = TINY.replace('linear(10) as fc', 'linear(6) as stem |> relu |> linear(10) as fc').replace(
  'epochs 2  seed 0',
  'epochs 3  seed 0  freeze "stem" until 1  freeze "fc.*" after 2',
);

describe('parameters that are frozen for some epochs', () => {
  const work = useTiny(PHASES, 5);
  const train = async (...rest: readonly string[]) => {
    const { code, stderr } = await ampc(...work.args('train', ...rest));
    assert.equal(code, 0, stderr);
  };
  const weightsOf = async (run: string) => (await readSafetensors(join(run, 'last.safetensors'))).tensors;

  it('stay as they are in these, and train in the others, with a plan and an optimizer for each', async () => {
    const runs = [1, 2, 3].map((epochs) => work.path(`after-${epochs}`));
    // The same run, stopped after each epoch of four steps.
    for (const [i, run] of runs.entries()) await train(work.program, '--out', run, '--max-steps', String(4 * (i + 1)));
    const start = work.path('start');
    await train(work.program, '--out', start, '--max-steps', '1', '--set', 'train.optimizer=sgd(lr: 0)');
    const [zero, one, two, three] = await Promise.all([start, ...runs].map(weightsOf));
    const isSame = (name: string, a: typeof zero, b: typeof zero) =>
      Buffer.from(a!.get(name)!.data.buffer).equals(Buffer.from(b!.get(name)!.data.buffer));
    const moved = (name: string) =>
      [
        [zero, one],
        [one, two],
        [two, three],
      ].map(([a, b]) => !isSame(name, a, b));
    assert.deepEqual(moved('stem.weight'), [false, true, true]);
    assert.deepEqual(moved('stem.bias'), [false, true, true]);
    assert.deepEqual(moved('fc.weight'), [true, true, false]);
    const plan = readFileSync(join(runs[2]!, 'plan.txt'), 'utf8');
    assert.match(plan, /%stem\.weight\.m = state/);
    assert.doesNotMatch(plan, /%fc\.weight\.m = state/);
  });

  it('have an event for each change, and plans of their own, which ampc plan shows and ampc compare tells by their lines', async () => {
    const [run, other] = [work.path('events')!, work.path('other')!];
    await train(work.program, '--out', run);
    await train(work.program, '--out', other, '--max-steps', '2');
    const phases = readFileSync(join(run, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as TrainEvent)
      .filter(({ event }) => event === 'phase');
    assert.deepEqual(phases, [
      { event: 'phase', step: 4, epoch: 2, frozen: [], trains: ['stem.weight', 'stem.bias'] },
      { event: 'phase', step: 8, epoch: 3, frozen: ['fc.weight', 'fc.bias'], trains: [] },
    ]);
    const compared = await ampc('compare', run, other, '--json');
    assert.deepEqual((JSON.parse(compared.stdout) as { differing: string[] }).differing, ['max_steps']);
    const shown = async (...rest: readonly string[]) => (await ampc('plan', work.program, '--backend', 'reference', ...rest)).stdout;
    assert.match(await shown(), /^plan of epoch 1; others, with other parameters frozen: --epoch 2, --epoch 3$/m);
    assert.match(await shown('--epoch', '3'), /^plan from epoch 3 on; .*: --epoch 1, --epoch 2$/m);
    assert.doesNotMatch(await shown('--dump'), /%stem\.weight\.m = state/);
    assert.match(await shown('--dump', '--epoch', '2'), /%stem\.weight\.m = state/);
    assert.match((await ampc('plan', work.program, '--epoch', '4')).stderr, /error\[AMP6215\]: there is no epoch 4/);
  });

  it('leave the optimizer as it is where they stop training, and have a new one where they begin to', async () => {
    // Behind steps 4 and 8 the next epoch's plan has taken over.
    const counts = [4, 7, 8, 9, 12].map(async (steps) => {
      const run = work.path(`counted-${steps}`);
      await train(work.program, '--out', run, '--max-steps', String(steps));
      return (await readSafetensors(join(run, 'checkpoint.safetensors'))).tensors;
    });
    const states = await Promise.all(counts);
    assert.deepEqual(
      states.map((tensors) => Number(tensors.get('optimizer.step')!.data[0])),
      [0, 3, 4, 5, 8],
    );
  });

  it('that never change in the run are told before it starts', async () => {
    const { code, stderr } = await ampc(...work.args('train', work.program, '--out', work.path('short')!, '--epochs', '1'));
    assert.equal(code, 0, stderr);
    assert.match(stderr, /warning\[AMP4019\]: `stem` never trains: the run has 1 epoch\n/);
    assert.match(stderr, /warning\[AMP4019\]: `fc\.\*` never freezes: the run has 1 epoch\n/);
  });

  it('go on from a checkpoint to the same weights, wherever the run was stopped', async () => {
    const [whole, parted] = [work.path('whole'), work.path('parted')];
    await train(work.program, '--out', whole!);
    await train(work.program, '--out', parted!, '--max-steps', '3');
    for (const steps of ['4', '5', '8', '10', '12']) await train(work.program, '--resume', parted!, '--max-steps', steps);
    const read = (run: string) => readFileSync(join(run, 'last.safetensors'));
    assert.deepEqual(read(parted!), read(whole!));
    assert.equal((await ampc('eval', parted!, '--data', work.data)).code, 0);
  });
});

describe('parameters that are frozen within an epoch', () => {
  const text = PHASES.replace('freeze "stem" until 1  freeze "fc.*" after 2', 'freeze "stem" until 3 steps  freeze "fc.*" after 2.5');
  const work = useTiny(text.replace('seed 0', 'seed 0  average ema(decay: 0.5)'), 5);
  const train = async (...rest: readonly string[]) => {
    const { code, stderr } = await ampc(...work.args('train', ...rest));
    assert.equal(code, 0, stderr);
  };

  it('change with a step, wherever a run was stopped, and their averages go on', async () => {
    const [whole, parted] = [work.path('whole')!, work.path('parted')!];
    await train(work.program, '--out', whole);
    const at = new Map<number, ReadonlyMap<string, { readonly data: ArrayLike<number> }>>();
    for (const steps of [2, 3, 9, 10, 12]) {
      const place = steps === 2 ? [work.program, '--out', parted] : ['--resume', parted];
      await train(...place, '--max-steps', String(steps));
      at.set(steps, (await readSafetensors(join(parted, 'checkpoint.safetensors'))).tensors);
    }
    const numbers = (steps: number, name: string) => [...Array.from(at.get(steps)!.get(name)!.data)];
    // An epoch has four steps: those with which it changes are the fourth and the eleventh.
    assert.deepEqual(numbers(2, 'stem.weight'), numbers(3, 'stem.weight'));
    assert.notDeepEqual(numbers(3, 'stem.weight'), numbers(9, 'stem.weight'));
    assert.notDeepEqual(numbers(9, 'fc.weight'), numbers(10, 'fc.weight'));
    assert.deepEqual(numbers(10, 'fc.weight'), numbers(12, 'fc.weight'));
    const weights = numbers(10, 'fc.weight');
    let average = numbers(10, 'fc.weight.average');
    assert.notDeepEqual(average, weights);
    for (let step = 10; step < 12; step += 1) average = average.map((value, i) => value + 0.5 * (weights[i]! - value));
    for (const [i, value] of numbers(12, 'fc.weight.average').entries()) assert.ok(Math.abs(value - average[i]!) < 1e-7, `${i}`);
    const phases = readFileSync(join(parted, 'metrics.jsonl'), 'utf8').match(/"event":"phase","step":\d+,"epoch":\d+/g);
    assert.deepEqual(phases, ['"event":"phase","step":3,"epoch":1', '"event":"phase","step":10,"epoch":3']);
    const read = (run: string) => readFileSync(join(run, 'last.safetensors'));
    assert.deepEqual(read(parted), read(whole));
    const { stdout } = await ampc('plan', work.program, '--backend', 'reference', '--epoch', '3');
    assert.match(stdout, /^plan from epoch 1\.01 on, before 3\.5; others, with other parameters frozen: --epoch 1, --epoch 3\.5$/m);
  });
});
