import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { create } from 'tar';
import { BadFile } from '../../src/datafiles/bad-file.js';
import { readPickle } from '../../src/datafiles/pickle.js';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { CIFAR10 } from '../../src/training/data/cifar.js';
import { fetchDataset } from '../../src/training/data/fetch.js';
import { checkDataset, loadDataset, loadSplit } from '../../src/training/data/load.js';
import { FASHION_MNIST, MNIST } from '../../src/training/data/mnist.js';
import { tinyCifar } from './support/cifar.js';
import { inTemporaryFolder } from './support/fake.js';
import { idx, tinyMnist } from './support/idx.js';
import { type Pickle, pickle } from './support/pickle.js';
import { put } from './support/pictures.js';
import { serve, withServer } from './support/server.js';

const NAMES = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];

/** An image of CIFAR, plane by plane, as `tinyCifar` makes it. */
function planes(label: number): Uint8Array {
  return Uint8Array.from({ length: 3072 }, (_, at) => (Math.floor(at / 1024) * 50 + (at % 1024) + label) % 256);
}

function batch(labels: readonly number[], keys: readonly string[] = ['labels']): Buffer {
  const entries = keys.map((key): [string, Pickle] => [
    key,
    labels.map((label) => (key === 'coarse_labels' ? Math.floor(label / 5) : label)),
  ]);
  return pickle(new Map<string, Pickle>([['batch_label', 'a batch'], ...entries, ['data', { rows: labels.map(planes) }]]));
}

/** The images of `tinyCifar` as torchvision leaves them. */
function pythonCifar(dir: string): void {
  const folder = 'cifar-10-batches-py';
  for (let file = 1; file <= 5; file++) put(dir, `${folder}/data_batch_${file}`, batch([file - 1, file, file + 1]));
  put(dir, `${folder}/test_batch`, batch([8, 9]));
  put(
    dir,
    `${folder}/batches.meta`,
    pickle(
      new Map<string, Pickle>([
        ['num_vis', 3072],
        ['label_names', NAMES],
      ]),
    ),
  );
}

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    const { code, message, why } = error.diagnostics[0]!;
    return `${code} ${message}: ${why}`;
  }
  return assert.fail('nothing was refused');
}

describe('CIFAR in its other forms', () => {
  it('is the same images and names as pickles, as .tar.gz of either, and in the folder of binaries', () =>
    inTemporaryFolder(async (dir) => {
      await tinyCifar(join(dir, 'binary'));
      pythonCifar(join(dir, 'python'));
      const expected = await loadDataset('cifar10', join(dir, 'binary'));
      for (const [folder, file] of [
        ['binary', 'cifar-10-binary.tar.gz'],
        ['python', 'cifar-10-python.tar.gz'],
      ] as const) {
        put(join(dir, `${folder} packed`), 'other', '');
        await create({ gzip: true, cwd: join(dir, folder), file: join(dir, `${folder} packed`, file) }, ['.']);
      }
      for (const folder of [
        'python',
        'python/cifar-10-batches-py',
        'binary packed',
        'python packed',
        'python packed/cifar-10-python.tar.gz',
      ]) {
        const found = await loadDataset('cifar10', join(dir, folder));
        assert.deepEqual(found, expected, folder);
      }
      assert.equal((await checkDataset('cifar10', join(dir, 'python'))).checked, 'structure');
    }));

  it('of 100 classes has fine and coarse labels, in both forms', () =>
    inTemporaryFolder(async (dir) => {
      const fine = Array.from({ length: 100 }, (_, label) => `fine ${label}`);
      const coarse = Array.from({ length: 20 }, (_, label) => `coarse ${label}`);
      const labels = [0, 7, 99];
      const keys = ['coarse_labels', 'fine_labels'];
      for (const split of ['train', 'test']) {
        put(
          dir,
          `binary/cifar-100-binary/${split}.bin`,
          Buffer.concat(labels.flatMap((label) => [Buffer.of(Math.floor(label / 5), label), planes(label)])),
        );
        put(dir, `python/cifar-100-python/${split}`, batch(labels, keys));
      }
      put(dir, 'binary/cifar-100-binary/fine_label_names.txt', `${fine.join('\n')}\n`);
      put(dir, 'binary/cifar-100-binary/coarse_label_names.txt', `${coarse.join('\n')}\n`);
      put(
        dir,
        'python/cifar-100-python/meta',
        pickle(
          new Map<string, Pickle>([
            ['fine_label_names', fine],
            ['coarse_label_names', coarse],
          ]),
        ),
      );
      for (const form of ['binary', 'python']) {
        const one = await loadDataset('cifar100', join(dir, form));
        const other = await loadDataset('cifar100_coarse', join(dir, form));
        assert.deepEqual([[...one.train.labels], one.classes], [labels, fine], form);
        assert.deepEqual([[...other.train.labels], other.classes], [[0, 1, 19], coarse], form);
        assert.deepEqual(one.train.images, other.train.images);
        assert.equal(one.train.images[3 * 1024 - 1], planes(0)[3071]);
      }
    }));

  it('is refused where a pickle is damaged, holds something else or would run something', () =>
    inTemporaryFolder(async (dir) => {
      pythonCifar(dir);
      const path = join(dir, 'cifar-10-batches-py', 'data_batch_2');
      const whole = readFileSync(path);
      const put = (bytes: Uint8Array) => {
        writeFileSync(path, bytes);
        return refusal(loadSplit('cifar10', 'train', dir));
      };
      assert.match(await put(whole.subarray(0, 1000)), /^AMP7020 cannot use .*data_batch_2: byte \d+ of the pickle: it ends too early/);
      assert.match(await put(batch([0, 10])), /^AMP7004 .*image 1 has label 10/);
      assert.match(
        await put(pickle(new Map<string, Pickle>([['labels', [1]]]))),
        /^AMP7020 .*its `data` is no array of bytes with 3072 columns/,
      );
      assert.match(await put(Buffer.from("cos\nsystem\n(S'true'\ntR.")), /^AMP7020 .*it asks for os\.system, which data does not need/);
    }));

  it('is refused where an archive is cut short, and nothing of it is written', () =>
    inTemporaryFolder(async (dir) => {
      pythonCifar(join(dir, 'from'));
      const file = join(dir, 'cifar-10-python.tar.gz');
      await create({ gzip: true, cwd: join(dir, 'from'), file }, ['cifar-10-batches-py']);
      const whole = readFileSync(file);
      writeFileSync(file, whole.subarray(0, whole.length >> 1));
      assert.match(await refusal(loadSplit('cifar10', 'train', dir)), /^AMP7020 cannot use .*it is no whole \.tar\.gz/);
      // A link in the place of a file is none.
      rmSync(join(dir, 'from/cifar-10-batches-py/test_batch'));
      symlinkSync('/etc/passwd', join(dir, 'from/cifar-10-batches-py/test_batch'));
      await create({ gzip: true, cwd: join(dir, 'from'), file }, ['cifar-10-batches-py']);
      assert.match(await refusal(loadSplit('cifar10', 'test', dir)), /^AMP7001 .*cifar-10-python\.tar\.gz is incomplete/);
      // Of the form that is there it is said what is missing.
      pythonCifar(dir);
      rmSync(join(dir, 'cifar-10-batches-py/data_batch_3'));
      assert.match(await refusal(loadSplit('cifar10', 'test', dir)), /^AMP7001 .*batches-py is incomplete: missing: data_batch_3$/);
    }));

  it('keeps its names for other data folders', () => assert.equal(CIFAR10.others?.[0]?.folder, 'cifar-10-batches-py'));
});

describe('a pickle', () => {
  const read = (text: string) => readPickle(Buffer.from(text, 'latin1'));
  const refused = (text: string, why: RegExp) =>
    assert.throws(
      () => read(text),
      (error: Error) => error instanceof BadFile && why.test(error.message),
    );

  it('is read in the ways that Python writes the same data', () => {
    const dictionary = new Map<unknown, unknown>([['a', [1, 258, -2, 2 ** 40, null, true]]]);
    const list = ']q\x01(K\x01M\x02\x01J\xfe\xff\xff\xff\x8a\x06\x00\x00\x00\x00\x00\x01N\x88e';
    assert.deepEqual(read(`\x80\x02}q\x00U\x01a${list}s.`), dictionary);
    assert.deepEqual(read(`\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01a${list}u.`), dictionary);
    assert.deepEqual(read('\x80\x02(K\x01K\x02\x86h\x00t.'.replace('h\x00', 'N')), [[1, 2], null]);
  });

  it('that asks for anything but data is refused, and nothing happens', () => {
    refused('cos\nsystem\n.', /os\.system/);
    refused('c__builtin__\neval\n.', /__builtin__\.eval/);
    refused('\x80\x04\x8c\x08builtins\x8c\x04exec\x93.', /builtins\.exec/);
    refused('cnumpy\ndtype\n.', /more than data/);
    refused('cnumpy\nndarray\n)R.', /no function of data/);
    refused('\x80\x02K\x01Q.', /it names what lies outside of it/);
    for (const opcode of ['i', 'o', 'P', '\x81', '\x92', '\x82', '\x97']) refused(`\x80\x02${opcode}.`, /is none that data needs/);
    refused('\x80\x02K\x01', /ends too early/);
    refused('\x80\x02h\x05.', /was not there/);
  });

  it('that repeats itself without end is refused', () => {
    const nested = Array.from(
      { length: 40 },
      (_, i) => `](h${String.fromCharCode(i)}h${String.fromCharCode(i)}eq${String.fromCharCode(i + 1)}0`,
    ).join('');
    refused(`\x80\x02]q\x00K\x01a0${nested}h\x28.`, /too many values/);
    refused('\x80\x02]q\x00h\x00a.', /nested too deeply/);
  });
});

describe('MNIST and its kin', () => {
  it('is read packed or not, in the folders that people have it in, with one channel', () =>
    inTemporaryFolder(async (dir) => {
      for (const [place, packed] of [
        ['mnist', true],
        ['MNIST/raw', false],
        ['.', false],
      ] as const) {
        const root = join(dir, place.replaceAll('/', ' ').replace('.', 'itself'));
        tinyMnist(join(root, place), packed);
        const { train, test, classes } = await loadDataset('mnist', root);
        assert.deepEqual([train.count, test.count, train.shape], [6, 3, [28, 28, 1]], place);
        assert.deepEqual([...train.labels], [0, 1, 2, 3, 4, 5]);
        assert.equal(train.images[28 * 28 + 5], (5 + 1) % 256);
        assert.equal(classes[9], '9');
      }
      tinyMnist(join(dir, 'kaggle/mnist'), false);
      for (const name of readdirSync(join(dir, 'kaggle/mnist')))
        renameSync(join(dir, 'kaggle/mnist', name), join(dir, 'kaggle/mnist', name.replace('-idx', '.idx')));
      assert.equal((await loadDataset('mnist', join(dir, 'kaggle'))).train.count, 6);
      tinyMnist(join(dir, 'FashionMNIST/raw'), true);
      const { classes, test } = await loadDataset('fashion_mnist', dir);
      assert.deepEqual([classes[9], test.count], ['Ankle boot', 3]);
    }));

  it('is refused where files are damaged or do not belong together', () =>
    inTemporaryFolder(async (dir) => {
      const root = join(dir, 'mnist');
      const load = () => refusal(loadSplit('mnist', 'train', dir));
      tinyMnist(root, true);
      rmSync(join(root, 't10k-labels-idx1-ubyte.gz'));
      assert.match(await load(), /^AMP7001 .*mnist is incomplete: missing: t10k-labels-idx1-ubyte$/);
      tinyMnist(root, true);
      put(root, 'train-images-idx3-ubyte.gz', gzipSync(new Uint8Array(100)).subarray(0, 15));
      assert.match(await load(), /^AMP7020 .*it cannot be unpacked/);
      put(root, 'train-images-idx3-ubyte.gz', gzipSync(idx([6, 28, 28], new Uint8Array(28)).subarray(0, 40)));
      assert.match(await load(), /^AMP7020 .*it has 24 values, and its header says 6 x 28 x 28/);
      tinyMnist(root, true);
      put(root, 'train-labels-idx1-ubyte.gz', gzipSync(idx([2], Uint8Array.of(1, 2))));
      assert.match(await load(), /^AMP7020 .*it has \[2\] labels for 6 images/);
      put(root, 'train-labels-idx1-ubyte.gz', gzipSync(idx([6], Uint8Array.of(1, 2, 3, 4, 5, 10))));
      assert.match(await load(), /^AMP7004 .*image 5 has label 10/);
    }));

  it('is fetched file by file, each compared with its size and md5, and what is there is not fetched again', () =>
    inTemporaryFolder(async (dir) => {
      const { origin } = MNIST;
      assert.ok(origin.kind === 'files' && FASHION_MNIST.origin.kind === 'files');
      assert.deepEqual(
        origin.files.map(({ md5 }) => md5.length),
        [32, 32, 32, 32],
      );
      await withServer(Buffer.from('no images'), [serve], async ({ url }) => {
        const why = await refusal(fetchDataset('mnist', dir, { url: `${url}/`, attempts: 1, retryMs: 1 }));
        assert.match(why, /^AMP7011 .*the server has a file of 9 bytes, 9912422 are published/);
      });
    }));
});
