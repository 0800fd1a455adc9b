import assert from 'node:assert/strict';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import sharp from 'sharp';
import { schemaProblem } from '../../src/files/schemas.js';
import type { ReportResult } from '../../src/index.js';
import { ampc } from '../support/cli.js';
import { useTiny } from '../support/tiny.js';

/** A convolution that sees the picture, so that there are filters to show. */
const NET = `dataset cifar10 { normalize(mean: 0.5, std: 0.5) }
model Net(image: [32, 32, 3]) -> [10] {
  image |> conv2d(4, kernel: 3, stride: 4) as conv |> batch_norm as bn |> relu |> global_avg_pool |> linear(10) as fc
}
precision { compute fp16 }
train { loss cross_entropy  optimizer adam(lr: 1e-2)  batch 8  epochs 2  seed 0 }
`;

describe('ampc report', () => {
  const work = useTiny();
  const run = (name: string) => work.path(name);

  before(async () => {
    const net = work.file('net.amp', NET);
    for (const [name, ...options] of [
      ['one'],
      ['two', '--seed', '7', '--limit', '64', '--set', 'train.optimizer.lr=0.1'],
      ['three', '--precision', 'fp32'],
    ]) {
      const { code, stderr } = await ampc(...work.args('train', net, '--out', run(name!), '--log-every', '1', ...options));
      assert.equal(code, 0, stderr);
    }
  });

  /** With the data of the workspace. */
  const tested = (name: string) => work.args('report', name).slice(1);
  const sections = (page: string) => [...page.matchAll(/<section id="([\w-]+)"/g)].map(([, id]) => id);

  async function reported(...args: readonly string[]): Promise<ReportResult> {
    const { code, stdout, stderr } = await ampc('report', ...args, '--json');
    assert.equal(code, 0, stderr);
    const value = JSON.parse(stdout) as ReportResult;
    assert.equal(schemaProblem('report', value), undefined);
    return value;
  }

  it('writes one page about a run: results, curves, test, plan, filters, settings, and the command that trains it again', async () => {
    const { code, stdout, stderr } = await ampc(...work.args('report', run('two')));
    assert.deepEqual([code, stderr, stdout], [0, '', `${run('two')}/report.html\n`]);
    const page = readFileSync(`${run('two')}/report.html`, 'utf8');
    assert.deepEqual(sections(page), ['summary', 'curves', 'test', 'plan', 'filters', 'settings']);
    assert.match(page, /ampc train net\.amp --backend reference --seed 7 --limit 64 --set train\.optimizer\.lr=0\.1</);
    assert.match(page, /<title>Loss<\/title>/);
    assert.match(page, /class0 taken for class\d/);
    assert.match(page, /f32 → f16/);
    const last = JSON.parse(
      readFileSync(`${run('two')}/metrics.jsonl`, 'utf8')
        .trim()
        .split('\n')
        .at(-1)!,
    );
    assert.ok(page.includes(`<b>${(100 * last.test_accuracy).toFixed(2)} %</b>`));
    assert.ok(statSync(`${run('two')}/report.html`).size < 1.5e6);
  });

  it('asks nothing of any other place, and runs no script', async () => {
    const out = work.path('page.html');
    await reported(...tested(run('one')), '--out', out);
    const page = readFileSync(out, 'utf8');
    assert.doesNotMatch(page, /<script|<link|<iframe|@import|url\(/);
    const addresses = [...page.matchAll(/(?:src|href|xmlns)="([^"]*)"/g)].map(([, address]) => address!);
    assert.ok(addresses.length > 20);
    for (const address of addresses) assert.match(address, /^(#[\w-]+|data:image\/png;base64,.*|http:\/\/www\.w3\.org\/2000\/svg)$/);
  });

  it('lays several runs over each other, with the settings and plans that differ', async () => {
    const out = work.path('runs.html');
    const { files, runs } = await reported(run('one'), run('two'), run('three'), '--out', out);
    assert.deepEqual([files, runs], [[out], ['one', 'two', 'three'].map(run)]);
    const page = readFileSync(out, 'utf8');
    assert.deepEqual(sections(page), ['runs', 'curves', 'plans', 'settings-0', 'settings-1', 'settings-2']);
    for (const head of ['train.optimizer.lr', 'train.seed', 'precision.compute']) assert.ok(page.includes(`>${head}</th>`), head);
    assert.match(page, /two against one<\/h3><p class="note">Their plans are the same/);
    assert.match(page, /three against one<\/h3>[\s\S]*cast removed/);
    for (const name of ['one', 'two', 'three']) assert.ok(page.includes(`>${name}</text>`), `${name} is in a legend`);
  });

  it('writes its figures as files that other programs draw', async () => {
    const svg = await reported(run('one'), '--format', 'svg', '--no-test', '--out', work.path('svg'));
    const names = svg.files.map((file) => file.split('/').at(-1));
    assert.deepEqual(names, [
      ...['loss.svg', 'accuracy.svg', 'learning-rate.svg', 'loss-scale.svg', 'images-per-second.svg'],
      ...['plan.svg', 'memory.svg', 'kept-by-layer.svg', 'time-by-layer.svg', 'work-by-layer.svg'],
    ]);
    const png = await reported(...tested(run('one')), '--format', 'png', '--out', work.path('png'));
    assert.equal(png.files.length, svg.files.length + 1, 'with the confusion matrix');
    for (const file of [...svg.files, ...png.files]) {
      const { width = 0, height = 0 } = await sharp(file).metadata();
      assert.ok(width > 400 && height > 20, `${file}: ${width} x ${height}`);
      const { channels } = await sharp(file).flatten().stats();
      assert.ok(
        channels.some(({ min, max }) => max - min > 100),
        `${file} is blank`,
      );
    }
  });

  it('tells what it cannot show in its place, and goes on', async () => {
    const out = work.path('poor.html');
    writeFileSync(`${run('three')}/plan.txt`, 'damaged');
    const { code, stdout, stderr } = await ampc('report', run('three'), '--out', out, '--data', work.path('nowhere'));
    assert.deepEqual([code, stdout], [0, `${out}\n`]);
    assert.match(stderr, /the report has no test: /);
    const page = readFileSync(out, 'utf8');
    assert.match(page, /<h2>Test<\/h2><p class="note">Not here: /);
    assert.match(page, /<h2>Plan<\/h2><p class="note">Not here: /);
    rmSync(out);
  });

  it('refuses what is no run, and a place where nothing can be written', async () => {
    const none = await ampc('report', work.path('nothing'));
    assert.equal(none.code, 1);
    assert.match(none.stderr, /AMP7205/);
    const taken = await ampc('report', run('one'), '--no-test', '--out', `${run('one')}/plan.txt/page.html`);
    assert.equal(taken.code, 1);
    assert.match(taken.stderr, /AMP6213/);
  });
});
