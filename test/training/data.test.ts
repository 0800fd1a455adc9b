import assert from 'node:assert/strict';
import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { SHAPE_CLASSES } from '../../src/datasets/registry.js';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { lowerProgram } from '../../src/lower/lower.js';
import { encodeRecords, IMAGE_BYTES, RECORD_BYTES } from '../../src/training/data/binary.js';
import { writeChecksums } from '../../src/training/data/checksums.js';
import { CIFAR10 } from '../../src/training/data/cifar.js';
import { dataBytes } from '../../src/training/data/data-bytes.js';
import { fetchDataset } from '../../src/training/data/fetch.js';
import { defaultDataFolder } from '../../src/training/data/folder.js';
import { checkDataset, chooseDataFolder, loadDataset, loadSplit } from '../../src/training/data/load.js';
import { openData, openSplit } from '../../src/training/data/open.js';
import { generateShapes } from '../../src/training/data/shapes.js';
import { tinyCifar } from './support/cifar.js';
import { inTemporaryFolder } from './support/fake.js';

async function refusal(promise: Promise<unknown>): Promise<{ code: string; text: string }> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    return { code: error.diagnostics[0]?.code ?? '', text: JSON.stringify(error.diagnostics[0]) };
  }
  return assert.fail('nothing was refused');
}

describe('CIFAR-10 folder', () => {
  it('is read in file order, planes interleaved', () =>
    inTemporaryFolder(async (dir) => {
      await tinyCifar(dir);
      const { train, test, classes } = await loadDataset('cifar10', dir);
      assert.deepEqual([train.count, test.count, train.shape], [15, 2, [32, 32, 3]]);
      assert.deepEqual([...train.labels], [0, 1, 2, 1, 2, 3, 2, 3, 4, 3, 4, 5, 4, 5, 6]);
      assert.equal(classes[9], 'truck');
      // tinyCifar writes (plane * 50 + pixel + label) mod 256.
      for (const [image, pixel, channel] of [
        [0, 0, 0],
        [4, 1023, 2],
        [14, 517, 1],
      ] as const) {
        assert.equal(train.images[image * IMAGE_BYTES + pixel * 3 + channel], (channel * 50 + pixel + train.labels[image]) % 256);
      }
    }));

  it('may be named itself', () =>
    inTemporaryFolder(async (dir) => {
      await tinyCifar(dir);
      assert.equal((await loadSplit('cifar10', 'test', join(dir, CIFAR10.folder))).count, 2);
    }));

  it('is verified: counts of images and classes', () =>
    inTemporaryFolder(async (dir) => {
      await tinyCifar(dir);
      const report = await checkDataset('cifar10', dir);
      assert.deepEqual([report.train, report.test, report.folder], [15, 2, resolve(dir, CIFAR10.folder)]);
      assert.deepEqual(report.trainPerClass, [1, 2, 3, 3, 3, 2, 1, 0, 0, 0]);
    }));

  it('is found through a link, and a link that leads nowhere is named', () =>
    inTemporaryFolder(async (dir) => {
      await tinyCifar(dir);
      await symlink(join(dir, CIFAR10.folder), join(dir, 'pictures'));
      await symlink(join(dir, 'gone'), join(dir, 'dangling'));
      assert.equal((await loadSplit('cifar10', 'test', join(dir, 'pictures'))).count, 2);
      const { code, text } = await refusal(loadDataset('cifar10', join(dir, 'dangling')));
      assert.equal(code, 'AMP7001');
      assert.match(text, /dangling is a link to .*gone, which is not there/);
    }));

  it('with a changed pixel is refused where checksums tell, and else said to be checked for its structure', () =>
    inTemporaryFolder(async (dir) => {
      await tinyCifar(dir);
      assert.equal((await checkDataset('cifar10', dir)).checked, 'structure');
      const names = [...CIFAR10.files.train, ...CIFAR10.files.test];
      await writeChecksums(join(dir, CIFAR10.folder), names);
      assert.equal((await checkDataset('cifar10', dir)).checked, 'bytes');
      const path = join(dir, CIFAR10.folder, 'data_batch_2.bin');
      const bytes = await readFile(path);
      bytes[100]! ^= 1;
      await writeFile(path, bytes);
      const { code, text } = await refusal(checkDataset('cifar10', dir));
      assert.equal(code, 'AMP7015');
      assert.match(text, /data_batch_2\.bin was changed/);
    }));

  it('may have a byte order mark before its class names', () =>
    inTemporaryFolder(async (dir) => {
      await tinyCifar(dir);
      const names = Array.from({ length: 10 }, (_, label) => `kind ${label}`);
      await writeFile(join(dir, CIFAR10.folder, CIFAR10.classesFile!), `\ufeff${names.join(' \r\n')}\r\n`);
      assert.deepEqual((await loadDataset('cifar10', dir)).classes, names);
    }));

  it('that is not there is reported with what to do', () =>
    inTemporaryFolder(async (dir) => {
      const { code, text } = await refusal(loadDataset('cifar10', dir));
      assert.equal(code, 'AMP7001');
      assert.match(
        text,
        /ampc data fetch cifar10.*`cifar-10-batches-bin`, `cifar-10-batches-py`, .* or `cifar-10-python\.tar\.gz` with --data/,
      );
    }));

  it('with missing files is reported with their names', () =>
    inTemporaryFolder(async (dir) => {
      await tinyCifar(dir);
      await rm(join(dir, CIFAR10.folder, 'data_batch_3.bin'));
      const { code, text } = await refusal(loadDataset('cifar10', dir));
      assert.equal(code, 'AMP7001');
      assert.match(text, /incomplete.*missing: data_batch_3\.bin"/);
    }));

  it('with a file cut short, an empty one, or a label out of range is refused', () =>
    inTemporaryFolder(async (dir) => {
      await tinyCifar(dir);
      const path = join(dir, CIFAR10.folder, 'test_batch.bin');
      await writeFile(path, new Uint8Array(RECORD_BYTES + 1));
      assert.equal((await refusal(loadSplit('cifar10', 'test', dir))).code, 'AMP7003');
      await writeFile(path, new Uint8Array(0));
      assert.equal((await refusal(loadSplit('cifar10', 'test', dir))).code, 'AMP7003');
      await writeFile(path, new Uint8Array(RECORD_BYTES).fill(10));
      assert.match((await refusal(loadSplit('cifar10', 'test', dir))).text, /AMP7004.*image 0 has label 10/);
    }));
});

describe('data folder', () => {
  it('is $AMPC_DATA, else in the platform’s cache folder', () => {
    const home = homedir();
    assert.equal(defaultDataFolder({ AMPC_DATA: '/d' }), resolve('/d'));
    assert.equal(defaultDataFolder({ XDG_CACHE_HOME: '/c' }, 'linux'), join('/c', 'ampc', 'data'));
    assert.equal(defaultDataFolder({}, 'linux'), join(home, '.cache', 'ampc', 'data'));
    assert.equal(defaultDataFolder({}, 'darwin'), join(home, 'Library', 'Caches', 'ampc', 'data'));
    assert.equal(defaultDataFolder({ LOCALAPPDATA: '/l' }, 'win32'), join('/l', 'ampc', 'data'));
  });

  it('of a run is the one that it was trained from while that has the data set, and where none has it', () =>
    inTemporaryFolder(async (dir) => {
      const before = process.env.AMPC_DATA;
      const [run, usual] = [join(dir, 'run'), join(dir, 'usual')];
      const choose = (given?: string) => chooseDataFolder('cifar10', given, run);
      process.env.AMPC_DATA = usual;
      try {
        assert.equal(await choose(), run);
        await tinyCifar(usual);
        assert.equal(await choose(), usual);
        await tinyCifar(run);
        assert.equal(await choose(), run);
        assert.equal(await choose('given'), 'given');
      } finally {
        if (before === undefined) delete process.env.AMPC_DATA;
        else process.env.AMPC_DATA = before;
      }
    }));
});

describe('shapes', () => {
  it('are the same for a seed, whatever their number, and differ between seeds and splits', () => {
    const few = generateShapes('train', { count: 20 });
    const more = generateShapes('train', { count: 40 });
    assert.deepEqual(more.images.subarray(0, few.images.length), few.images);
    assert.notDeepEqual(generateShapes('test', { count: 20 }).images, few.images);
    assert.notDeepEqual(generateShapes('train', { count: 20, seed: 1 }).images, few.images);
    assert.deepEqual([...few.labels.subarray(0, 12)], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
  });

  it('have not changed since version 1', () => {
    const { images } = generateShapes('train', { count: 50 });
    const sum = images.reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193), 0x811c9dc5) >>> 0;
    assert.equal(sum, 112_173_964);
  });

  it('of another size show the same in more pixels', () => {
    const [small, large] = [32, 96].map((side) => generateShapes('train', { count: 10, side }));
    assert.deepEqual([large!.shape, large!.labels], [[96, 96, 3], small!.labels]);
    // Means of 3x3 pixels, which have less noise: near in all but the pixels of edges.
    const differences: number[] = [];
    for (let image = 0; image < 10; image++)
      for (let y = 0; y < 32; y++)
        for (let x = 0; x < 32; x++) {
          let sum = 0;
          for (let tap = 0; tap < 9; tap++)
            sum += large!.images[((image * 96 + 3 * y + Math.floor(tap / 3)) * 96 + 3 * x + (tap % 3)) * 3]!;
          differences.push(Math.abs(sum / 9 - small!.images[((image * 32 + y) * 32 + x) * 3]!));
        }
    differences.sort((a, b) => a - b);
    assert.ok(differences[differences.length / 2]! < 8, `half of the pixels differ by ${differences[differences.length / 2]} and more`);
    assert.ok(
      differences[Math.floor(0.97 * differences.length)]! < 50,
      `one of 33 differs by ${differences[Math.floor(0.97 * differences.length)]}`,
    );
  });

  it('are drawn as a file says, as many as it says, and divided as others are', () =>
    inTemporaryFolder(async (dir) => {
      const text = (set: string) =>
        `dataset ${set}\nmodel Net(image: dataset.shape) -> [10] { image |> global_avg_pool |> linear(10) as fc }`;
      const specOf = (set: string) => lowerProgram({ path: join(dir, 'a.amp'), text: text(set) }, { images: 0 }).recipe.dataset;
      const few = specOf('shapes(size: 24, images: 40) { validation(0.25) }');
      const { train, test, validation } = await openData(few, { place: undefined });
      assert.deepEqual([train.count + validation!.count, test.count, train.shape], [40, 8, [24, 24, 3]]);
      assert.deepEqual((await openSplit(few, 'test', { place: undefined })).images, test.images);
      assert.deepEqual(specOf('shapes(size: 32) {}').source, { kind: 'known', name: 'shapes' });
      assert.deepEqual(specOf('shapes(size: 224) {}').images, { train: 1000, test: 200 });
      assert.equal(dataBytes(specOf('shapes(size: 224) {}')), 1200 * 224 * 224 * 3);
      // As they are, and of those at another size what is held at once.
      const cifar = 60_000 * (32 * 32 * 3 + 4);
      assert.equal(dataBytes(specOf('cifar10 { size(16) }')), cifar + 60_000 * 16 * 16 * 3);
      assert.equal(dataBytes(specOf('cifar10 { size(64) }')), cifar + (64 << 20) + 10_000 * 64 * 64 * 3);
      assert.equal(dataBytes(specOf('shapes(size: 24, images: 40) { size(48) }')), 48 * (24 * 24 + 48 * 48) * 3);
      assert.throws(() => specOf('shapes(size: 8) {}'), UserError);
    }));

  it('need no files, and use the folder that was written for other tools', () =>
    inTemporaryFolder(async (dir) => {
      const set = generateShapes('test', { count: 30 });
      const folder = join(dir, 'shapes-1-batches-bin');
      await mkdir(folder);
      for (const name of ['data_batch_1.bin', 'test_batch.bin']) await writeFile(join(folder, name), encodeRecords(set));
      assert.deepEqual(await loadSplit('shapes', 'test', dir), set);
      const report = await checkDataset('shapes', dir);
      assert.deepEqual([report.classes, report.testPerClass], [SHAPE_CLASSES, new Array(10).fill(3)]);
      await cp(folder, join(dir, 'elsewhere'), { recursive: true });
      await rm(folder, { recursive: true });
      assert.equal((await loadSplit('shapes', 'test', dir)).count, 2000);
    }));

  it('and the other data sets are all that there are', async () => {
    for (const use of [checkDataset, fetchDataset])
      assert.match((await refusal(use('imagenet', '/x'))).text, /AMP7002.*cifar10.*mnist.*shapes/);
  });
});
