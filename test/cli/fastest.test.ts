import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { compile } from '../../src/index.js';
import { kernelKey } from '../../src/plan/cost-table.js';
import { trainStep } from '../../src/plan/facts.js';
import { createBackend } from '../../src/runtime/cpu/index.js';
import { readSafetensors } from '../../src/training/safetensors.js';
import { ampc } from '../support/cli.js';
import { costsFile, DEAR_CASTS, madeUpCosts } from '../support/costs.js';
import { skip } from '../support/skip.js';
import { useTiny } from '../support/tiny.js';

const NET = `dataset cifar10 { normalize(mean: 0.5, std: 0.5) }

model Net(image: [32, 32, 3]) -> [10] {
  image |> avg_pool2d(4) |> conv2d(4, kernel: 3) as conv1 |> relu |> conv2d(4, kernel: 3) as conv2 |> relu |> flatten |> linear(10) as fc
}

precision {
  compute fp16
  policy fastest
}

train { optimizer adam(lr: 1e-3)  batch 8  epochs 1 }
`;

const schema = (name: string) => JSON.parse(readFileSync(new URL(`../../schemas/${name}.schema.json`, import.meta.url), 'utf8'));
const validator = (name: string) => new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(schema(name));

describe('policy fastest on the command line', () => {
  const work = useTiny(NET);
  const file = work.program;
  /** Tables under which mixed, fp32, and formats by layer are the fastest. */
  let cheap: string;
  let dear: string;
  let uneven: string;

  before(async () => {
    cheap = costsFile(work.dir, 'cheap.json', madeUpCosts());
    dear = costsFile(work.dir, 'dear.json', DEAR_CASTS);
    const { plan } = await compile(file, { backend: 'reference', policy: 'mixed' });
    const fn = trainStep(plan);
    const slow = fn.groups
      .filter(({ name }) => name.startsWith('conv2'))
      .map((group) => [kernelKey(fn, group), { kernel: group.name, seconds: 1 }]);
    uneven = costsFile(work.dir, 'uneven.json', { ...madeUpCosts(), kernels: Object.fromEntries(slow) });
  });

  const reference = ['--backend', 'reference'];

  it('plans by a table of costs, and reports what it compared', async () => {
    const validate = validator('plan');
    for (const [costs, taken] of [
      [cheap, 'mixed'],
      [dear, 'fp32'],
      [uneven, 'min-cut'],
    ]) {
      const { code, stdout, stderr } = await ampc('plan', file, ...reference, '--costs', costs, '--json');
      assert.equal(code, 0, stderr);
      const report = JSON.parse(stdout);
      const valid: boolean = validate(report);
      assert.ok(valid, JSON.stringify(validate.errors?.slice(0, 3)));
      assert.deepEqual([report.policy, report.precision], ['fastest', taken === 'fp32' ? 'fp32' : 'fp16']);
      const { candidates, stepMs } = report.predicted;
      assert.equal(candidates.find((candidate: { taken: boolean }) => candidate.taken).name, taken);
      assert.equal(candidates.find((candidate: { taken: boolean }) => candidate.taken).stepMs, stepMs);
      assert.ok(report.layers.every(({ ms }: { ms: number | null }) => ms !== null));
    }
    const { stdout } = await ampc('plan', file, ...reference, '--costs', uneven);
    assert.match(stdout, /ms a step predicted/);
    assert.match(stdout, /policy fastest compared mixed .* and took min-cut/);
    assert.match(stdout, /^conv2 +conv2d +f32 f32 f32 +f32 .* fastest .* ms$/m);
  });

  it('says that times are not measured where there are none', async () => {
    const { stdout } = await ampc('plan', file, ...reference, '--policy', 'mixed');
    assert.match(stdout, /step time not measured here: ampc tune FILE/);
  });

  it('compares predicted times of two plans', async () => {
    const sides = ['plan', '--diff', `${file}:policy=mixed`, ':policy=fastest', ...reference, '--costs', uneven];
    const { stdout } = await ampc(...sides);
    assert.match(stdout, /predicted step time: [\d.]+ ms -> [\d.]+ ms \(-[\d.]+ %\)/);
    const { stepMs } = JSON.parse((await ampc(...sides, '--json')).stdout);
    assert.ok(stepMs.after < stepMs.before);
  });

  it('keeps its formats with a run, which resumes to the same bits under other costs', async () => {
    const run = (...args: readonly string[]) => ampc(...work.args('train', file, '--json', '--log-every', '1', ...args));
    const whole = work.path('whole');
    assert.equal((await run('--out', whole, '--costs', uneven, '--max-steps', '6')).code, 0);
    const halves = work.path('halves');
    assert.equal((await run('--out', halves, '--costs', uneven, '--max-steps', '3')).code, 0);
    const config = JSON.parse(readFileSync(join(halves, 'config.json'), 'utf8'));
    assert.deepEqual(config.fastest, { compute: 'f16', policy: 'mixed', costs: 'reference, made up' });
    assert.ok(config.pins.length > 0);
    for (const { target, dtype, reason } of config.pins)
      assert.ok(typeof target === 'string' && ['f32', 'f16'].includes(dtype) && reason.startsWith('fastest: '));
    const resumed = await run('--resume', halves, '--costs', dear, '--max-steps', '6');
    assert.equal(resumed.code, 0, resumed.stderr);
    const states = async (dir: string) => (await readSafetensors(join(dir, 'checkpoint.safetensors'))).tensors;
    assert.deepEqual(await states(halves), await states(whole));
    assert.equal(readFileSync(join(halves, 'plan.txt'), 'utf8'), readFileSync(join(whole, 'plan.txt'), 'utf8'));
    // No table at all is needed any more.
    assert.equal((await run('--resume', halves, '--max-steps', '7')).code, 0);
    for (const change of [
      ['--policy', 'mixed'],
      ['--precision', 'fp32'],
      ['--precision', 'bf16', '--costs', uneven],
    ]) {
      const other = await run('--resume', halves, ...change, '--max-steps', '8');
      assert.match(other.stderr, /AMP7203[\s\S]*belongs to another run/, change.join(' '));
    }
  }).timeout(120_000);

  it('keeps f32 with a run as well', async () => {
    const run = work.path('full');
    const train = (...args: readonly string[]) => ampc(...work.args('train', file, ...args));
    assert.equal((await train('--out', run, '--costs', dear, '--max-steps', '1')).code, 0);
    assert.equal((await train('--resume', run, '--costs', cheap, '--max-steps', '2')).code, 0);
    const { fastest } = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'));
    assert.match(fastest.reason, /^fastest: .* a step in f32/);
  }).timeout(60_000);

  it('needs a backend that can time kernels, or a table', async () => {
    const { code, stderr } = await ampc('plan', file, ...reference);
    assert.equal(code, 1);
    assert.match(stderr, /AMP6012.*the reference backend cannot time its kernels[\s\S]*--costs FILE/);
    // In f32 there is nothing to choose.
    assert.equal((await ampc('plan', file, ...reference, '--precision', 'fp32')).code, 0);
  });

  it('refuses what is no table', async () => {
    for (const [text, says] of [
      ['{', /JSON/],
      ['{"format": "ampc-costs-1"}', /required property/],
      [JSON.stringify({ ...madeUpCosts(), rates: { ...madeUpCosts().rates, memory: 0 } }), /memory must be > 0/],
    ] as const) {
      const { code, stderr } = await ampc('plan', file, ...reference, '--costs', work.file('bad.json', text));
      assert.equal(code, 1);
      assert.match(stderr, /AMP6014.*bad\.json is no table of costs/);
      assert.match(stderr, says);
    }
    assert.match((await ampc('plan', file, ...reference, '--costs', work.path('none.json'))).stderr, /AMP6014/);
  });

  describe('with measured costs', () => {
    const before_ = process.env.AMPC_CACHE;

    before(async function () {
      const { available, reason } = await createBackend().probe();
      if (!available) skip(this, reason ?? 'no C compiler');
      process.env.AMPC_CACHE = work.path('cache');
    });

    after(() => {
      if (before_ === undefined) delete process.env.AMPC_CACHE;
      else process.env.AMPC_CACHE = before_;
    });

    it('times what it lacks once, shows the table, and decides the same by a copy of it', async () => {
      const cpu = ['--backend', 'cpu'];
      const first = await ampc('plan', file, ...cpu, '--dump');
      assert.equal(first.code, 0, first.stderr);
      assert.match(first.stderr, /^timing the kernels of mixed, fp32, autocast on /m);
      const second = await ampc('plan', file, ...cpu, '--dump');
      assert.deepEqual([second.stderr, second.stdout], ['', first.stdout]);
      const shown = await ampc('tune', file, ...cpu, '--table', '--json');
      const validate = validator('costs');
      assert.ok(validate(JSON.parse(shown.stdout)), JSON.stringify(validate.errors));
      const copy = work.file('copy.json', shown.stdout);
      assert.equal((await ampc('plan', file, ...cpu, '--dump', '--costs', copy)).stdout, first.stdout);
      assert.match((await ampc('tune', file, ...cpu, '--table')).stdout, /conv2d.*f16.*mixed/);
      // Other policies have predicted times now.
      assert.match((await ampc('plan', file, ...cpu, '--policy', 'mixed')).stdout, /ms a step predicted/);
      assert.match((await ampc('plan', file, ...cpu, '--policy', 'mixed', '--batch', '4')).stdout, /not measured here/);
    }).timeout(120_000);
  });
});
