import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { schemaProblem } from '../../src/files/schemas.js';
import { readSafetensors, writeSafetensors } from '../../src/training/safetensors.js';
import { ampc } from '../support/cli.js';
import { makeWorkspace, TINY, type Workspace, writeTinyCifar } from '../support/tiny.js';

/** Trains well, but its running statistics stay those of the start: in evaluation nothing normalises the large values. */
const UNEVEN = TINY.replace(
  '|> flatten',
  '|> conv2d(4, kernel: 1) |> scale(1000000) as big |> batch_norm(momentum: 0) as bn |> flatten',
).replace('compute fp16', 'compute fp16  keep big in fp32');

describe('numbers that are none', () => {
  let work: Workspace;
  let run: string;
  let picture: string;

  before(async () => {
    work = makeWorkspace();
    writeTinyCifar(work.dir);
    picture = work.path('a.png');
    await sharp({ create: { width: 32, height: 32, channels: 3, background: { r: 200, g: 30, b: 90 } } }).toFile(picture);
    run = work.path('run');
    const { code, stderr } = await train('tiny.amp', TINY, run);
    assert.equal(code, 0, stderr);
  });

  after(() => work.remove());

  function train(name: string, text: string, out: string, ...more: readonly string[]) {
    return ampc('train', work.file(name, text), '--backend', 'reference', '--data', work.dir, '--out', out, '--epochs', '1', ...more);
  }

  /** The run's weights, the first of them changed to `value`. */
  async function weightsWith(name: string, value: number): Promise<string> {
    const { tensors, metadata } = await readSafetensors(join(run, 'last.safetensors'));
    tensors.get('fc.weight')!.data[0] = value;
    const path = work.path(name);
    await writeSafetensors(path, tensors, metadata);
    return path;
  }

  it('are not predicted, evaluated or trained from when the weights are not finite', async () => {
    const weights = await weightsWith('nan.safetensors', Number.NaN);
    const results = [
      await ampc('eval', run, '--weights', weights, '--data', work.dir),
      await ampc('predict', run, picture, '--weights', weights, '--data', work.dir),
      await train('again.amp', TINY, work.path('again'), '--init', weights),
    ];
    for (const { code, stdout, stderr } of results) {
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(
        stderr,
        /^error\[AMP7305\]: .*nan\.safetensors holds weights that are not finite\n = why: 1 of the 480 elements of fc\.weight/,
      );
    }
  });

  it('are not predicted or evaluated when the model overflows, and the value that does is named', async () => {
    const weights = await weightsWith('huge.safetensors', 1e30);
    const evaluated = await ampc('eval', run, '--weights', weights, '--data', work.dir, '--json');
    assert.deepEqual([evaluated.code, evaluated.stdout], [1, '']);
    assert.match(evaluated.stderr, /^error\[AMP7304\]: the test loss is (NaN|Infinity), and the test accuracy means nothing\n/);
    assert.match(
      evaluated.stderr,
      /why: fc\.weight, cast for fc \(forward, 4:\d+\) reached 1\.00e\+30, fp16 ends at 65,504; .* times as large as at the start: %/,
    );
    assert.match(evaluated.stderr, /fix: train with a lower learning rate/);
    const predicted = await ampc('predict', run, picture, '--weights', weights, '--data', work.dir);
    assert.deepEqual([predicted.code, predicted.stdout], [1, '']);
    assert.match(predicted.stderr, /^error\[AMP7306\]: the model gives no probabilities for .*a\.png\n = why: fc\.weight/);
  });

  it('make a run end with exit code 1 when they are its test loss', async () => {
    const out = work.path('uneven');
    const { code, stdout, stderr } = await train('uneven.amp', UNEVEN, out);
    assert.equal(code, 1);
    assert.match(stderr, /^warning\[AMP7304\]: the test loss after step 10 is (NaN|Infinity)/);
    assert.match(stderr, /fix: write `keep fc in fp32` in the precision section, or train with a lower learning rate/);
    assert.match(stdout, /^epoch 1 {2}loss \d.* test loss - /m);
    const lines = readFileSync(join(out, 'metrics.jsonl'), 'utf8').trim().split('\n');
    assert.equal(JSON.parse(lines.at(-1)!).test_loss, null);
    for (const line of lines) assert.equal(schemaProblem('events', JSON.parse(line)), undefined);
  });

  it('are what ampc doctor looks for: in files, losses and accuracies', async () => {
    const doctor = async (name: string, wild: string, ...more: readonly string[]) => {
      const out = work.path(name);
      await train(`${name}.amp`, wild, out, ...more);
      const { code, stdout } = await ampc('doctor', out, '--json');
      const found = JSON.parse(stdout);
      assert.equal(schemaProblem('doctor', found), undefined);
      return { out, code, messages: found.findings.map(({ message }: { message: string }) => message) };
    };
    const uneven = await doctor('uneven-again', UNEVEN);
    assert.deepEqual([uneven.code, uneven.messages[0]], [1, 'the last test loss is not finite, so its accuracy means nothing']);
    const wild = await doctor('wild', TINY.replace('fp16', 'fp32').replace('1e-3', '1e4'), '--epochs', '4');
    assert.equal(wild.code, 1);
    assert.match(wild.messages[0], /^the loss has grown from 2\.\d+ \(step 1\) to [\d.e+]+ \(epoch 4\)$/);
    const good = await doctor('good', TINY);
    assert.deepEqual([good.code, good.messages], [0, []]);
    const { tensors, metadata } = await readSafetensors(join(good.out, 'checkpoint.safetensors'));
    tensors.get('fc.weight.v')!.data.fill(Number.POSITIVE_INFINITY, 0, 3);
    await writeSafetensors(join(good.out, 'checkpoint.safetensors'), tensors, metadata);
    const { code, stdout } = await ampc('doctor', good.out);
    assert.equal(code, 1);
    assert.match(stdout, /^problem: checkpoint\.safetensors: 3 of the 480 elements of fc\.weight\.v are infinite or NaN$/m);
  });

  it('are not resumed from', async () => {
    const { tensors, metadata } = await readSafetensors(join(run, 'checkpoint.safetensors'));
    tensors.get('fc.weight')!.data[0] = Number.POSITIVE_INFINITY;
    const out = work.path('broken');
    await train('broken.amp', TINY, out, '--max-steps', '1');
    await writeSafetensors(join(out, 'checkpoint.safetensors'), tensors, metadata);
    copyFileSync(join(run, 'metrics.jsonl'), join(out, 'metrics.jsonl'));
    const { code, stderr } = await ampc('train', work.path('broken.amp'), '--data', work.dir, '--resume', out);
    assert.equal(code, 1);
    assert.match(stderr, /^error\[AMP7203\]: cannot resume from .*\n = why: fc\.weight in it is infinite or NaN/m);
  });
});
