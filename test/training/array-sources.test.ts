import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { lookUpData } from '../../src/datafiles/look-up.js';
import { DEFAULT_SIZING, type FileSource } from '../../src/datasets/source.js';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import type { TrainEvent } from '../../src/index.js';
import type { DatasetSpec } from '../../src/ir/program.js';
import { forEachImage } from '../../src/training/data/dataset.js';
import { openData } from '../../src/training/data/open.js';
import { ampc } from '../support/cli.js';
import { environment } from '../support/environment.js';
import { inTemporaryFolder } from './support/fake.js';
import { idx, tinyMnist } from './support/idx.js';
import { npy, npyIntegers, npyTexts, zip } from './support/npy.js';
import { painted, put } from './support/pictures.js';

function spec(source: FileSource, more: Partial<DatasetSpec> = {}): DatasetSpec {
  return { name: `${source.kind}("x")`, source, image: [2, 2, 3], mean: [0.5], std: [0.5], augment: [], ...more };
}

async function refusal(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    const { code, message, why, fix } = error.diagnostics[0]!;
    return `${code} ${message}: ${why}; ${fix}`;
  }
  return assert.fail('nothing was refused');
}

const open = (place: string, kind: 'npz' | 'idx' | 'csv', more: Partial<DatasetSpec> = {}) => {
  const source: FileSource = kind === 'csv' ? { kind, path: 'x', channels: 3 } : { kind, path: 'x' };
  return openData(spec(source, more), { place });
};

/** Images of 2x2 pixels and five channels, each value different. */
const images = (count: number, channels = 5) => Uint8Array.from({ length: count * 4 * channels }, (_, at) => at);

describe('arrays of numpy', () => {
  it('train from an archive or a folder, with any channels and the names of their classes', () =>
    inTemporaryFolder(async (dir) => {
      const files = {
        'x_train.npy': npy([3, 2, 2, 5], images(3)),
        'y_train.npy': npyIntegers([0, 1, 1], [3, 1]),
        'x_test.npy': npy([1, 2, 2, 5], images(1)),
        'y_test.npy': npyIntegers([1]),
        'classes.npy': npyTexts(['no', 'yes é']),
      };
      put(dir, 'set.npz', zip(files));
      for (const [name, bytes] of Object.entries(files)) put(dir, `folder/${name}`, bytes);
      for (const place of ['set.npz', 'folder']) {
        const { train, test, classes, content } = await open(join(dir, place), 'npz');
        assert.deepEqual([classes, [...train.labels], test.count, train.shape], [['no', 'yes é'], [0, 1, 1], 1, [2, 2, 5]]);
        assert.deepEqual([...train.images], [...images(3)]);
        assert.match(content ?? '', /^[0-9a-f]{12}$/);
        const at = { path: join(dir, 'a.amp') };
        assert.deepEqual(lookUpData({ kind: 'npz', path: place }, undefined, at), {
          image: [2, 2, 5],
          classes: ['no', 'yes é'],
          images: { train: 3, test: 1 },
        });
      }
    }));

  it('of one set are divided by what they show, and at another size are resized', () =>
    inTemporaryFolder(async (dir) => {
      const count = 60;
      // Every picture is there twice.
      const pixels = Uint8Array.from({ length: count * 4 }, (_, at) => 4 * Math.floor(at / 8));
      put(
        dir,
        'x.npz',
        zip({ 'images.npy': npy([count, 2, 2], pixels), 'labels.npy': npyIntegers(Array.from({ length: count }, (_, at) => at % 2)) }),
      );
      const { train, test } = await open(join(dir, 'x.npz'), 'npz', { split: { test: 0.3 } });
      assert.equal(train.count + test.count, count);
      assert.ok(test.count > 6 && test.count < 32, String(test.count));
      const shown = (set: typeof train) => new Set(Array.from({ length: set.count }, (_, at) => set.images[4 * at]!));
      for (const value of shown(test)) assert.ok(!shown(train).has(value), `${value} is on both sides`);
      const size = { height: 3, width: 5, ...DEFAULT_SIZING };
      const resized = await open(join(dir, 'x.npz'), 'npz', { split: { test: 0.3 }, size });
      assert.deepEqual([resized.train.shape, resized.train.count], [[3, 5, 1], train.count]);
      let first: number[] = [];
      await forEachImage(resized.train, (pixels, number) => {
        if (number === 0) first = [...pixels];
      });
      // A plain picture stays one.
      assert.deepEqual(first, new Array(15).fill(train.images[0]));
    }));

  it('trains at another size, joined with each other, in micro-batches of which one is smaller, as the reference does', () =>
    inTemporaryFolder(async (dir) => {
      const files = {
        'x_train.npy': npy([16, 2, 2, 3], images(16, 3)),
        'y_train.npy': npyIntegers(Array.from({ length: 16 }, (_, at) => at % 2)),
        'x_test.npy': npy([2, 2, 2, 3], images(2, 3)),
        'y_test.npy': npyIntegers([0, 1]),
      };
      put(dir, 'set.npz', zip(files));
      put(
        dir,
        'net.amp',
        `dataset npz("set.npz") { size(4)  mixup }
          model Net(image: dataset.shape) -> [dataset.classes] { image |> flatten |> linear(dataset.classes) }
          precision { compute fp32 }
          train { batch 10  accumulate 2  epochs 1 }`,
      );
      const file = join(dir, 'net.amp');
      const [cpu, reference] = await Promise.all(
        (['cpu', 'reference'] as const).map(async (backend) => {
          const { code, stdout, stderr } = await ampc('train', file, '--backend', backend, '--out', join(dir, backend), '--json');
          assert.equal(code, 0, stderr);
          const events = stdout
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line) as TrainEvent);
          const epoch = events.find(({ event }) => event === 'epoch');
          assert.ok(epoch?.event === 'epoch');
          return epoch.train_loss;
        }),
      );
      assert.ok(Math.abs(cpu! / reference! - 1) < 1e-5, `${cpu}, not ${reference}`);
    }));

  it('are refused with what is missing or does not fit', () =>
    inTemporaryFolder(async (dir) => {
      const write = (files: Readonly<Record<string, Uint8Array>>) => {
        put(dir, 'x.npz', zip(files));
        return refusal(() => open(join(dir, 'x.npz'), 'npz'));
      };
      const [train, labels] = [npy([2, 2, 2], new Uint8Array(8)), npyIntegers([0, 1])];
      assert.match(await refusal(() => open(join(dir, 'gone.npz'), 'npz')), /^AMP6110/);
      assert.match(await write({ 'a.npy': train }), /^AMP7016 .*has no training and test images: .*its arrays are `a`; name another file$/);
      const both = { 'x_train.npy': train, 'y_train.npy': labels, 'x_test.npy': train, 'y_test.npy': labels };
      assert.match(await write({ ...both, 'y_test.npy': npyIntegers([0]) }), /^AMP7020 .*2 images and 1 labels/);
      assert.match(
        await write({ ...both, 'y_test.npy': npyIntegers([0, -1]) }),
        /^AMP7020 .*image 1 has label -1; .*; number the classes from 0 on$/,
      );
      assert.match(await write({ ...both, 'x_test.npy': npy([2, 2, 3], new Uint8Array(12)) }), /^AMP7020 .*its images are \[2, 3, 1\]/);
      assert.match(
        await write({ ...both, 'x_train.npy': npyIntegers([1, 2]) }),
        /^AMP7020 .*x_train: .*type <i8; images are uint8; save the images as uint8, from 0 to 255$/,
      );
      assert.match(await write({ ...both, 'x_train.npy': npy([2, 3, 8, 8], new Uint8Array(384)) }), /^AMP7020 .*channels first/);
      put(dir, 'x.npz', 'no archive, but long enough to be looked at');
      assert.match(
        await refusal(() => open(join(dir, 'x.npz'), 'npz')),
        /^AMP7020 .*it is no zip archive.*; replace the file by a whole one/,
      );
    }));
});

describe('classes that nothing teaches', () => {
  const pair = (labels: readonly number[]) => ({
    images: npy([labels.length, 2, 2], new Uint8Array(4 * labels.length)),
    labels: npyIntegers(labels),
  });
  const set = (train: readonly number[], test: readonly number[], more: Readonly<Record<string, Uint8Array>> = {}) => {
    const [of, to] = [pair(train), pair(test)];
    return zip({ 'x_train.npy': of.images, 'y_train.npy': of.labels, 'x_test.npy': to.images, 'y_test.npy': to.labels, ...more });
  };

  it('are refused: those of test images alone, and numbers most of which are no label', () =>
    inTemporaryFolder(async (dir) => {
      const place = join(dir, 'x.npz');
      const write = (...given: Parameters<typeof set>) => {
        put(dir, 'x.npz', set(...given));
        return refusal(() => open(place, 'npz'));
      };
      assert.match(
        await write([0, 1], [0, 2]),
        /^AMP7017 .*x\.npz has a class that no training image has: `2` can be tested but never learned/,
      );
      const names = { 'classes.npy': npyTexts(['cat', 'dog', 'owl']) };
      assert.match(await write([0, 1], [2], names), /^AMP7017 .*: `owl` can be tested/);
      const sparse =
        /^AMP7020 .*its labels are 0, 1000 and 2000: 3 of the 2,001 numbers.*number the classes from 0 to 2, or name them in an array/;
      assert.match(await write([0, 1000, 2000], [0]), sparse);
      assert.match(await write([4_000_000_000, 0], [0]), /^AMP7020 .*2 of the 4,000,000,001 numbers/);
      // A number that is left out is no accident: letters go from 1 to 26.
      put(dir, 'x.npz', set([1, 2, 3], [1]));
      assert.deepEqual((await open(place, 'npz')).classes, ['0', '1', '2', '3']);
      put(dir, 'list.csv', ['path,label,split', 'a.png,7,train', 'b.png,900000000,train', 'c.png,7,test'].join('\n'));
      assert.match(await refusal(() => open(join(dir, 'list.csv'), 'csv')), /^AMP7020 .*its labels are 7 and 900000000: 2 of/);
      put(dir, 'list.csv', ['path,label,split', 'a.png,cat,train', 'b.png,dog,test'].join('\n'));
      assert.match(await refusal(() => open(join(dir, 'list.csv'), 'csv')), /^AMP7017 .*`dog` can be tested/);
    }));

  it('and splits without images are refused by what they lack', () =>
    inTemporaryFolder(async (dir) => {
      put(dir, 'x.npz', set([], [0]));
      assert.match(await refusal(() => open(join(dir, 'x.npz'), 'npz')), /^AMP7016 .*x\.npz has no training images/);
      put(dir, 'x.npz', set([0, 1], []));
      assert.match(await refusal(() => open(join(dir, 'x.npz'), 'npz')), /^AMP7016 .*x\.npz has no test images/);
      put(dir, 'x.npz', set([0, 1], [0]));
      assert.match(
        await refusal(() => open(join(dir, 'x.npz'), 'npz', { validation: 0.5 })),
        /^AMP7016 .* has no validation images: .*; leave out `validation`, or add images$/,
      );
    }));
});

describe('IDX files of one’s own', () => {
  it('are found by their names, at any size, packed or not', () =>
    inTemporaryFolder(async (dir) => {
      tinyMnist(join(dir, 'x'), true, 9);
      const { train, test, classes } = await open(join(dir, 'x'), 'idx');
      assert.deepEqual([train.count, test.count, train.shape, classes.length], [6, 3, [9, 9, 1], 6]);
      put(dir, 'x/emnist-train-images-idx3-ubyte', idx([1, 1, 1], new Uint8Array(1)));
      assert.match(await refusal(() => open(join(dir, 'x'), 'idx')), /^AMP7016 .*has several files of train images/);
      tinyMnist(join(dir, 'y'), true);
      for (const name of ['train-images-idx3-ubyte.gz', 't10k-labels-idx1-ubyte.gz']) rmSync(join(dir, 'y', name));
      assert.match(
        await refusal(() => open(join(dir, 'y'), 'idx')),
        /^AMP7016 .*has no training and test images: there are no files such as `train-images-idx3-ubyte\.gz` and `t10k-labels-idx1-ubyte\.gz`/,
      );
    }));
});

describe('a list of pictures', () => {
  const set = environment(['AMPC_CACHE']);
  const inFolder = (body: (dir: string) => Promise<void>) =>
    inTemporaryFolder(async (dir) => {
      set({ AMPC_CACHE: join(dir, 'cache') });
      for (let i = 0; i < 12; i++)
        put(
          dir,
          `pictures, all/${i}.png`,
          await painted({ colour: [(40 * i) % 256, 0, 0] })
            .png()
            .toBuffer(),
        );
      await body(dir);
    });
  const size = { height: 2, width: 2, ...DEFAULT_SIZING };

  it('trains with the paths, labels and sides of its lines, quoted where they hold commas', () =>
    inFolder(async (dir) => {
      const lines = [0, 1, 2, 3, 4, 5].map(
        (i) => `${i % 2 === 0 ? 'even' : '"odd, or so"'},"pictures, all/${i}.png",${i < 4 ? 'train' : 'test'}`,
      );
      put(dir, 'list.csv', `\ufefflabel,path,split\r\n${lines.join('\r\n')}\r\n\r\n`);
      const { train, test, classes } = await open(join(dir, 'list.csv'), 'csv', { size });
      assert.deepEqual(
        [classes, [...train.labels], [...test.labels]],
        [
          ['even', 'odd, or so'],
          [0, 0, 1, 1],
          [0, 1],
        ],
      );
      assert.deepEqual(
        [0, 1, 2, 3].map((i) => train.images[12 * i]),
        [0, 80, 40, 120],
      );
      // As spreadsheets save it, and with paths of Windows.
      for (const separator of [';', '\t']) {
        const rows = [0, 1, 2, 3].map((i) => [`pictures, all\\${i}.png`, 'cat, black', i < 3 ? 'train' : 'test'].join(separator));
        put(dir, 'other.csv', [['path', 'label', 'split'].join(separator), ...rows].join('\r\n'));
        const other = await open(join(dir, 'other.csv'), 'csv', { size });
        assert.deepEqual([other.classes, other.train.count, other.test.count], [['cat, black'], 3, 1]);
      }
      put(dir, 'latin.csv', Buffer.from('path,label,split\na.png,K\xe4fer,train', 'latin1'));
      assert.match(await refusal(() => open(join(dir, 'latin.csv'), 'csv', { size })), /^AMP7020 .*latin\.csv: it is not in UTF-8/);
      put(dir, 'bare.csv', 'path,label\na.png,cat\n');
      assert.match(
        await refusal(() => open(join(dir, 'bare.csv'), 'csv', { size })),
        /^AMP7016 .*does not say which pictures are for testing/,
      );
    }));

  it('has classes in the order of numbers where they are numbers, and is refused where a line is none', () =>
    inFolder(async (dir) => {
      const lines = Array.from({ length: 12 }, (_, i) => `"pictures, all/${i}.png",${10 - (i % 6)}`);
      put(dir, 'list.csv', `path,label\n${lines.join('\n')}`);
      const { classes, train, test } = await open(join(dir, 'list.csv'), 'csv', { size, split: { test: 0.5 } });
      assert.deepEqual([classes.length, train.count, test.count, new Set(train.labels)], [11, 6, 6, new Set([5, 6, 7, 8, 9, 10])]);
      put(dir, 'list.csv', 'file,label\na,b');
      assert.match(await refusal(() => open(join(dir, 'list.csv'), 'csv', { size })), /^AMP7016 .*has no columns `path` and `label`/);
      put(dir, 'list.csv', 'path,label,split\na.png,cat,train\n,cat,test');
      assert.match(await refusal(() => open(join(dir, 'list.csv'), 'csv', { size })), /^AMP7020 .*line 3 has no path or no label/);
      put(dir, 'list.csv', 'path,label,split\na.png,cat,elsewhere');
      assert.match(await refusal(() => open(join(dir, 'list.csv'), 'csv', { size })), /^AMP7020 .*line 2 is for `elsewhere`/);
      put(dir, 'list.csv', 'path,label,split\ngone.png,cat,train\npictures,cat,test');
      assert.match(
        await refusal(() => open(join(dir, 'list.csv'), 'csv', { size })),
        /^AMP7018 .*list\.csv names 2 files that cannot be used/,
      );
    }));
});
