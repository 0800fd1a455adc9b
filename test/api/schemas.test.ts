import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { schemaProblem } from '../../src/files/schemas.js';
import { RULE_IDS } from '../../src/ir/why.js';
import { ampc } from '../support/cli.js';
import { makeWorkspace, TINY, type Workspace, writeTinyCifar } from '../support/tiny.js';

const FOLDER = new URL('../../schemas/', import.meta.url);
const WILD = TINY.replace('image |>', 'image |> conv2d(4, kernel: 1) as conv |>').replace('|> flatten', '|> scale(1e6) as big |> flatten');

describe('what ampc prints as JSON is as its schemas say', () => {
  let work: Workspace;
  let tame: string;
  let wild: string;

  before(() => {
    work = makeWorkspace();
    writeTinyCifar(work.dir);
    tame = work.file('tame.amp', TINY);
    wild = work.file('wild.amp', WILD);
  });

  after(() => work.remove());

  const common = () => ['--backend', 'reference', '--data', work.dir, '--json'];

  async function lines(...args: readonly string[]): Promise<readonly unknown[]> {
    const { stdout, stderr } = await ampc(...args);
    assert.notEqual(stdout, '', stderr);
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  }

  function agree(name: Parameters<typeof schemaProblem>[0], values: readonly unknown[]): void {
    for (const value of values) assert.equal(schemaProblem(name, value), undefined, JSON.stringify(value).slice(0, 300));
  }

  it('train and eval', async () => {
    const run = work.path('run');
    const trained = await lines('train', wild, '--out', run, '--replan', '--epochs', '1', ...common());
    const kinds = new Set(trained.map((line) => (line as { event: string }).event));
    assert.deepEqual([...kinds].sort(), ['done', 'epoch', 'overflow', 'replan', 'start', 'step']);
    agree('events', trained);
    agree('events', await lines('eval', run, ...common()));
    agree('doctor', await lines('doctor', run, '--json'));
    agree('diff', [JSON.parse(readFileSync(join(run, 'replan-1.json'), 'utf8')).diff]);
    const unguarded = ['--set', 'precision.loss_scale=none', '--max-steps', '8', '--log-every', '1'];
    agree('events', await lines('train', wild, '--out', work.path('unguarded'), ...unguarded, ...common()));
    const ended = work.path('ended');
    agree('events', await lines('train', wild, '--out', ended, ...common()));
    agree('doctor', await lines('doctor', ended, '--json'));
  });

  it('check', async () => {
    const wrong = work.file('wrong.amp', TINY.replace('linear(10)', 'linaer(10)').replace('adam(', 'adma('));
    const found = await lines('check', tame, wrong, work.path('missing.amp'), '--json');
    agree('check', found);
    const [first, second, third, last] = found as readonly { code: string; start: unknown; file: string; errors: number }[];
    assert.deepEqual([first!.start, first!.file], [{ line: 4, column: 40 }, wrong]);
    assert.equal(second!.file, wrong);
    assert.deepEqual([third!.code, third!.start], ['AMP6101', null]);
    assert.equal(last!.errors, 3);
  });

  it('import', async () => {
    agree('import', await lines('import', 'test/fixtures/onnx/plain-script.onnx', '--out', work.path('imported'), '--json'));
  });

  it('plan, with --explain and --diff', async () => {
    const plain = ['--backend', 'reference', '--json'];
    for (const file of [tame, wild]) {
      agree('plan', await lines('plan', file, ...plain));
      const explained = await lines('plan', file, '--explain', '*', ...plain);
      assert.ok(explained.length >= 5);
      agree('explain', explained);
      for (const side of [':policy=autocast', ':precision=fp32', ':batch=3', ':train.accumulate=2', ':policy=mixed'])
        agree('diff', await lines('plan', '--diff', file, side, '--fail-on', 'any', ...plain));
    }
    agree('diff', await lines('plan', '--diff', tame, wild, ...plain));
  });

  it('test', async () => {
    const spec = (fact: string) => `description: A case\nstage: plan\ninput: { file: tame.amp }\nexpect: { properties: [ { ${fact} } ] }\n`;
    const [good, bad] = [spec('casts: { at_least: 1 }'), spec('casts: { exactly: 0 }').replace(/^.*\n/, '')];
    agree('test', await lines('test', work.file('good.yaml', good), work.file('bad.yaml', bad), work.path('none.yaml'), '--json'));
  });

  it('calibrate', async () => {
    agree('calibrate', await lines('calibrate', tame, '--steps', '2', ...common()));
    agree('calibrate', await lines('calibrate', wild, '--steps', '1', ...common()));
    agree('calibrate', await lines('calibrate', tame, '--steps', '1', '--precision', 'fp32', ...common()));
  });

  it('verify', async () => {
    agree('verify', await lines('verify', tame, '--steps', '1', ...common()));
    agree('verify', await lines('verify', wild, '--steps', '1', ...common()));
  });

  it('tune', async () => {
    const folder = process.env.AMPC_CACHE;
    process.env.AMPC_CACHE = work.path('cache');
    try {
      agree('tune', await lines('tune', tame, '--backend', 'cpu', '--steps', '3', '--json'));
    } finally {
      process.env.AMPC_CACHE = folder;
      if (folder === undefined) delete process.env.AMPC_CACHE;
    }
  }).timeout(120_000);

  it('tune of learning rates and of the largest batch', async () => {
    agree('learning-rate', await lines('tune', tame, '--lr', '1e-3:100', '--steps', '20', ...common()));
    agree('learning-rate', await lines('tune', tame, '--lr', '1e-9:1e-8', '--steps', '20', ...common()));
    agree('largest-batch', await lines('tune', tame, '--largest-batch', '1MiB', '--backend', 'reference', '--json'));
    agree('events', await lines('train', tame, '--limit', '8', '--epochs', '1', '--out', work.path('few'), ...common()));
  });

  it('and a line of another form is refused', () => {
    assert.match(schemaProblem('events', { event: 'step', step: 1 })!, /must have required property 'loss'|must match exactly one/);
    assert.match(schemaProblem('doctor', {})!, /must have required property 'model'/);
  });

  it('every schema compiles and describes itself', () => {
    const names = readdirSync(FOLDER);
    assert.ok(names.length >= 11);
    for (const name of names) {
      const schema = JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8'));
      assert.ok(schema.title && schema.description, name);
      assert.deepEqual(schema.$defs?.rule?.enum ?? RULE_IDS, RULE_IDS, name);
      new Ajv2020({ allowUnionTypes: true }).compile(schema);
    }
    const shipped = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).files;
    assert.ok(shipped.includes('schemas'), join('schemas', '*'));
  });
});
