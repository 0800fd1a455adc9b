import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { formatAmp } from '../../src/index.js';
import { ampc, startAmpc } from '../support/cli.js';
import { makeWorkspace, TINY, type Workspace } from '../support/tiny.js';

describe('ampc check and fmt', () => {
  let work: Workspace;

  before(() => {
    work = makeWorkspace();
  });

  after(() => work.remove());

  it('check accepts a good file', async () => {
    const { code, stdout, stderr } = await ampc('check', work.file('good.amp', TINY));
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /1 file checked, no errors/);
  });

  it('check reports every mistake of every file, each with its place', async () => {
    const bad = work.file('bad.amp', TINY.replace('avg_pool2d(8)', 'avg_pol2d(8)').replace('batch 8', 'bacth 8'));
    const { code, stdout, stderr } = await ampc('check', bad, work.path('missing.amp'));
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /bad\.amp:4:12/);
    assert.match(stderr, /avg_pool2d/);
    assert.match(stderr, /bacth/);
    assert.match(stderr, /cannot read .*missing\.amp/);
    assert.match(stderr, /3 errors in 2 files/);
    assert.doesNotMatch(stderr, /\n\s+at /);
  });

  it('fmt rewrites a file once', async () => {
    const path = work.file('loose.amp', TINY.replaceAll('\n  ', '\n        '));
    assert.equal((await ampc('fmt', path, '--check')).code, 1);
    assert.equal((await ampc('fmt', path)).code, 0);
    const formatted = readFileSync(path, 'utf8');
    assert.equal((await ampc('fmt', path, '--check')).code, 0);
    assert.equal((await ampc('fmt', path)).code, 0);
    assert.equal(readFileSync(path, 'utf8'), formatted);
  });

  it('fmt - reads standard input, and prints it in the standard form', async () => {
    const [ugly, broken] = [work.file('ugly-input.amp', TINY.replaceAll('\n  ', '\n        ')), work.file('broken-input.amp', 'model {')];
    const good = formatAmp(readFileSync(ugly, 'utf8'));
    const from = (piped: string, ...rest: readonly string[]) => startAmpc(['fmt', '-', ...rest], {}, { piped }).result;
    assert.deepEqual(await from(ugly), { code: 0, stdout: good, stderr: '' });
    assert.deepEqual(await from(ugly, '--check'), { code: 1, stdout: '', stderr: 'standard input is not formatted\n' });
    const { code, stdout, stderr } = await from(broken);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /--> standard input:1:7|standard input:1:7/);
    assert.equal((await ampc('fmt', '-', ugly)).code, 2);
    const checked = await startAmpc(['check', '-'], {}, { piped: ugly }).result;
    assert.equal(checked.code, 0, checked.stderr);
    assert.match(checked.stdout, /1 file checked, no errors/);
    const wrong = await startAmpc(['check', '-'], {}, { piped: work.file('wrong.amp', 'model') }).result;
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /standard input:1:6/);
    assert.match((await ampc('check', '-', '-')).stderr, /- is standard input, and is read once/);
    const closed = startAmpc(['fmt', '-'], {}, { before: 'exec <&-' }).result;
    assert.deepEqual(await from(work.file('empty-input.amp', '')), { code: 0, stdout: formatAmp(''), stderr: '' });
    const none = await closed;
    assert.deepEqual([none.code, none.stdout], [1, '']);
    assert.match(none.stderr, /^error\[AMP6101\]: cannot read standard input\n = why: it is closed, or the null device\n/);
  });

  it('fmt leaves a file with syntax errors as it is', async () => {
    const text = TINY.replace(') -> [10] {', ') -> [10] {{');
    const path = work.file('broken.amp', text);
    const { code, stderr } = await ampc('fmt', path);
    assert.equal(code, 1);
    assert.match(stderr, /broken\.amp:\d+:\d+/);
    assert.equal(readFileSync(path, 'utf8'), text);
  });

  it('a file that is not text is refused', async () => {
    const { code, stderr } = await ampc('plan', process.execPath);
    assert.equal(code, 1);
    assert.match(stderr, /is not UTF-8 text/);
  });
});

describe('ampc plan', () => {
  let work: Workspace;
  let file: string;

  before(() => {
    work = makeWorkspace();
    file = work.file('tiny.amp', TINY);
  });

  after(() => work.remove());

  it('sums up the plan', async () => {
    const { code, stdout, stderr } = await ampc('plan', file, '--backend', 'reference');
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^Tiny: /);
    assert.match(stdout, /490 parameters/);
    assert.match(stdout, /^fc +linear +f16 f16/m);
  });

  // The first block reads three channels, the others four.
  it('shows equal blocks once, unless all are asked for; the report has each', async () => {
    const repeated = TINY.replace('|> flatten', '|> repeat 4 { conv2d(4, kernel: 3, padding: 1) as conv |> relu } as body |> flatten');
    const deep = work.file('deep.amp', repeated);
    const command = ['plan', deep, '--backend', 'reference'] as const;
    const { stdout } = await ampc(...command);
    assert.match(stdout, /^body\.0\.relu_1 +1 +relu .*\nbody\.1…3\.conv +3 .*\nbody\.1…3\.relu_1 +3 +relu /m);
    assert.match(stdout, /^body\.1…3\.conv\.weight +3 +f32 /m);
    assert.match(stdout, /^times: equal blocks are shown once/m);
    const all = await ampc(...command, '--all');
    assert.equal(all.stdout.match(/^body\.\d\.relu_1 +relu /gm)?.length, 4);
    assert.doesNotMatch(all.stdout, /…|^times:/m);
    const { layers } = JSON.parse((await ampc(...command, '--json')).stdout) as { layers: readonly { layer: string }[] };
    assert.deepEqual(
      layers.map(({ layer }) => layer).filter((layer) => layer.endsWith('.conv')),
      ['body.0.conv', 'body.1.conv', 'body.2.conv', 'body.3.conv'],
    );
  });

  it('names the step on what is left of the images', async () => {
    const { stdout } = await ampc('plan', file, '--backend', 'reference', '--batch', '7');
    assert.match(stdout, /^train_step, batch 7: .*\ntail_step, batch 6: .*\neval_step, batch 7: /m);
    const dropped = await ampc('plan', file, '--backend', 'reference', '--batch', '7', '--set', 'train.drop_last=true');
    assert.doesNotMatch(dropped.stdout, /tail_step/);
  });

  it('--json prints the report as one line', async () => {
    const { code, stdout } = await ampc('plan', file, '--backend', 'reference', '--json');
    assert.equal(code, 0);
    const report = JSON.parse(stdout);
    assert.equal(report.parameters, 490);
    assert.deepEqual(
      report.functions.map((fn: { name: string }) => fn.name),
      ['train_step', 'eval_step'],
    );
    assert.ok(report.fp32Memory.total > 0);
  });

  it('warns of what is known to go wrong, on stderr', async () => {
    const unscaled = work.file('unscaled.amp', TINY.replace('compute fp16', 'compute fp16  loss_scale none'));
    const { code, stderr } = await ampc('plan', unscaled, '--backend', 'reference');
    assert.equal(code, 0);
    assert.match(stderr, /warning\[AMP4205\]: fp16 without loss scaling/);
    assert.match(stderr, /unscaled\.amp:7:27/);
    const checked = await ampc('check', unscaled);
    assert.equal(checked.code, 0);
    assert.match(checked.stderr, /AMP4205/);
    assert.match(checked.stdout, /1 file checked, no errors, 1 warning/);
  });

  it('--explain tells the story of one layer', async () => {
    const { code, stdout } = await ampc('plan', file, '--backend', 'reference', '--explain', 'fc');
    assert.equal(code, 0);
    assert.match(stdout, /^fc \(4:\d+\)$/m);
    assert.match(stdout, /rounds fc\.weight from f32 to f16; moves .* \(low: linear, cast once per step\)/);
    assert.match(stdout, /^backward$[\s\S]*the gradient of fc\.weight; .* \(accumulator: gradients leave in f32\)/m);
    assert.match(stdout, /^update$[\s\S]*adam %fc\.weight/m);
    const unknown = await ampc('plan', file, '--backend', 'reference', '--explain', 'fcc');
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /AMP4301.*`fcc`[\s\S]*did you mean `fc`/);
  });

  it('--dump prints the whole plan, and takes format, policy, batch and settings', async () => {
    const { stdout } = await ampc(
      'plan',
      file,
      '--dump',
      '--backend',
      'reference',
      '--policy',
      'autocast',
      '--precision',
      'bf16',
      '--batch',
      '4',
    );
    assert.match(stdout, /^plan @Tiny policy=autocast .*backend=reference/);
    assert.match(stdout, /u8\[4,32,32,3\]/);
    assert.match(stdout, /: bf16\[4,10\]/);
    const changed = await ampc('plan', file, '--dump', '--backend', 'reference', '--set', 'train.batch=2');
    assert.match(changed.stdout, /u8\[2,32,32,3\]/);
  });

  it('--diff shows what a pin changes, also against a saved plan', async () => {
    const saved = work.file('a.plan', (await ampc('plan', file, '--dump', '--backend', 'reference')).stdout);
    const pinned = work.file('pinned.amp', TINY.replace('compute fp16', 'compute fp16  keep fc in fp32'));
    const same = await ampc('plan', '--diff', saved, file, '--backend', 'reference', '--fail-on', 'any');
    assert.deepEqual([same.code, same.stdout], [0, 'the plans are the same\n']);
    const { code, stdout } = await ampc('plan', '--diff', saved, pinned, '--backend', 'reference');
    assert.equal(code, 0);
    assert.match(
      stdout,
      /fc linear: f16 f16 f32 -> f16 {2}becomes {2}f32 f32 f32 -> f32 {2}\(low: linear => pin: keep fc in fp32 \(line 7\)\)/,
    );
    assert.match(stdout, /^- fc\.weight: f32 -> f16/m);
  });

  it('explains a saved plan, and says what else needs the .amp file', async () => {
    const saved = work.file('saved.plan', (await ampc('plan', file, '--dump', '--backend', 'reference')).stdout);
    const [own, again] = [
      await ampc('plan', file, '--explain', 'fc', '--backend', 'reference'),
      await ampc('plan', saved, '--explain', 'fc'),
    ];
    assert.deepEqual([again.code, again.stdout], [0, own.stdout]);
    assert.equal((await ampc('plan', saved, '--dump')).stdout, readFileSync(saved, 'utf8'));
    for (const args of [
      ['plan', saved],
      ['train', saved],
      ['check', saved],
    ])
      assert.match(
        (await ampc(...args)).stderr,
        /^error\[AMP6103\]: .*saved\.plan is a saved plan, not a \.amp file\n.*\n = fix: `ampc plan` takes/,
      );
    const changed = await ampc('plan', saved, '--explain', 'fc', '--policy', 'autocast');
    assert.match(changed.stderr, /AMP6301.*nothing of it can be changed/);
    const broken = work.file('broken.plan', readFileSync(saved, 'utf8').slice(0, 400));
    assert.match((await ampc('plan', '--diff', saved, broken)).stderr, /^error\[AMP5001\]: .*broken\.plan, line \d+, column \d+: expected/);
    const text = readFileSync(saved, 'utf8');
    for (const [from, to, says] of [
      [
        '= linear_weight_grad ',
        '= dense_weight_grad ',
        /^error\[AMP5001\]: .*other\.plan, line \d+, column \d+: expected an op of this version of ampc, not dense_weight_grad\n/,
      ],
      ['= linear %', '= linear %image, %', /^error\[AMP5002\]: .*other\.plan is no plan of this version of ampc\n = why: .*linear/],
    ] as const) {
      const other = work.file('other.plan', text.replace(from, to));
      const { code, stderr } = await ampc('plan', '--diff', saved, other);
      assert.equal(code, 1);
      assert.match(stderr, says);
      assert.equal((await ampc('plan', other, '--explain', 'fc')).stderr, stderr);
    }
  });

  it('--diff takes values with commas, and says what is no side', async () => {
    const diff = async (...sides: readonly string[]) => ampc('plan', '--diff', ...sides, '--backend', 'reference', '--json');
    const { stdout } = await diff(file, ':precision.loss_scale=dynamic(init: 4, interval: 7),policy=autocast');
    const { scaling, settings } = JSON.parse(stdout);
    assert.deepEqual(scaling, [
      { name: 'init', before: '65536', after: '4' },
      { name: 'interval', before: '2000', after: '7' },
    ]);
    assert.deepEqual(settings[0], { name: 'policy', before: 'mixed', after: 'autocast' });
    assert.match((await diff(file, ':')).stderr, /AMP6301.*`:` changes nothing/);
    assert.match((await diff(file, ':policy=autocast,batch')).stderr, /AMP6301.*`batch` in .* is no change/);
    assert.match((await diff(':policy=mixed', ':policy=autocast')).stderr, /AMP6301.*neither .* names a file/);
  });

  it('--diff and the report give a plan the same memory', async () => {
    const report = JSON.parse((await ampc('plan', file, '--backend', 'cpu', '--json')).stdout);
    const full = JSON.parse((await ampc('plan', file, '--backend', 'cpu', '--precision', 'fp32', '--json')).stdout);
    const { memory } = JSON.parse((await ampc('plan', file, '--diff', ':precision=fp32', '--backend', 'cpu', '--json')).stdout);
    const total = memory.find(({ name }: { name: string }) => name === 'total');
    assert.deepEqual(total, { name: 'total', before: report.memory.total, after: full.memory.total });
  });

  it('--diff compares one file under two policies, and --fail-on makes it a gate', async () => {
    const { code, stdout, stderr } = await ampc(
      'plan',
      file,
      '--diff',
      ':policy=autocast',
      '--backend',
      'reference',
      '--fail-on',
      'scaling,dtype',
    );
    assert.equal(code, 1);
    assert.match(stdout, /^policy: mixed -> autocast$/m);
    assert.match(stderr, /^--fail-on dtype: \d+ ops changed format$/m);
    assert.doesNotMatch(stderr, /scaling/);
    const json = await ampc('plan', '--diff', `${file}:batch=2`, `${file}:train.batch=4`, '--backend', 'reference', '--json');
    assert.deepEqual(JSON.parse(json.stdout).settings, [{ name: 'batch', before: '2', after: '4' }]);
    for (const side of [':policy=fast', ':precision=fp8', ':backend=gpu'])
      assert.match((await ampc('plan', file, '--diff', side)).stderr, /AMP6301/, side);
    assert.equal((await ampc('plan', file, '--fail-on', 'any')).code, 2);
  });

  it('plans for any backend, whether or not it can run here', async () => {
    for (const backend of ['cpu', 'tensorflow', 'reference']) {
      const { code, stdout, stderr } = await ampc('plan', file, '--backend', backend, '--dump');
      assert.deepEqual([code, stderr], [0, '']);
      assert.match(stdout, new RegExp(`^plan @Tiny .*backend=${backend}\\n`));
    }
  });

  it('--emit c prints the source that is compiled, or says why it cannot', async () => {
    const compiler = process.env.AMPC_CC;
    process.env.AMPC_CC = work.path('no-such-compiler');
    try {
      const { code, stdout, stderr } = await ampc('plan', file, '--emit', 'c', '--backend', 'cpu');
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, /the C compiler that AMPC_CC names does not run: .*no-such-compiler/);
      const trained = await ampc('train', file, '--backend', 'cpu', '--out', work.path('run'));
      assert.deepEqual([trained.code, trained.stdout], [1, '']);
      assert.match(trained.stderr, /the cpu backend cannot run here[\s\S]*AMPC_CC names does not run[\s\S]*ampc backends/);
    } finally {
      if (compiler === undefined) delete process.env.AMPC_CC;
      else process.env.AMPC_CC = compiler;
    }
    const backends = await ampc('backends', '--json');
    const cpu = backends.stdout.split('\n').find((line) => line.includes('"name":"cpu"'));
    if (!JSON.parse(cpu!).available) return;
    const { code, stdout } = await ampc('plan', file, '--emit', 'c', '--backend', 'cpu');
    assert.equal(code, 0);
    assert.match(stdout, /^\/\*\n \* Tiny, policy mixed, f16/);
    assert.match(stdout, /%\d+ = linear .*layer="fc"/);
  });
});

describe('ampc backends', () => {
  it('says for each what it is and what it needs', async () => {
    const { code, stdout } = await ampc('backends', '--json');
    assert.equal(code, 0);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      lines.map(({ name }) => name),
      ['cpu', 'webgpu', 'cuda', 'tensorflow', 'reference'],
    );
    for (const { available, reason, device } of lines) assert.equal(typeof (available ? device : reason), 'string');
    assert.equal(lines.at(-1).available, true);
  });
});
