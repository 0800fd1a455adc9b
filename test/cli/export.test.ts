import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { schemaProblem } from '../../src/files/schemas.js';
import { decodeModel } from '../../src/interchange/onnx/schema.js';
import { readSafetensors } from '../../src/training/safetensors.js';
import { mistakesOf } from '../exporting/onnx-checker.js';
import { ampc } from '../support/cli.js';
import { useTiny } from '../support/tiny.js';

describe('ampc export', () => {
  const work = useTiny();
  const run = () => work.path('run');
  const place = (name: string) => work.path(name);

  before(async () => {
    const { code, stderr } = await ampc(...work.args('train', work.program, '--out', run(), '--max-steps', '10', '--epochs', '1'));
    assert.equal(code, 0, stderr);
  });

  it('writes a run as ONNX, in the formats of its plan, and says what the model is', async () => {
    const out = place('tiny.onnx');
    const { code, stdout, stderr } = await ampc('export', run(), '--to', 'onnx', '--out', out, '--json');
    assert.equal(code, 0, stderr);
    const event = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual(
      { ...event, bytes: 0 },
      { event: 'export', to: 'onnx', model: 'Tiny', precision: 'fp16', out, files: ['tiny.onnx'], bytes: 0 },
    );
    assert.equal(schemaProblem('export', event), undefined);
    const bytes = readFileSync(out);
    assert.equal(event.bytes, bytes.length);
    const model = decodeModel(bytes);
    assert.deepEqual(mistakesOf(model), []);
    const facts = Object.fromEntries(model.metadataProps!.map(({ key, value }) => [key, value!]));
    const metrics = readFileSync(work.path('run/metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const accuracy = metrics.find(({ event: kind }) => kind === 'epoch')!.test_accuracy;
    assert.equal(facts.run, 'run');
    assert.equal(facts.precision, 'fp16');
    assert.equal(facts.test_accuracy, String(accuracy));
    assert.deepEqual(
      JSON.parse(facts.classes!),
      Array.from({ length: 10 }, (_, label) => `class${label}`),
    );
  });

  it('writes a PyTorch module with its state dict, a program in C with its weights, and a page', async () => {
    const torch = await ampc('export', run(), '--to', 'torch', '--out', place('torch'), '--json');
    assert.equal(torch.code, 0, torch.stderr);
    assert.deepEqual((JSON.parse(torch.stdout) as { files: unknown }).files, ['model.py', 'weights.safetensors']);
    const { tensors } = await readSafetensors(place('torch/weights.safetensors'));
    assert.deepEqual(
      [...tensors].map(([name, { shape }]) => [name, shape]),
      [
        ['fc.weight', [10, 48]],
        ['fc.bias', [10]],
      ],
    );
    assert.match(readFileSync(place('torch/model.py'), 'utf8'), /^CLASSES = \["class0", "class1", /m);
    const c = await ampc('export', run(), '--to', 'c', '--out', place('c'), '--json');
    assert.equal(c.code, 0, c.stderr);
    assert.equal(schemaProblem('export', JSON.parse(c.stdout)), undefined);
    assert.match(readFileSync(place('c/model.c'), 'utf8'), /"class9"\}/);
    const web = await ampc('export', run(), '--to', 'web', '--out', place('web'), '--json');
    assert.equal(web.code, 0, web.stderr);
    assert.equal(schemaProblem('export', JSON.parse(web.stdout)), undefined);
    assert.match(readFileSync(place('web/index.html'), 'utf8'), /<title>Tiny<\/title>/);
  });

  it('takes another format', async () => {
    const { code, stdout } = await ampc('export', run(), '--to', 'onnx', '--precision', 'fp32', '--out', place('wide.onnx'));
    assert.equal(code, 0);
    assert.match(stdout, /^Tiny in fp32: .*wide\.onnx, /);
  });

  it('is named after the file, and takes a file with weights', async () => {
    const weights = work.path('run/last.safetensors');
    const { code, stderr } = await ampc(
      'export',
      work.program,
      '--weights',
      weights,
      '--to',
      'onnx',
      '--out',
      place('of-file.onnx'),
      '--data',
      work.data,
    );
    assert.equal(code, 0, stderr);
    assert.ok(existsSync(place('of-file.onnx')));
  });

  it('replaces nothing unless it is told to', async () => {
    const out = work.file('taken.onnx', 'mine');
    const refused = await ampc('export', run(), '--to', 'onnx', '--out', out);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /AMP6403.*is there already/);
    assert.equal(readFileSync(out, 'utf8'), 'mine');
    assert.equal((await ampc('export', run(), '--to', 'onnx', '--out', out, '--force')).code, 0);
    assert.ok(readFileSync(out).length > 1000);
  });

  it('says what is wrong with what it is given', async () => {
    const unknown = await ampc('export', run(), '--to', 'onxn');
    assert.deepEqual([unknown.code, /Did you mean onnx\?/.test(unknown.stderr)], [2, true]);
    assert.equal((await ampc('export', run())).code, 2);
    for (const [to, option, value] of [
      ['c', '--image-type', 'float'],
      ['torch', '--image-layout', 'nchw'],
      ['web', '--image-type', 'u8'],
    ] as const) {
      const { code, stderr } = await ampc('export', run(), '--to', to, option, value, '--out', place('formless'));
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`AMP6407\\]: an export to ${to} takes no ${option}\n = why: only that to .onnx. does`));
      assert.equal(existsSync(place('formless')), false);
    }
    const none = await ampc('export', place('nowhere'), '--to', 'onnx');
    assert.deepEqual([none.code, /AMP6202/.test(none.stderr)], [1, true]);
    const noWeights = await ampc('export', work.program, '--to', 'onnx');
    assert.deepEqual([noWeights.code, /AMP6202[\s\S]*no weights of its own/.test(noWeights.stderr)], [1, true]);
    const unplannable = await ampc('export', run(), '--to', 'onnx', '--precision', 'bf16', '--backend', 'webgpu', '--out', place('b.onnx'));
    assert.deepEqual([unplannable.code, /AMP6001/.test(unplannable.stderr)], [1, true]);
    const nowhere = await ampc('export', run(), '--to', 'onnx', '--out', `${work.program}/x.onnx`);
    assert.deepEqual([nowhere.code, /AMP6110/.test(nowhere.stderr)], [1, true]);
    if (process.platform !== 'linux') return;
    const unwritable = await ampc('export', run(), '--to', 'onnx', '--out', '/proc/ampc/x.onnx');
    assert.deepEqual([unwritable.code, /AMP6404/.test(unwritable.stderr)], [1, true]);
  });

  it('says that a run has no weights', async () => {
    const copy = work.path('bare');
    const { code } = await ampc(...work.args('train', work.program, '--out', copy, '--max-steps', '1', '--epochs', '1'));
    assert.equal(code, 0);
    const { rmSync } = await import('node:fs');
    rmSync(`${copy}/last.safetensors`, { force: true });
    writeFileSync(`${copy}/note.txt`, '');
    const { code: failed, stderr } = await ampc('export', copy, '--to', 'onnx');
    assert.equal(failed, 1);
    assert.match(stderr, /AMP7211/);
  });
});
