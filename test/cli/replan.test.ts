import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createBackend } from '../../src/runtime/cpu/index.js';
import { readSafetensors, writeSafetensors } from '../../src/training/safetensors.js';
import { ampc } from '../support/cli.js';
import { skip } from '../support/skip.js';
import { makeWorkspace, TINY, type Workspace, writeTinyCifar } from '../support/tiny.js';

/** What overflows is what batch norm takes its statistics of, in a step of two micro-batches. */
const NORMED = `model Net(image: [32, 32, 3]) -> [10] {
  image |> conv2d(8, kernel: 3, padding: 1) |> scale(60000) as big |> batch_norm |> relu |> max_pool2d(4) |> flatten |> linear(10)
}

precision { compute fp16 }

train { optimizer sgd(lr: 0.01)  batch 64  accumulate 2  epochs 10 }
`;

/** A layer that overflows in every step, and what it hands on overflows where fc reads it. */
const WILD = TINY.replace('image |>', 'image |> conv2d(4, kernel: 1) as conv |>').replace('|> flatten', '|> scale(1e6) as big |> flatten');

describe('ampc train --replan', () => {
  let work: Workspace;
  let file: string;

  before(() => {
    work = makeWorkspace();
    file = work.file('wild.amp', WILD);
    writeTinyCifar(work.dir);
  });

  after(() => work.remove());

  async function train(run: string, ...more: readonly string[]) {
    const result = await ampc('train', file, '--backend', 'reference', '--data', work.dir, '--out', work.path(run), ...more);
    return { ...result, run: work.path(run) };
  }

  const lines = (run: string): Record<string, unknown>[] =>
    readFileSync(join(run, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => {
        const { seconds, images_per_second, data_share, run: _, ...rest } = JSON.parse(line);
        return rest;
      });
  const text = (run: string, name: string) => readFileSync(join(run, name), 'utf8');
  const pins = (run: string) => JSON.parse(text(run, 'config.json')).pins;

  async function outcome(run: string) {
    const tensors = async (name: string) => (await readSafetensors(join(run, `${name}.safetensors`))).tensors;
    const files = ['plan.txt', 'plan-1.txt', 'replan-1.json'].map((name) => text(run, name));
    return { metrics: lines(run), files, pins: pins(run), tensors: [await tensors('checkpoint'), await tensors('last')] };
  }

  it('names the value, pins its layer after three times, and goes on with the new plan', async () => {
    const { code, stdout, run } = await train('plain', '--replan');
    assert.equal(code, 0);
    assert.match(stdout, /^step 1 skipped at loss scale 65,536: scale of big \(forward, 4:\d+\) reached [\d,]+, fp16 ends at 65,504$/m);
    assert.match(stdout, /^step 3 skipped at loss scale 16,384: .* \(3 times by now\); keep big in fp32 would avoid it$/m);
    assert.match(stdout, /^step 3: the run goes on with big in fp32 \(replan-1\.json\)$/m);
    const replans = lines(run).filter(({ event }) => event === 'replan');
    assert.equal(replans[0].value, 'scale of big');
    assert.match(text(run, 'plan-1.txt'), /layer="big" why="follow: operand is f16"/);
    assert.match(text(run, 'plan.txt'), /layer="big" why="overflow: scale of big reached [\d,]+, fp16 ends at 65,504, 3 times by step 3"/);
    const { diff, ...record } = JSON.parse(text(run, 'replan-1.json'));
    assert.deepEqual([record.step, record.value, record.pins], [3, 'scale of big', replans[0].pins]);
    assert.ok(diff.formats.some(({ layer, op }: { layer: string; op: string }) => layer === 'big' && op === 'scale'));
    assert.equal((await ampc('plan', '--diff', join(run, 'plan-1.txt'), join(run, 'plan.txt'), '--fail-on', 'dtype')).code, 1);
    // What fc then reads in fp16 overflows as well, and is a case of its own, as is the gradient that comes after.
    assert.deepEqual(
      pins(run)
        .slice(0, 2)
        .map(({ target, dtype }: { target: string; dtype: string }) => [target, dtype]),
      [
        ['big', 'f32'],
        ['fc', 'f32'],
      ],
    );
  });

  it('gives a run that eval, predict and doctor know, with its pins', async () => {
    const { run } = await train('known', '--replan', '2', '--epochs', '1');
    const evaluated = await ampc('eval', run, '--data', work.dir, '--json');
    assert.equal(evaluated.code, 0, evaluated.stderr);
    const epoch = lines(run).find(({ event }) => event === 'epoch')!;
    assert.equal(JSON.parse(evaluated.stdout).test_loss, epoch.test_loss);
    const doctor = await ampc('doctor', run);
    assert.match(doctor.stdout, /what overflowed first\nvalue +pass +line +times +steps +largest +at scale\nscale of big +forward +4:/);
    assert.match(doctor.stdout, /step 2: the run went on with big in fp32 \(plan-1\.txt is the plan before/);
    assert.equal(doctor.code, 0, 'what was pinned is no problem any more');
  });

  it('keeps statistics that a skipped step saw out of the model, with micro-batches too', async function () {
    if (!(await createBackend().probe()).available) skip(this, 'no C compiler');
    this.timeout(120_000);
    const data = work.path('more');
    writeTinyCifar(data, 64);
    const run = work.path('normed');
    const more = ['--data', data, '--out', run, '--replan', '1'];
    const { code, stderr } = await ampc('train', work.file('normed.amp', NORMED), '--backend', 'cpu', ...more);
    assert.equal(code, 0, stderr);
    assert.deepEqual(
      lines(run).flatMap(({ event, step, value }) => (event === 'overflow' ? [[step, value]] : [])),
      [[1, 'scale of big']],
    );
    for (const name of ['last', 'checkpoint']) {
      const { tensors } = await readSafetensors(join(run, `${name}.safetensors`));
      for (const [state, { data: values }] of tensors) assert.ok(values.every(Number.isFinite), `${state} of ${name}`);
      const hasPending = [...tensors.keys()].some((state) => state.endsWith('.pending'));
      assert.equal(hasPending, name === 'checkpoint', 'weights are parameters and statistics alone');
    }
    const epochs = lines(run).filter(({ event }) => event === 'epoch');
    assert.ok(Number(epochs.at(-1)!.test_accuracy) > 0.15, 'better than chance');
    const path = join(run, 'checkpoint.safetensors');
    const { tensors, metadata } = await readSafetensors(path);
    await writeSafetensors(path, new Map([...tensors].filter(([state]) => !state.endsWith('.pending'))), metadata);
    const resumed = await ampc('train', work.path('normed.amp'), '--data', data, '--resume', run, '--epochs', '11');
    assert.equal(resumed.code, 0, `a checkpoint from before there were pending states: ${resumed.stderr}`);
  });

  it('resumes to the same bits, lines and files, wherever it was stopped', async () => {
    const whole = await outcome((await train('whole', '--replan')).run);
    for (const stop of ['2', '3', '4', '7']) {
      const { run } = await train(`stopped-${stop}`, '--replan', '--max-steps', stop);
      const { code, stderr } = await ampc('train', file, '--data', work.dir, '--resume', run, '--max-steps', '1000');
      assert.equal(code, 0, stderr);
      const { metrics, ...rest } = await outcome(run);
      const { metrics: wanted, ...others } = whole;
      assert.deepEqual(metrics.filter(({ event }) => event !== 'done').length, wanted.filter(({ event }) => event !== 'done').length);
      assert.deepEqual(
        metrics.filter(({ event }) => event === 'overflow' || event === 'replan' || event === 'epoch'),
        wanted.filter(({ event }) => event === 'overflow' || event === 'replan' || event === 'epoch'),
      );
      assert.deepEqual(rest, others);
    }
  }).timeout(60_000);

  it('resumes after a crash between the checkpoint and config.json', async () => {
    const { run } = await train('crashed', '--replan', '--max-steps', '3');
    const before = work.path('before');
    cpSync(run, before, { recursive: true });
    const config = JSON.parse(text(run, 'config.json'));
    assert.equal(config.pins.length, 1);
    writeFileSync(join(run, 'config.json'), JSON.stringify({ ...config, pins: [] }));
    writeFileSync(join(run, 'plan.txt'), text(run, 'plan-1.txt'));
    const { stderr } = await ampc('train', file, '--data', work.dir, '--resume', run, '--max-steps', '4');
    assert.doesNotMatch(stderr, /^error/m);
    assert.deepEqual(pins(run), config.pins);
    assert.equal(text(run, 'plan.txt'), text(before, 'plan.txt'));
  });

  it('reads a run that says only in words who asked for its pins, as older versions wrote it', async () => {
    const { run } = await train('older', '--replan', '--max-steps', '4');
    const inWords = ({ origin, ...pin }: Record<string, unknown>) => {
      assert.equal(origin, 'replan');
      return pin;
    };
    const newer = work.path('newer');
    cpSync(run, newer, { recursive: true });
    const config = JSON.parse(text(run, 'config.json'));
    assert.equal(config.pins.length, 1);
    writeFileSync(join(run, 'config.json'), JSON.stringify({ ...config, pins: config.pins.map(inWords) }));
    const path = join(run, 'checkpoint.safetensors');
    const { tensors, metadata } = await readSafetensors(path);
    const position = JSON.parse(metadata.position!);
    await writeSafetensors(path, tensors, {
      ...metadata,
      position: JSON.stringify({ ...position, pins: position.pins.map(inWords) }),
    });
    const goOn = (dir: string) => ampc('train', file, '--data', work.dir, '--resume', dir, '--max-steps', '1000');
    for (const dir of [run, newer]) assert.equal((await goOn(dir)).code, 0);
    assert.deepEqual(await outcome(run), await outcome(newer));
    assert.equal((await ampc('eval', run, '--data', work.dir)).code, 0);
    const [first] = config.pins;
    for (const wrong of [{ ...first, origin: 'file' }, inWords({ ...first, reason: 'low: x' })]) {
      writeFileSync(join(run, 'config.json'), JSON.stringify({ ...config, pins: [wrong] }));
      const { code, stderr } = await ampc('eval', run, '--data', work.dir);
      assert.equal(code, 1);
      assert.match(stderr, /AMP7205.*\n.*its `pins` are not what ampc train writes/);
    }
  }).timeout(60_000);

  it('without --replan the run ends, says what to write, and the doctor tells', async () => {
    const { code, stdout, stderr, run } = await train('ends');
    assert.equal(code, 1);
    assert.match(stdout, /^further skips of this epoch are not looked into$/m);
    assert.match(stderr, /AMP7301.*20 steps in a row/);
    assert.match(stderr, /why: in step 20, scale of big \(forward, 4:\d+\) reached [\d,]+, fp16 ends at 65,504: %\d+ = scale/);
    assert.match(stderr, /fix: write `keep big in fp32` in the precision section/);
    assert.doesNotMatch(stderr, /warning\[AMP7301\]/, 'said once');
    const doctor = await ampc('doctor', run);
    assert.equal(doctor.code, 1);
    assert.match(doctor.stdout, /^20 skipped steps$/m);
    assert.match(
      doctor.stdout,
      /problem: scale of big overflowed in the forward pass of \d+ skipped steps, with up to [\d,]+ where fp16 ends/,
    );
    assert.match(doctor.stdout, /^to paste:\nprecision \{\n {2}keep big in fp32\n\}$/m);
    const found = JSON.parse((await ampc('doctor', run, '--json')).stdout);
    assert.deepEqual([found.keep, found.scale.last], [['keep big in fp32'], 1]);
  });

  it('blames a learning rate that no format could bear, and pins nothing for it', async () => {
    const fast = work.file('fast.amp', WILD.replace('scale(1e6) as big', 'relu').replace('lr: 1e-3', 'lr: 1e9'));
    const run = work.path('fast');
    const { code, stdout, stderr } = await ampc(
      ...['train', fast, '--backend', 'reference', '--data', work.dir, '--out', run, '--replan', '--epochs', '3'],
    );
    assert.equal(code, 1);
    assert.match(stderr, /^error\[AMP7301\]: 20 steps in a row/m);
    assert.match(stderr, /; (conv|fc)\.weight is [\d.e+]+ times as large as at the start: /);
    assert.match(stderr, / = fix: lower the learning rate \(it was 1000000000\), clip the gradients, or check the data/);
    assert.doesNotMatch(stdout + stderr, /keep \w+ in fp32/);
    assert.deepEqual(pins(run), undefined);
  });

  it('refuses pins that are damaged', async () => {
    const { run } = await train('damaged', '--replan', '--max-steps', '3');
    const config = JSON.parse(text(run, 'config.json'));
    writeFileSync(join(run, 'config.json'), JSON.stringify({ ...config, pins: [{ target: 'fc' }] }));
    const { code, stderr } = await ampc('eval', run, '--data', work.dir);
    assert.equal(code, 1);
    assert.match(stderr, /AMP7205.*\n.*its `pins` are not what ampc train writes/);
  });
});
