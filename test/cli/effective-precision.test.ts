import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from '../../src/index.js';
import { kernelKey } from '../../src/plan/cost-table.js';
import { trainStep } from '../../src/plan/facts.js';
import { ampc } from '../support/cli.js';
import { costsFile, DEAR_CASTS, madeUpCosts } from '../support/costs.js';
import { makeWorkspace, TINY, type Workspace } from '../support/tiny.js';

const PRECISION = `precision {
  compute bf16
  loss_scale static(8)
  keep fc in fp32
}`;

const NET = TINY.replace('cifar10', 'shapes').replace('precision { compute fp16 }', PRECISION);
const DEFAULT = TINY.replace('cifar10', 'shapes').replace('precision { compute fp16 }\n', '');
const FASTEST = DEFAULT.replace(
  /image \|>.*/,
  'image |> avg_pool2d(4) |> conv2d(4, kernel: 3) as conv1 |> relu |> conv2d(4, kernel: 3) as conv2 |> relu |> flatten |> linear(10) as fc',
).replace('train {', 'precision { policy fastest }\n\ntrain {');
/** A layer that overflows in every step. */
const WILD = DEFAULT.replace('image |>', 'image |> conv2d(4, kernel: 1) as conv |>').replace(
  '|> flatten',
  '|> scale(1e6) as big |> flatten',
);

describe('who set a setting of precision', () => {
  let work: Workspace;
  const reference = ['--backend', 'reference'];

  before(() => {
    work = makeWorkspace();
    for (const [name, text] of Object.entries({ net: NET, default: DEFAULT, fastest: FASTEST, wild: WILD })) work.file(`${name}.amp`, text);
  });

  after(() => work.remove());

  async function planned(name: string, ...more: readonly string[]) {
    const args = ['plan', work.path(`${name}.amp`), ...reference, ...more];
    const [json, text] = [await ampc(...args, '--json'), await ampc(...args)];
    assert.equal(json.code, 0, json.stderr);
    return { ...JSON.parse(json.stdout).effectivePrecision, text: text.stdout };
  }

  const stored = (run: string) => JSON.parse(readFileSync(join(work.path(run), 'config.json'), 'utf8')).effectivePrecision;

  it('is a line of the file', async () => {
    const { text, ...found } = await planned('net');
    const line = (wanted: RegExp) => ({ kind: 'file', line: NET.split('\n').findIndex((each) => wanted.test(each)) + 1 });
    assert.deepEqual(found, {
      compute: { value: 'bf16', origin: line(/compute/) },
      policy: { value: 'mixed', origin: { kind: 'default' } },
      rules: { value: 'mixed', origin: { kind: 'default' } },
      lossScaling: { value: 'static', origin: line(/loss_scale/) },
      pins: [{ pattern: 'fc', format: 'fp32', origin: line(/keep/) }],
    });
    assert.match(text, /^precision: compute bf16 \(line 8\), policy mixed \(default\), loss scale static \(line 9\)$/m);
    assert.match(text, /^keep fc in fp32 \(line 10\)$/m);
  });

  it('says of a pin that changes nothing that it does, unless an option made that so', async () => {
    work.file('idle.amp', NET.replace('  loss_scale static(8)\n', '').replace('keep fc in fp32', 'keep cross_entropy in fp32'));
    const { pins, text } = await planned('idle');
    assert.deepEqual(pins, [{ pattern: 'cross_entropy', format: 'fp32', origin: { kind: 'file', line: 9 }, idle: true }]);
    assert.match(text, /^keep cross_entropy in fp32 \(line 9; changes nothing\)$/m);
    const asked = await planned('net', '--precision', 'fp32');
    assert.match(asked.text, /^keep fc in fp32 \(line 10\)$/m);
    const { code, stdout, stderr } = await ampc('check', work.path('idle.amp'), '--json');
    assert.equal(code, 0);
    assert.match(stdout, /"code":"AMP4250","severity":"hint"[^\n]*"start":\{"line":9,"column":3\}[^\n]*\n.*"hints":1/);
    assert.match(stderr, /^hint\[AMP4250\]/);
    assert.deepEqual(await ampc('check', work.path('idle.amp'), '--quiet'), { code: 0, stdout: '', stderr: '' });
  });

  it('is nobody, where the file says nothing', async () => {
    const { compute, lossScaling, pins } = await planned('default');
    const nobody = { kind: 'default' };
    assert.deepEqual([compute, lossScaling, pins], [{ value: 'fp16', origin: nobody }, { value: 'dynamic', origin: nobody }, []]);
  });

  it('is an option, the last one that names it', async () => {
    const scale = 'precision.loss_scale.scale=16';
    const found = await planned('net', '--precision', 'fp32', '--set', 'precision.compute=fp16', '--policy', 'autocast');
    assert.deepEqual(found.compute, { value: 'fp16', origin: { kind: 'option', option: '--set precision.compute=fp16' } });
    assert.deepEqual(found.policy, { value: 'autocast', origin: { kind: 'option', option: '--policy autocast' } });
    // The scale of the file was for another format.
    assert.deepEqual(found.lossScaling, { value: 'dynamic', origin: { kind: 'default' } });
    assert.match(found.text, /compute fp16 \(--set precision\.compute=fp16\), policy autocast \(--policy autocast\)/);
    const scaled = await planned('net', '--set', scale);
    assert.deepEqual(scaled.lossScaling, { value: 'static', origin: { kind: 'option', option: `--set ${scale}` } });
    assert.deepEqual((await planned('net', '--batch', '4')).compute, { value: 'bf16', origin: { kind: 'file', line: 8 } });
  });

  it('is policy fastest, and in a run that goes on what it chose', async () => {
    const { plan } = await compile(work.path('fastest.amp'), { backend: 'reference', policy: 'mixed' });
    const fn = trainStep(plan);
    const slow = fn.groups
      .filter(({ name }) => name.startsWith('conv2'))
      .map((group) => [kernelKey(fn, group), { kernel: group.name, seconds: 1 }]);
    const uneven = costsFile(work.dir, 'uneven.json', { ...madeUpCosts(), kernels: Object.fromEntries(slow) });
    const cut = await planned('fastest', '--costs', uneven);
    assert.deepEqual([cut.compute.origin, cut.policy.value, cut.rules.value], [{ kind: 'default' }, 'fastest', 'mixed']);
    assert.equal(cut.rules.origin.kind, 'fastest');
    const conv2 = cut.pins.find(({ pattern }: { pattern: string }) => pattern === 'conv2');
    assert.deepEqual([conv2.format, conv2.origin.kind], ['fp32', 'fastest']);
    assert.match(conv2.origin.text, /^[\d.]+ ms in f32, [\d.]+ ms in f16$/);
    assert.match(cut.text, /policy fastest \(line \d+\), rules of mixed \(fastest: /);
    const dear = costsFile(work.dir, 'dear.json', DEAR_CASTS);
    const full = await planned('fastest', '--costs', dear);
    assert.deepEqual([full.compute.value, full.compute.origin.kind, full.lossScaling.value], ['fp32', 'fastest', 'none']);
    const train = (...more: string[]) => ampc('train', work.path('fastest.amp'), ...reference, ...more);
    assert.equal((await train('--out', work.path('chosen'), '--costs', dear, '--max-steps', '1')).code, 0);
    assert.equal(stored('chosen').compute.origin.kind, 'fastest');
    assert.equal((await train('--resume', work.path('chosen'), '--max-steps', '2')).code, 0);
    assert.deepEqual(stored('chosen').compute, { value: 'fp32', origin: { kind: 'stored', costs: 'reference, made up' } });
  }).timeout(60_000);

  it('is a calibration, and a replan', async () => {
    const calibration = work.path('calibration.json');
    const calibrated = await ampc('calibrate', work.path('wild.amp'), ...reference, '--steps', '1', '--batch', '4', '--out', calibration);
    assert.equal(calibrated.code, 0, calibrated.stderr);
    const { pins, text } = await planned('wild', '--calibration', calibration);
    assert.deepEqual([pins[0].pattern, pins[0].format, pins[0].origin.kind], ['big', 'fp32', 'calibration']);
    assert.match(text, /^keep big in fp32 \(calibration: scale of big reached [\d.,e+]+ in 1 calibration step, fp16 ends at 65,504\)$/m);
    const run = ['train', work.path('wild.amp'), ...reference, '--out', work.path('replanned'), '--replan', '1', '--max-steps', '3'];
    assert.equal((await ampc(...run)).code, 0);
    const found = stored('replanned');
    assert.deepEqual([found.pins[0].pattern, found.pins[0].origin.kind], ['big', 'replan']);
    assert.match(found.pins[0].origin.text, /^scale of big reached [\d.,e+]+, fp16 ends at 65,504, 1 times by step 1$/);
  }).timeout(60_000);
});
