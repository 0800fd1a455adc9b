import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { createBackend as createCpu } from '../../src/runtime/cpu/index.js';
import { readSafetensors } from '../../src/training/safetensors.js';
import { interruptedAt, startAmpc } from '../support/cli.js';
import { skip } from '../support/skip.js';
import { makeWorkspace, useTiny } from '../support/tiny.js';
import { requireTensorflow } from './support.js';

/** Small, but with running statistics, random masks and loss scaling, all of which a resumed run has to take up. */
const NET = `dataset cifar10 {
  normalize(mean: 0.5, std: 0.5)
  flip()
}

model Net(image: [32, 32, 3]) -> [10] {
  image |> avg_pool2d(4) |> conv2d(8, kernel: 3, padding: 1) as conv |> batch_norm as bn |> relu |> max_pool2d(2)
  |> flatten |> dropout(0.2) |> linear(10) as fc
}

precision { compute fp16  loss_scale dynamic(init: 65536, interval: 3) }

train { loss cross_entropy  optimizer adam(lr: 1e-3)  batch 8  epochs 4  seed 0 }
`;

type Line = Readonly<Record<string, unknown>>;

function lines(text: string): readonly Line[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

/** What must not depend on interruptions. */
function untimed(path: string): readonly Line[] {
  return lines(readFileSync(path, 'utf8')).map(({ seconds, images_per_second, data_share, ...rest }) => rest);
}

async function weights(run: string, name: string): Promise<unknown> {
  return (await readSafetensors(join(run, `${name}.safetensors`))).tensors;
}

describe('ampc with --backend tensorflow, as a process', function () {
  this.timeout(120_000);
  const work = useTiny(NET, 64);
  const whole = work.path('whole');
  let trained: readonly Line[];

  async function run(...args: readonly string[]): Promise<readonly Line[]> {
    const { code, stdout, stderr } = await startAmpc([...args, '--json']).result;
    assert.equal(code, 0, stderr);
    return lines(stdout);
  }

  function train(out: string, backend: string, ...rest: readonly string[]): string[] {
    return ['train', work.program, '--out', out, '--backend', backend, '--data', work.data, '--log-every', '1', ...rest];
  }

  before(async function () {
    await requireTensorflow(this);
    trained = await run(...train(whole, 'tensorflow'));
  });

  it('says where it runs, and trains', () => {
    const [start] = trained;
    assert.equal(start!.backend, 'tensorflow');
    assert.match(String(start!.device), /TensorFlow \d+\.\d+/);
    assert.equal(trained.at(-1)!.steps, 160);
  });

  it('gives the bits of the whole run when interrupted and resumed', async () => {
    const out = work.path('interrupted');
    const { code, stderr } = await interruptedAt('"step":7,', [...train(out, 'tensorflow'), '--json']);
    assert.equal(code, 130, stderr);
    await run(...train(out, 'tensorflow', '--resume'));
    for (const name of ['checkpoint', 'last', 'best']) assert.deepEqual(await weights(out, name), await weights(whole, name), name);
    assert.deepEqual(untimed(join(out, 'metrics.jsonl')).slice(1), untimed(join(whole, 'metrics.jsonl')).slice(1));
  });

  it('evaluates a run and predicts with it', async () => {
    const [evaluated] = await run('eval', whole, '--data', work.data);
    const [epoch, done] = trained.slice(-2);
    const { event, test_accuracy, test_loss, images, confusion } = evaluated as typeof evaluated & { readonly confusion: number[][] };
    assert.deepEqual([event, test_accuracy, test_loss, images], ['eval', done!.test_accuracy, epoch!.test_loss, 64]);
    assert.equal(confusion.reduce((sum, row, label) => sum + row[label]!, 0) / 64, test_accuracy);
    const picture = work.path('grey.png');
    await sharp({ create: { width: 40, height: 50, channels: 3, background: '#888888' } })
      .png()
      .toFile(picture);
    const here = await run('predict', whole, picture);
    const there = await run('predict', whole, picture, '--backend', 'reference');
    const classes = ([line]: readonly Line[]) => line!.top as readonly { name: string; probability: number }[];
    const expected = new Map(classes(there).map(({ name, probability }) => [name, probability]));
    assert.ok(classes(here).length > 0);
    for (const { name, probability } of classes(here)) assert.ok(Math.abs(probability - expected.get(name)!) < 2e-3, name);
  });

  it('goes on from a checkpoint of the cpu backend, and the other way round', async function () {
    if (!(await createCpu().probe()).available) skip(this, 'no C compiler');
    for (const [from, to] of [
      ['tensorflow', 'cpu'],
      ['cpu', 'tensorflow'],
    ] as const) {
      const out = work.path(`from-${from}`);
      await run(...train(out, from, '--max-steps', '11'));
      const resumed = await run(...train(out, to, '--resume', '--max-steps', '31'));
      assert.equal(resumed[0]!.backend, to);
      const steps = (all: readonly Line[]) => all.filter(({ event, step }) => event === 'step' && (step as number) > 11);
      assert.equal(steps(resumed).length, 20);
      for (const [i, { loss, loss_scale, skipped }] of steps(resumed).entries()) {
        const expected = steps(trained)[i]!;
        assert.deepEqual([loss_scale, skipped], [expected.loss_scale, expected.skipped]);
        assert.ok(Math.abs((loss as number) - (expected.loss as number)) < 2e-2, `${from} to ${to}: ${loss}, expected ${expected.loss}`);
      }
    }
  });
});

describe('ampc without TensorFlow.js', () => {
  it('tells both ways to get it', async () => {
    const work = makeWorkspace();
    const nowhere = { AMPC_TFJS_BINDING: work.path('tfjs_binding.node') };
    try {
      const { code, stdout, stderr } = await startAmpc(['train', work.file('net.amp', NET), '--backend', 'tensorflow'], nowhere).result;
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, /npm install @tensorflow\/tfjs-node-gpu/);
      assert.match(stderr, /AMPC_TFJS_BINDING/);
      const listed = await startAmpc(['backends', '--json'], nowhere).result;
      assert.equal(listed.code, 0, listed.stderr);
      assert.match(listed.stdout, /tfjs_binding\.node, which does not exist.*npm install @tensorflow\/tfjs-node-gpu/);
    } finally {
      work.remove();
    }
  }).timeout(60_000);
});
