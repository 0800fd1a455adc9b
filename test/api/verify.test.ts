import assert from 'node:assert/strict';
import { distance } from '../../src/measure/distance.js';
import { verify } from '../../src/measure/verify.js';
import { ampc } from '../support/cli.js';
import { makeWorkspace, TINY, type Workspace, writeTinyCifar } from '../support/tiny.js';

describe('distance', () => {
  const of = (found: number[], wanted: number[], scale = 1) => distance(Float32Array.from(found), Float32Array.from(wanted), scale);

  const none = { nonFinite: 0, fp32NonFinite: 0, vanished: 0, cancels: false };
  const lost = { error: Number.POSITIVE_INFINITY, cosine: 0, ...none };

  it('is by norm and angle, with the loss scale divided out', () => {
    assert.deepEqual(of([8, 16], [1, 2], 8), { error: 0, cosine: 1, ...none });
    const { error, cosine } = of([3, 4], [3, 0]);
    assert.ok(Math.abs(error - 4 / 3) < 1e-12 && Math.abs(cosine - 0.6) < 1e-12);
  });

  it('counts what is not finite and what has vanished; zeros agree with zeros', () => {
    assert.deepEqual(of([Number.NaN, 1], [1, 1]), { ...lost, nonFinite: 1 });
    assert.equal(of([0, 1, 0, 0], [1e-9, 1, 0, 0]).vanished, 0.25);
    assert.deepEqual(of([0, 0], [0, 0]), { error: 0, cosine: 1, ...none });
    assert.equal(of([0, 0], [1, 1]).cosine, 0);
  });

  it('is by the norm of the terms where those of a sum cancel', () => {
    const terms = Float32Array.of(3, -3, 3, -3);
    const ofTerms = (found: number, wanted: number) => distance(Float32Array.of(found), Float32Array.of(wanted), 1, terms);
    assert.deepEqual(ofTerms(0.03, 1e-7).cancels, true);
    assert.ok(Math.abs(ofTerms(0.03, 0).error - (0.03 * 16) / 6) < 1e-6);
    assert.ok(ofTerms(0, 1e-7).vanished === 0 && ofTerms(0, 1e-7).cosine === 1);
    assert.ok(ofTerms(3, 1e-7).error > 1, 'a sum that does not cancel here');
    assert.deepEqual(ofTerms(5, 4), { error: 0.25, cosine: 1, ...none });
    assert.equal(ofTerms(Number.NaN, 1e-7).error, Number.POSITIVE_INFINITY);
  });

  it('tells what is not finite in fp32 either', () => {
    assert.deepEqual(of([Number.NaN, 1], [Number.NaN, 1]), { ...lost, nonFinite: 1, fp32NonFinite: 1 });
    assert.deepEqual(of([1, 1], [Number.POSITIVE_INFINITY, 1]), { ...lost, fp32NonFinite: 1 });
  });
});

describe('verify', () => {
  let work: Workspace;
  const options = { backend: 'reference', steps: 2 } as const;

  before(() => {
    work = makeWorkspace();
    writeTinyCifar(work.dir);
    work.file('tiny.amp', TINY);
  });

  after(() => work.remove());

  it('finds fp32 equal to itself', async () => {
    const { deviations, pass } = await verify(work.path('tiny.amp'), { ...options, data: work.dir, precision: 'fp32' });
    assert.ok(pass && deviations.length >= 4);
    assert.ok(deviations.every(({ error, cosine }) => error === 0 && cosine === 1));
  });

  it('compares every layer and its gradients, worst first', async () => {
    const { deviations, pass, skipped } = await verify(work.path('tiny.amp'), { ...options, data: work.dir });
    assert.deepEqual([pass, skipped], [true, 0]);
    assert.ok(deviations.every(({ error }, i) => i === 0 || error <= deviations[i - 1].error));
    const weight = deviations.find(({ of }) => of === 'gradient of fc.weight')!;
    assert.ok(weight.error > 0 && weight.error < 2e-3, String(weight.error));
    assert.deepEqual([weight.layer, weight.kind, weight.dtype], ['fc', 'gradient', 'f32']);
    assert.ok(deviations.some(({ layer, kind }) => layer === 'avg_pool2d_1' && kind === 'activation'));
  });

  it('sees an overflow, and gradients that vanish', async () => {
    const changed = (text: string) => work.file('changed.amp', TINY.replace('compute fp16', `compute fp16  ${text}`));
    const over = await verify(changed('loss_scale static(scale: 16777216)'), { ...options, data: work.dir });
    assert.ok(!over.pass && over.skipped === 2);
    assert.equal(over.deviations[0].error, Number.POSITIVE_INFINITY);
    const under = await verify(changed('loss_scale static(scale: 1e-6)'), { ...options, data: work.dir });
    assert.ok(!under.pass);
    assert.ok(under.deviations.some(({ of, vanished }) => of.startsWith('gradient') && vanished > 0.1));
  });

  it('lets a gradient be that is 0 by its mathematics: of a bias before a norm', async () => {
    const text = TINY.replace('|> flatten', '|> conv2d(4, kernel: 1) as conv |> batch_norm as bn |> flatten');
    const { deviations, pass } = await verify(work.file('bias.amp', text), { ...options, data: work.dir });
    const bias = deviations.find(({ of }) => of === 'gradient of conv.bias')!;
    assert.deepEqual([pass, bias.cancels, bias.pass], [true, true, true]);
    assert.ok(bias.error > 0 && bias.error < 0.05, String(bias.error));
    assert.deepEqual(
      deviations.filter(({ cancels }) => cancels).map(({ of }) => of),
      ['gradient of conv.bias'],
    );
  });

  it('shows what fails first, and minds no activation that is 0 for next to nothing', async () => {
    // The sigmoid of -8 to -22: the least of it is below what fp16 can hold, and so is its gradient.
    const text = TINY.replace(
      'linear(10) as fc',
      'linear(10) as cold |> scale(8) |> tanh |> sigmoid |> scale(-30) |> sigmoid |> linear(10) as fc',
    );
    const { deviations } = await verify(work.file('cold.amp', text), { ...options, data: work.dir });
    const sigmoid = deviations.find(({ op, vanished }) => op === 'sigmoid' && vanished > 0.05)!;
    assert.equal(sigmoid.pass, true);
    const passes = deviations.map(({ pass }) => pass);
    assert.deepEqual(
      passes,
      [...passes].sort((a, b) => Number(a) - Number(b)),
    );
    assert.ok(passes.includes(false) && passes.includes(true), 'its gradients vanish');
    const failing = deviations.filter(({ pass }) => !pass);
    assert.ok(failing.every(({ kind }) => kind === 'gradient'));
  });

  it('says when fp32 is no better', async () => {
    const steep = work.file(
      'steep.amp',
      TINY.replace('adam(lr: 1e-3)', 'sgd(lr: 1e38)').replace('fp16', 'bf16').replace('as fc', 'as fc |> scale(100)'),
    );
    const { code, stdout, stderr } = await ampc('verify', steep, '--backend', 'reference', '--steps', '3', '--data', work.dir);
    assert.equal(code, 1);
    assert.match(stdout, /\d+ not finite, \d+ in fp32 .*FAIL/);
    assert.match(stderr, /^fp32 is infinite or NaN as well: the recipe, the weights or the data are wrong, not the formats$/m);
  });

  it('is a command with an exit code', async () => {
    const common = ['verify', work.path('tiny.amp'), '--backend', 'reference', '--steps', '1', '--data', work.dir];
    const good = await ampc(...common);
    assert.deepEqual([good.code, good.stderr], [0, '']);
    assert.match(good.stdout, /^fc +linear_weight_grad +gradient of fc\.weight +f32 .* ok$/m);
    const strict = await ampc(...common, '--max-error', '0');
    assert.equal(strict.code, 1);
    assert.match(strict.stderr, /values fail: asked for an error of at most 0,/);
    for (const wrong of [
      ['--max-error', 'x'],
      ['--min-cosine', '1.5'],
      ['--max-vanished', '5'],
    ])
      assert.equal((await ampc(...common, ...wrong)).code, 2);
    assert.equal(JSON.parse((await ampc(...common, '--json')).stdout).pass, true);
  });
});
