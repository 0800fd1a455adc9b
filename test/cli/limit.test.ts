import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageSet } from '../../src/training/data/dataset.js';
import { limitSet, sharedPlaces } from '../../src/training/data/limit.js';
import { ampc } from '../support/cli.js';
import { TINY, useTiny } from '../support/tiny.js';
import { pictureFolder } from '../training/support/pictures.js';

describe('the images of a limit', () => {
  const setOf = (labels: readonly number[]): ImageSet => ({
    images: Uint8Array.from({ length: 4 * labels.length }, (_, at) => at >> 2),
    labels: Int32Array.from(labels),
    count: labels.length,
    shape: [2, 2, 1],
    further: { age: Float32Array.from(labels, (_, at) => 10 * at) },
    files: labels.map((_, at) => `${at}.png`),
  });
  const sorted = Array.from({ length: 100 }, (_, at) => Math.floor(at / 25));
  const mixed = sorted.map((_, at) => at % 4);

  it('are of every class its share, however the set is ordered', () => {
    for (const labels of [sorted, mixed, [...Array(90).fill(0), ...Array(10).fill(1)]]) {
      const counts = (of: Int32Array) => [0, 1, 2, 3].map((label) => of.filter((one) => one === label).length);
      const [all, few] = [counts(Int32Array.from(labels)), counts(limitSet(setOf(labels), 20).labels)];
      assert.deepEqual(
        few,
        all.map((count) => count / 5),
      );
    }
    assert.deepEqual([...sharedPlaces(setOf(sorted), 4)], [12, 37, 62, 87]);
    assert.equal(new Set(sharedPlaces(setOf(mixed), 99)).size, 99);
  });

  it('have all that belongs to them, and know where they were', () => {
    const set = setOf(sorted);
    const part = limitSet(set, 4);
    assert.deepEqual([...part.numbers!], [12, 37, 62, 87]);
    assert.deepEqual(part.files, ['12.png', '37.png', '62.png', '87.png']);
    assert.deepEqual([...part.further!.age!], [120, 370, 620, 870]);
    assert.deepEqual(
      [...part.images],
      [12, 37, 62, 87].flatMap((value) => [value, value, value, value]),
    );
    assert.deepEqual([...limitSet(part, 2).numbers!], [37, 87]);
    assert.equal(limitSet(set, 100), set);
    assert.equal(limitSet(set, undefined), set);
  });

  it('come through the supply of the whole set', async () => {
    const asked: (readonly number[])[] = [];
    const supply = {
      room: 100,
      placeOf: (number: number) => number + 1000,
      hold: (numbers: Uint32Array, ahead: (most: number) => Uint32Array) => {
        asked.push([...numbers], [...ahead(9)]);
        return undefined;
      },
    };
    const part = limitSet({ ...setOf(sorted), supply }, 4);
    await part.supply!.hold(Uint32Array.of(3, 0), () => Uint32Array.of(1));
    assert.deepEqual(asked, [[87, 12], [37]]);
    assert.equal(part.supply!.placeOf(1), 1037);
  });
});

describe('ampc train and eval with --limit', function () {
  this.timeout(120_000);
  const work = useTiny();
  const run = () => work.path('limited');
  const train = (...rest: readonly string[]) => ampc(...work.args('train', work.program, ...rest));

  it('trains on so many images, says so, and keeps to it', async () => {
    const { code, stderr } = await train('--out', run(), '--limit', '12');
    assert.equal(code, 0);
    assert.equal(stderr, '--limit 12: the run is of 12 of the 80 training images and 12 of the 16 test images, of every class its share\n');
    const [start, ...rest] = readFileSync(join(run(), 'metrics.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.equal(start.limit, 12);
    // Twelve images are one step of 8 and one of 4, in each of two epochs.
    assert.equal(rest.at(-1).steps, 4);
    assert.equal(JSON.parse(readFileSync(join(run(), 'config.json'), 'utf8')).limit, 12);
    const list = await ampc('runs', work.dir, '--json');
    assert.equal(JSON.parse(list.stdout).runs[0].settings.limit, '12');
    const longer = await train('--resume', run(), '--epochs', '3');
    assert.equal(longer.code, 0, longer.stderr);
    assert.match(longer.stdout, /6 steps in/);
    const other = await train('--resume', run(), '--epochs', '4', '--limit', '13');
    assert.match(other.stderr, /error\[AMP7203\]: .*\n = why: it belongs to another run: .*training images was 12 and is 13/);
  });

  it('tests so many images, or all and says that the run was of fewer', async () => {
    const all = await ampc('eval', run(), '--data', work.data, '--json');
    assert.match(all.stderr, /^the run was trained with --limit 12, and tested on as many; this is of all 16 test images\n/);
    assert.equal(JSON.parse(all.stdout).images, 16);
    const few = await ampc('eval', run(), '--data', work.data, '--json', '--limit', '12');
    const found = JSON.parse(few.stdout);
    assert.equal(found.images, 12);
    // Of the same images the run says the same.
    const done = readFileSync(join(run(), 'metrics.jsonl'), 'utf8').trimEnd().split('\n').at(-1)!;
    assert.equal(found.test_accuracy, JSON.parse(done).test_accuracy);
    const worst = (text: string) => JSON.parse(text).worst as readonly { readonly index: number; readonly label: number }[];
    const labels = new Map(worst(all.stdout).map(({ index, label }) => [index, label]));
    for (const { index, label } of worst(few.stdout)) if (labels.has(index)) assert.equal(label, labels.get(index));
    assert.ok(worst(few.stdout).some(({ index }) => index >= 12));
  });

  it('tells that test images are others than when the run was trained', async () => {
    const root = work.path('photos');
    await pictureFolder(root, 4);
    const file = work.file(
      'photos.amp',
      TINY.replace('dataset cifar10 {', 'dataset folder("photos") { size(32) ')
        .replace('-> [10]', '-> [dataset.classes]')
        .replace('linear(10)', 'linear(dataset.classes)'),
    );
    const ofFiles = work.path('of-files');
    const trained = await ampc('train', file, '--backend', 'reference', '--out', ofFiles, '--epochs', '1', '--limit', '3');
    assert.equal(trained.code, 0, trained.stderr);
    const before = await ampc('eval', ofFiles);
    assert.doesNotMatch(before.stderr, /warning/);
    const [worst] = JSON.parse((await ampc('eval', ofFiles, '--json', '--limit', '100')).stdout).per_class;
    rmSync(join(root, 'test', worst.name, '1.png'));
    const after = await ampc('eval', ofFiles);
    assert.match(
      after.stderr,
      /warning: there are \d+ test images, and \d+ when the run was trained: the scores are not those of the same/,
    );
  });
});
