import assert from 'node:assert/strict';
import { findLearningRate, type LearningRateTest, UserError } from '../../src/index.js';
import { adviseRate, hasDiverged } from '../../src/measure/rate-curve.js';
import { ampc } from '../support/cli.js';
import { TINY, useTiny } from '../support/tiny.js';

const RATES = Array.from({ length: 100 }, (_, step) => 1e-6 * 1e7 ** (step / 99));

/** Falls in an S around `middle`, and rises without end from `end` on; both in steps. */
function curve(middle: number, end: number, noise = 0): readonly number[] {
  return RATES.map((_, step) => {
    const fallen = 2.3 - 1.5 / (1 + Math.exp(-(step - middle) / 3));
    return fallen + Math.exp((step - end) / 2) + noise * Math.sin(step * step);
  });
}

/** Until the test of a run would end. */
function seen(losses: readonly number[]): readonly number[] {
  const last = losses.findIndex((_, step) => hasDiverged(losses.slice(0, step + 1)));
  return losses.slice(0, last < 0 ? losses.length : last + 1);
}

describe('the advice of a range test', () => {
  it('is where the loss falls fastest, whatever the noise, and says where it is lowest and lost', () => {
    for (const noise of [0, 0.1]) {
      const { suggestion, lowest, diverged, reason } = adviseRate(RATES, seen(curve(50, 80, noise)));
      const ratio = suggestion! / RATES[50]!;
      assert.ok(ratio > 0.4 && ratio < 2.5, `${suggestion}`);
      assert.ok(lowest! > suggestion! && diverged! > lowest!);
      assert.match(reason, /^the loss falls fastest at .*, is lowest at .*; at .* it is lost$/);
    }
  });

  it('is none where the loss does not fall, or is lost at once', () => {
    const flat = RATES.map((_, step) => 2.3 + 0.05 * Math.sin(step * step));
    assert.deepEqual(adviseRate(RATES, flat).suggestion, null);
    assert.match(adviseRate(RATES, flat).reason, /falls nowhere .*: test higher rates/);
    const risen = flat.map((loss, step) => loss + Math.exp((step - 40) / 2));
    assert.match(adviseRate(RATES, seen(risen)).reason, /falls nowhere .*: test lower rates/);
    assert.match(adviseRate(RATES, [2.3, 2.2, Number.NaN]).reason, /lost after a few steps/);
  });

  it('says that higher rates may do better where the loss still falls', () => {
    assert.match(adviseRate(RATES, curve(95, 1000)).reason, /still falls at the highest rate/);
  });

  it('of losses that are not finite: the test is over', () => {
    assert.ok(hasDiverged([2.3, Number.NaN]));
    assert.ok(hasDiverged([2.3, Number.POSITIVE_INFINITY]));
    assert.ok(!hasDiverged([2.3, 9.9]), 'one step says little');
  });
});

describe('ampc tune --lr', function () {
  this.timeout(60_000);
  const work = useTiny(TINY.replace('epochs 2', 'epochs 2  schedule one_cycle'));
  const args = (...rest: readonly string[]) => work.args('tune', work.program, '--lr', ...rest);

  it('takes the first steps of a run at rising rates, the same ones each time, and keeps nothing', async () => {
    const options = { backend: 'reference', data: work.data, from: 1e-3, to: 100, steps: 40 } as const;
    const [first, again] = [await findLearningRate(work.program, options), await findLearningRate(work.program, options)];
    assert.deepEqual(first, again);
    const { points, present, images, set, suggestion } = first!;
    assert.deepEqual([present, images], [0.001, 8]);
    assert.ok(Math.abs(points[0]!.rate - 1e-3) < 1e-12);
    for (const [step, { rate }] of points.entries()) if (step > 0) assert.ok(rate > points[step - 1]!.rate);
    assert.equal(set, `train.optimizer.lr=${suggestion}`);
    // Its first loss is that of a run, which knows nothing of the rate yet.
    const run = await ampc(...work.args('train', work.program, '--out', work.path('run'), '--max-steps', '1', '--json'));
    const [loss] = run.stdout.split('\n').flatMap((line) => (line.includes('"step",') ? [JSON.parse(line).loss] : []));
    assert.equal(points[0]!.loss, loss);
  });

  it('shows a curve, or prints a line, and takes a setting that a run takes', async () => {
    const shown = await ampc(...args('1e-3:100', '--steps', '40'));
    assert.equal(shown.code, 0, shown.stderr);
    assert.match(shown.stdout, /^Tiny, fp16 on reference: \d+ steps of 8 images, each with a higher learning rate\n\nrate +loss +smoothed/);
    assert.match(shown.stdout, /falls fastest/);
    const { stdout } = await ampc(...args('1e-3:100', '--steps', '40', '--json'));
    const { set }: LearningRateTest = JSON.parse(stdout);
    assert.match(shown.stdout, new RegExp(`\nsuggestion: --set ${set!.replaceAll('.', '\\.')}; the file has 0\\.001\n$`));
    const trained = await ampc(...work.args('train', work.program, '--set', set!, '--out', work.path('tuned'), '--max-steps', '1'));
    assert.equal(trained.code, 0, trained.stderr);
  });

  it('refuses ranges that are none, and options of something else', async () => {
    for (const range of ['1', '1:0.1', '0:1', 'a:b', '1:2:3']) assert.equal((await ampc(...args(range))).code, 2, range);
    assert.match((await ampc(...args('--steps', '5'))).stderr, /AMP6214\]: a range test takes at least 20 steps/);
    await assert.rejects(findLearningRate(work.program, { from: 1, to: 0.1 }), UserError);
    const told = async (...rest: readonly string[]) => (await ampc('tune', work.program, ...rest)).stderr.split('\n')[0];
    assert.equal(await told('--seed', '1'), 'error: --seed goes with --lr');
    assert.match((await told('--policy', 'mixed'))!, /^error: --policy goes with --lr or --largest-batch/);
    assert.match((await told('--lr', '--largest-batch'))!, /cannot be used with/);
  });
});
