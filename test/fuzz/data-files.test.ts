import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { importModel } from '../../src/api/import-model.js';
import { BadFile } from '../../src/datafiles/bad-file.js';
import { readIdx } from '../../src/datafiles/idx.js';
import { readNpyBytes, readNpyIntegers, readNpyTexts } from '../../src/datafiles/npy.js';
import { listParquet } from '../../src/datafiles/parquet.js';
import { readColumn } from '../../src/datafiles/parquet-file.js';
import { readPickle } from '../../src/datafiles/pickle.js';
import { readStateDict } from '../../src/datafiles/torch-file.js';
import { readZip } from '../../src/datafiles/zip.js';
import { userError } from '../../src/diagnostics/diagnostic.js';
import { loadSplit } from '../../src/training/data/load.js';
import { amount } from '../support/amount.js';
import { makeWorkspace } from '../support/tiny.js';
import { idx } from '../training/support/idx.js';
import { npy, npyTexts, zip } from '../training/support/npy.js';
import { parquet } from '../training/support/parquet.js';
import { type Pickle, pickle } from '../training/support/pickle.js';
import { fuzz } from './fuzz.js';
import { mutateBytes, type Random } from './mutate.js';

/** What a reader of bytes refuses, as whoever knows the file's name says it. */
function refusing<T>(read: (bytes: Uint8Array) => T): (bytes: Uint8Array) => T {
  return (bytes) => {
    try {
      return read(bytes);
    } catch (error) {
      throw error instanceof BadFile ? userError('AMP7020', error.message) : error;
    }
  };
}

const BATCH = pickle(
  new Map<string, Pickle>([
    ['labels', [1, 2]],
    ['data', { rows: [new Uint8Array(12), new Uint8Array(12)] }],
  ]),
);
const ARRAY = npy([2, 3], Uint8Array.of(1, 2, 3, 4, 5, 6));
const ARCHIVE = zip({ 'x.npy': ARRAY, 'y.npy': npyTexts(['one', 'two']) });

describe('damaged files of data are refused by diagnostics', function () {
  this.timeout(900_000);
  const workspace = makeWorkspace();
  after(() => workspace.remove());
  const damage = (bytes: Uint8Array) => (random: Random) => mutateBytes(bytes, random);

  it('pickles', () => fuzz(damage(BATCH), refusing(readPickle)));

  it('state dicts of PyTorch, in archives and in the form before', async () => {
    const files = ['net', 'older', 'attention'].map((name) => readFileSync(`test/fixtures/pytorch/state_dicts/${name}.pt`));
    const read = refusing((bytes) => readStateDict(bytes).entries.map((entry) => entry.read()));
    for (const file of files) await fuzz(damage(file), read, amount(200, 1000));
  });

  it('ONNX models', async () => {
    const path = join(workspace.dir, 'x.onnx');
    let count = 0;
    for (const name of ['plain-script', 'patches-script', 'channels-dynamo'])
      await fuzz(
        damage(readFileSync(`test/fixtures/onnx/${name}.onnx`)),
        (bytes) => {
          writeFileSync(path, bytes);
          count += 1;
          return importModel(path, { out: join(workspace.dir, `onnx-${count}`) });
        },
        amount(100, 300),
      );
  });

  it('arrays of numpy, and archives of them', async () => {
    for (const read of [readNpyBytes, readNpyIntegers]) await fuzz(damage(ARRAY), refusing<unknown>(read));
    await fuzz(damage(npyTexts(['one', 'two'])), refusing(readNpyTexts));
    await fuzz(
      damage(ARCHIVE),
      refusing((bytes) => readZip(bytes).map((entry) => entry.read())),
    );
  });

  it('IDX files, packed or not', async () => {
    const images = idx([2, 2, 2], new Uint8Array(8));
    await fuzz(damage(images), refusing(readIdx));
    const folder = join(workspace.dir, 'mnist');
    mkdirSync(folder, { recursive: true });
    for (const split of ['train', 't10k']) {
      writeFileSync(join(folder, `${split}-images-idx3-ubyte.gz`), gzipSync(images));
      writeFileSync(join(folder, `${split}-labels-idx1-ubyte.gz`), gzipSync(idx([2], Uint8Array.of(1, 2))));
    }
    await fuzz(damage(gzipSync(images)), (bytes) => {
      writeFileSync(join(folder, 'train-images-idx3-ubyte.gz'), bytes);
      return loadSplit('mnist', 'train', workspace.dir);
    });
  });

  it('Parquet files', async () => {
    const image = { kind: 'struct', bytes: [Uint8Array.of(1), Uint8Array.of(2, 3), null] } as const;
    const file = parquet({ image, label: { kind: 'whole', numbers: [0, 1, 1] } }, { names: ['label', ['one', 'two']] });
    const path = join(workspace.dir, 'x.parquet');
    await fuzz(damage(file), (bytes) => {
      writeFileSync(path, bytes);
      for (const { file: found, image: column } of listParquet(path, {}, { test: 0.5 }).tables.values())
        for (const group of found.groups.keys()) readColumn(found, group, column);
    });
  });

  it('archives of CIFAR', async () => {
    const packed = gzipSync(BATCH);
    await fuzz(damage(packed), (bytes) => {
      writeFileSync(join(workspace.dir, 'cifar-10-python.tar.gz'), bytes);
      return loadSplit('cifar10', 'train', workspace.dir);
    });
  });
});
