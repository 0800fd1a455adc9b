import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { ampc } from '../support/cli.js';
import { makeWorkspace, TINY, type Workspace, writeTinyCifar } from '../support/tiny.js';

const spec = (expect: string) => `description: A case\nstage: plan\ninput: { file: tiny.amp }\nexpect:\n${expect}`;

describe('ampc test', () => {
  const dataFolder = process.env.AMPC_DATA;
  let work: Workspace;

  before(() => {
    work = makeWorkspace();
    work.file('tiny.amp', TINY);
    writeTinyCifar(work.dir);
    process.env.AMPC_DATA = work.dir;
  });

  after(() => {
    process.env.AMPC_DATA = dataFolder;
    if (dataFolder === undefined) delete process.env.AMPC_DATA;
    work.remove();
  });

  it('passes the spec beside the example', async () => {
    const { code, stdout } = await ampc('test', 'examples/simple-cnn.spec.yaml');
    assert.equal(code, 0);
    assert.equal(stdout, 'ok    examples/simple-cnn.spec.yaml (7 facts)\n');
  });

  it('says what does not hold, where, and which rule decided it', async () => {
    const good = work.file('good.yaml', spec('  properties:\n    - casts: { of: fc.weight, exactly: 1 }\n'));
    const bad = work.file(
      'bad.yaml',
      spec('  properties:\n    - format: { layer: fc, phase: forward, is: f32 }\n    - casts: { at_most: 1 }\n'),
    );
    const { code, stdout, stderr } = await ampc('test', good, bad);
    assert.equal(code, 1);
    assert.match(stdout, /^ok {4}.*good\.yaml \(1 fact\)$/m);
    assert.match(stdout, /^FAIL {2}.*bad\.yaml: A case$/m);
    assert.match(stdout, /linear of fc at 4:\d+ is f16, not f32 \(low: linear\)/);
    assert.match(stdout, /there are 4, more than 1: reshape of flatten_1 to f16 \(low: linear\); fc\.weight to f16/);
    assert.equal(stderr, '1 of 2 specs failed\n');
    const lines = (await ampc('test', good, bad, '--json')).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      lines.map(({ event, checked, problems }) => [event, checked, problems.length]),
      [
        ['spec', 1, 0],
        ['spec', 2, 2],
      ],
    );
  });

  it('rewrites expected text with --update', async () => {
    const path = work.file(
      'text.yaml',
      'stage: plan\ninput: { file: tiny.amp }\noptions: { function: eval_step }\nexpect:\n  text: nothing yet\n',
    );
    assert.equal((await ampc('test', path)).code, 1);
    assert.equal((await ampc('test', path, '--update')).code, 0);
    assert.match(readFileSync(path, 'utf8'), /fn eval_step\(%image/);
    assert.equal((await ampc('test', path)).code, 0);
  });

  it('refuses what is no spec, with the reason', async () => {
    for (const [text, reason] of [
      ['stage: plan\n', /must have required property 'input'/],
      [spec('  properties:\n    - formats: { is: f32 }\n'), /must NOT have additional properties: formats/],
      [spec('  properties:\n    - casts: { of: fc.weight }\n'), /must have required property 'at_most'/],
      ['stage: plan\ninput: { file: gone.amp }\nexpect: { text: "" }\n', /names gone\.amp, which is not there/],
      ['stage: plant\ninput: { file: tiny.amp }\nexpect: { text: "" }\n', /unknown stage plant/],
    ] as const) {
      const { code, stdout, stderr } = await ampc('test', work.file('wrong.yaml', text));
      assert.equal(code, 1);
      assert.match(stdout, reason);
      assert.equal(stderr, '1 of 1 spec failed\n');
    }
  });

  it('refuses options that would change nothing', async () => {
    const options = (stage: string, text: string) =>
      work.file('options.yaml', `stage: ${stage}\ninput: { file: tiny.amp }\noptions: { ${text} }\nexpect: { text: "" }\n`);
    for (const [stage, text, reason] of [
      ['plan', 'precison: bf16', /stage plan has no option `precison`\n.*would change nothing\n.*did you mean `precision`\?/],
      ['fmt', 'precision: bf16', /stage fmt has no option `precision`/],
      ['plan', 'function: test_step', /the plan has no function `test_step`/],
    ] as const) {
      const { code, stdout } = await ampc('test', options(stage, text));
      assert.equal(code, 1);
      assert.match(stdout, reason);
    }
  });

  it('checks the others when one cannot be read', async () => {
    const good = work.file('good.yaml', spec('  properties:\n    - casts: { of: fc.weight, exactly: 1 }\n'));
    const { code, stdout, stderr } = await ampc('test', work.path('none.yaml'), good);
    assert.equal(code, 1);
    assert.match(stdout, /^FAIL {2}.*none\.yaml\n {6}error\[AMP6311\]: cannot read .*\n {7}= why: there is no such file/);
    assert.match(stdout, /^ok {4}.*good\.yaml \(1 fact\)$/m);
    assert.equal(stderr, '1 of 2 specs failed\n');
  });

  it('calibrates for a spec, and counts what vanishes', async () => {
    const underflow = (body: string, more = '') =>
      work.file('underflow.yaml', `${spec(`  properties:\n    - underflow: { backend: reference, ${body} }\n`)}${more}`);
    const passes = [
      'layer: fc, at_most: 1 %, steps: 2',
      'value: gradient of linear of *, at_most: 0.01, steps: 2',
      // What is in f32 loses nothing.
      'value: gradient of fc.weight, at_most: 0, steps: 1, scale: 1e-9',
      'phase: forward, at_most: 1 %, steps: 1',
    ];
    for (const body of passes) assert.equal((await ampc('test', underflow(body))).stdout.slice(0, 2), 'ok', body);
    const fails = [
      [
        'layer: fc, at_most: 1 %, steps: 2, scale: 1e-6',
        /fp16 makes [\d.]+ % of the gradient of linear of fc 0 at loss scale 0\.000001, in 2 calibration steps; at most 1\.00 % may be/,
      ],
      ['layer: fd, at_most: 1 %, steps: 1', /it matches no value of the training step: there are gradient of linear of fc, /],
      ['layer: fc, at_most: a bit', /`a bit` is no share: write 1 % or 0\.01/],
    ] as const;
    for (const [body, reason] of fails) {
      const { code, stdout } = await ampc('test', underflow(body));
      assert.equal(code, 1, body);
      assert.match(stdout, reason);
    }
  });

  it('trains for a spec, and counts the skipped steps', async () => {
    const trains = (body: string, amp = 'tiny.amp') =>
      work.file('trains.yaml', spec(`  properties:\n    - trains: { backend: reference, ${body} }\n`).replace('tiny.amp', amp));
    assert.equal((await ampc('test', trains('steps: 5, loss_below: 10'))).code, 0);
    assert.match((await ampc('test', trains('steps: 5, loss_below: 0.1'))).stdout, /the loss of the last step is .*, not below 0\.1/);
    work.file('overflows.amp', TINY.replace('compute fp16', 'compute fp16  loss_scale dynamic(init: 2e6)'));
    const { stdout } = await ampc('test', trains('steps: 4, max_skips: 1', 'overflows.amp'));
    assert.match(stdout, /[234] of 4 steps were skipped, more than 1/);
  });
});
