import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listClassFolders } from '../../src/datafiles/class-folders.js';
import { DEFAULT_SIZING, type ImageSize } from '../../src/datasets/source.js';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import type { DatasetSpec } from '../../src/ir/program.js';
import { measureStatistics, openData } from '../../src/training/data/open.js';
import { decodePicture } from '../../src/training/data/picture.js';
import { cleanImages, trimCache } from '../../src/training/data/picture-cache.js';
import { environment } from '../support/environment.js';
import { inTemporaryFolder } from './support/fake.js';
import { painted, pictureFolder, pixels, put } from './support/pictures.js';

const SIZE: ImageSize = { height: 4, width: 4, ...DEFAULT_SIZING };

function spec(more: Partial<DatasetSpec> = {}): DatasetSpec {
  const source = { kind: 'folder', path: 'photos', channels: 3 } as const;
  return { name: 'folder("photos")', source, image: [4, 4, 3], size: SIZE, mean: [0.5], std: [0.5], augment: [], ...more };
}

async function refusal(work: () => unknown): Promise<{ code: string; message: string; why: string }> {
  try {
    await work();
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    const { code, message, why = '' } = error.diagnostics[0]!;
    return { code, message, why };
  }
  return assert.fail('nothing was refused');
}

describe('a picture', () => {
  const decode = async (bytes: Uint8Array, channels = 3, size: Partial<ImageSize> = {}, shape = [2, 2]) => [
    ...(await decodePicture(bytes, [...shape, channels], { ...SIZE, height: shape[0]!, width: shape[1]!, ...size })),
  ];
  const near = (found: readonly number[], expected: readonly number[], by = 6) => {
    assert.equal(found.length, expected.length);
    for (const [at, value] of found.entries()) assert.ok(Math.abs(value - expected[at]!) <= by, `${found} is not near ${expected}`);
  };
  const four = (colour: readonly number[]) => [...colour, ...colour, ...colour, ...colour];

  it('is read in every usual format, the first frame of several', async () => {
    const { png, jpeg, webp } = { png: painted().png(), jpeg: painted().jpeg(), webp: painted().webp() };
    for (const picture of [png, jpeg, webp, painted().gif()]) near(await decode(await picture.toBuffer()), four([200, 40, 80]));
    const frames = pixels(2, 4, 3, [...four([255, 0, 0]), ...four([0, 0, 255])]);
    const animated = await sharpFrames(frames);
    near(await decode(animated), four([255, 0, 0]));
  });

  async function sharpFrames(frames: ReturnType<typeof pixels>): Promise<Uint8Array> {
    const { default: sharp } = await import('sharp');
    const raw = await frames.raw().toBuffer();
    return sharp(raw, { raw: { width: 2, height: 4, channels: 3, pageHeight: 2 } })
      .gif({ loop: 0, delay: [100, 100] })
      .toBuffer();
  }

  it('of CMYK, a palette, grey, 16 bits or with transparency becomes the asked channels', async () => {
    const cmyk = await painted({ colour: [200, 40, 80] })
      .toColourspace('cmyk')
      .jpeg({ quality: 100 })
      .toBuffer();
    const [red, green, blue] = (await decode(cmyk)) as [number, number, number];
    assert.ok(red > 150 && green < 90 && blue < 120, `${red} ${green} ${blue}`);
    near(await decode(await painted().png({ palette: true }).toBuffer()), four([200, 40, 80]));
    const grey = await pixels(1, 1, 1, [77]).png().toBuffer();
    near(await decode(grey), four([77, 77, 77]), 1);
    near(await decode(grey, 1), four([77]), 1);
    const deep = await pixels(1, 1, 3, [10, 128, 250]).toColourspace('rgb16').png().toBuffer();
    near(await decode(deep), four([10, 128, 250]), 1);
    const deepGrey = await pixels(1, 1, 1, [77]).toColourspace('grey16').png().toBuffer();
    near(await decode(deepGrey, 1), four([77]), 1);
    const clear = await pixels(1, 1, 4, [200, 40, 80, 0]).png().toBuffer();
    near(await decode(clear), four([255, 255, 255]), 1);
    assert.equal((await decode(clear, 4))[3], 0);
    near(await decode(await painted().png().toBuffer(), 4), four([200, 40, 80, 255]), 1);
    assert.deepEqual(await decode(await pixels(1, 1, 2, [90, 255]).png().toBuffer(), 2), four([90, 255]));
  });

  it('is turned upright by its EXIF orientation', async () => {
    const turned = await pixels(2, 1, 1, [0, 255]).withMetadata({ orientation: 6 }).png().toBuffer();
    // Orientation 6: the row's left end is the top.
    near(await decode(turned, 1, {}, [2, 1]), [0, 255], 1);
  });

  it('of other proportions is cut, put between black edges or stretched', async () => {
    const wide = await pixels(4, 2, 1, [10, 100, 100, 200, 10, 100, 100, 200]).png().toBuffer();
    near(await decode(wide, 1, { fit: 'crop', filter: 'nearest' }), four([100]), 1);
    const padded = await decode(wide, 1, { fit: 'pad', filter: 'nearest' }, [4, 4]);
    near(padded, [0, 0, 0, 0, 10, 100, 100, 200, 10, 100, 100, 200, 0, 0, 0, 0], 1);
    const stretched = await decode(wide, 1, { fit: 'stretch', filter: 'nearest' });
    assert.notEqual(stretched[0], stretched[1]);
  });
});

describe('a folder of pictures', () => {
  const set = environment(['AMPC_CACHE', 'AMPC_IMAGE_CACHE']);

  /** Runs in a folder of its own, whose `cache` is the cache of decoded pictures. */
  const inFolder = (body: (root: string, cache: string) => Promise<void>) =>
    inTemporaryFolder(async (dir) => {
      set({ AMPC_CACHE: join(dir, 'cache') });
      await body(join(dir, 'photos'), join(dir, 'cache', 'ampc-images'));
    });
  const open = (root: string, more: Partial<DatasetSpec> = {}, notices: string[] = []) =>
    openData(spec(more), { place: root, onNotice: (text) => notices.push(text) });

  it('is read in the order of classes and names, each picture with the label of its folder', () =>
    inFolder(async (root) => {
      await pictureFolder(root);
      for (const litter of ['.DS_Store', 'train/.DS_Store', 'train/cats/Thumbs.db', 'train/cats/.hidden/x.png']) put(root, litter, 'x');
      put(root, 'README.md', 'about it');
      const { train, test, classes } = await open(root);
      assert.deepEqual([classes, train.count, test.count, train.shape], [['cats', 'dogs'], 12, 4, [4, 4, 3]]);
      assert.deepEqual([...train.labels], [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
      assert.deepEqual([...train.images.subarray(0, 3)], [220, 40, 40]);
      assert.deepEqual([...test.images.subarray(-3)], [40, 40, 220]);
      const { mean, std } = await measureStatistics(train);
      assert.ok(Math.abs(mean[0]! - 130 / 255) < 1e-12 && Math.abs(std[0]! - 90 / 255) < 1e-12, `${mean} ${std}`);
    }));

  it('may have spaces and other letters in its names, folders within classes, and links', () =>
    inFolder(async (root) => {
      await pictureFolder(root);
      renameSync(join(root, 'train/cats'), join(root, 'train/été 犬'));
      rmSync(join(root, 'test/cats'), { recursive: true });
      symlinkSync(join(root, 'train/été 犬'), join(root, 'test/été 犬'));
      put(root, 'train/dogs/more/deep.jpg', await painted().jpeg().toBuffer());
      symlinkSync(join(root, 'train/dogs'), join(root, 'train/dogs/circle'));
      const { classes, train, test } = await open(root);
      assert.deepEqual([classes, train.count, test.count], [['dogs', 'été 犬'], 13, 8]);
    }));

  it('may hold PPM and PGM', () =>
    inFolder(async (root) => {
      for (const split of ['train', 'test']) {
        put(root, `${split}/cats/1.ppm`, Buffer.concat([Buffer.from('P6\n1 1\n255\n'), Uint8Array.of(220, 40, 40)]));
        put(root, `${split}/dogs/2.pgm`, Buffer.concat([Buffer.from('P5\n4 4\n255\n'), new Uint8Array(16).fill(77)]));
      }
      const { train, test } = await open(root);
      const pixelsOf = (colour: readonly number[]) => Array.from({ length: 16 }, () => colour).flat();
      assert.deepEqual([...train.images], [...pixelsOf([220, 40, 40]), ...pixelsOf([77, 77, 77])]);
      assert.deepEqual(test.images, train.images);
    }));

  it('that may only be read is read', () =>
    inFolder(async (root) => {
      await pictureFolder(root);
      for (const path of [join(root, 'train/cats'), join(root, 'train'), root]) chmodSync(path, 0o555);
      try {
        assert.equal((await open(root)).train.count, 12);
      } finally {
        for (const path of [root, join(root, 'train'), join(root, 'train/cats')]) chmodSync(path, 0o755);
      }
    }));

  it('with broken, empty and foreign files is refused once, with all of them, or read without them', () =>
    inFolder(async (root) => {
      await pictureFolder(root);
      const whole = readFileSync(join(root, 'train/cats/0.png'));
      put(root, 'train/cats/cut.png', whole.subarray(0, 40));
      put(root, 'train/dogs/empty.jpg', '');
      put(root, 'test/dogs/notes.txt', 'no picture');
      put(root, 'train/lost.png', whole);
      symlinkSync(join(root, 'gone.png'), join(root, 'train/cats/link.png'));
      const { code, message, why } = await refusal(() => open(root));
      assert.deepEqual([code, message], ['AMP7018', `${root} holds 5 files that cannot be used`]);
      const lines = why.split('\n');
      assert.deepEqual(lines.map((line) => line.slice(0, line.indexOf(':'))).sort(), [
        'test/dogs/notes.txt',
        'train/cats/cut.png',
        'train/cats/link.png',
        'train/dogs/empty.jpg',
        'train/lost.png',
      ]);
      assert.match(why, /empty\.jpg: the file is empty/);
      for (const again of ['first', 'from the cache']) {
        const notices: string[] = [];
        const { train, test } = await open(root, { skipBroken: true }, notices);
        assert.deepEqual([train.count, test.count, again], [12, 4, again]);
        assert.deepEqual([...train.labels], [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
        assert.deepEqual([...train.images.subarray(6 * 48, 6 * 48 + 3)], [40, 40, 220]);
        assert.match(notices.join('\n'), /5 files skipped/);
      }
    }));

  it('with a class of no pictures is refused, also where broken files are left out', () =>
    inFolder(async (root) => {
      await pictureFolder(root);
      put(root, 'train/owls/.hidden', '');
      assert.match((await refusal(() => open(root))).why, /^train\/owls: this class has no pictures$/);
      const empty = await refusal(() => open(root, { skipBroken: true }));
      assert.deepEqual([empty.code, empty.message], ['AMP7018', `${root} has a class without training images`]);
      assert.equal(empty.why, 'train/owls: this class has no pictures');
      put(root, 'train/owls/cut.png', 'no picture');
      assert.match((await refusal(() => open(root, { skipBroken: true }))).why, /^owls: no training picture of this class can be used$/);
    }));

  it('of another form is refused: not there, not divided, without classes, with classes of the test alone', () =>
    inFolder(async (root) => {
      assert.match((await refusal(() => open(root))).message, /photos is not there$/);
      put(root, 'cats/a.png', await painted().png().toBuffer());
      assert.match((await refusal(() => open(root))).message, /is not divided into train and test$/);
      put(root, 'train/x.txt', '');
      put(root, 'val/cats/a.png', '');
      assert.match((await refusal(() => open(root))).message, /train has no classes$/);
      put(root, 'train/dogs/a.png', await painted().png().toBuffer());
      const { code, why } = await refusal(() => open(root));
      assert.deepEqual([code, why], ['AMP7017', '`cats` can be tested but never learned']);
      assert.match((await refusal(() => open(root, { split: { test: 0.5 } }))).message, /has train and val already$/);
    }));

  it('has train and test in capitals too, and train alone is no class', () =>
    inFolder(async (root) => {
      put(root, 'Train/cats/a.png', await painted().png().toBuffer());
      const alone = await refusal(() => open(root, { split: { test: 0.5 } }));
      assert.match(`${alone.message}: ${alone.why}`, /has one folder, Train: that is no class, but holds the classes$/);
      put(root, 'TEST/cats/a.png', await painted({ width: 9 }).png().toBuffer());
      const { train, test } = await open(root);
      assert.deepEqual([train.count, test.count], [1, 1]);
    }));

  it('is divided by names: about the share of each class, and no picture changes sides when others come', () =>
    inFolder(async (root) => {
      for (let i = 0; i < 200; i++) for (const name of ['a', 'b']) put(root, `${name}/${i}.png`, '');
      for (const name of ['one', 'two']) for (let i = 0; i < (name === 'one' ? 1 : 2); i++) put(root, `${name}/${i}.png`, '');
      const sides = () => {
        const { images } = listClassFolders(root, { test: 0.2 });
        return new Map([
          ...images.train.map(({ path }) => [path, 'train'] as const),
          ...images.test.map(({ path }) => [path, 'test'] as const),
        ]);
      };
      const before = sides();
      const share = (name: string) => [...before].filter(([path, side]) => path.startsWith(`${name}/`) && side === 'test').length;
      assert.ok(
        [share('a'), share('b')].every((count) => count > 25 && count < 55),
        `${share('a')} ${share('b')}`,
      );
      assert.deepEqual([share('one'), share('two')], [0, 1]);
      for (let i = 0; i < 100; i++) put(root, `a/new ${i}.png`, '');
      rmSync(join(root, 'b/7.png'));
      const after = sides();
      for (const [path, side] of before) if (path !== 'b/7.png') assert.equal(after.get(path), side, path);
    }));

  it('is decoded once, and again when a file changes or the size does', () =>
    inFolder(async (root, cache) => {
      await pictureFolder(root);
      const picture = join(root, 'train/cats/0.png');
      utimesSync(picture, 1e9, 1e9);
      const decoded = () => readdirSync(cache).filter((name) => name.endsWith('.u8'));
      const first = await open(root);
      const [name] = decoded();
      const path = join(cache, name!);
      assert.equal(statSync(path).mode & 0o777, 0o600);
      // A file that looks as it did is not read: the pixels are those that are kept.
      const whole = readFileSync(picture);
      const spoil = (bytes: Uint8Array) => {
        writeFileSync(picture, bytes);
        utimesSync(picture, 1e9, 1e9);
      };
      spoil(new Uint8Array(whole.length));
      const second = await open(root);
      assert.deepEqual([...second.train.images], [...first.train.images]);
      assert.equal(second.content, first.content);
      spoil(whole);
      // What is damaged in the cache is decoded again.
      const bytes = readFileSync(path);
      bytes[0]! ^= 1;
      writeFileSync(path, bytes);
      assert.deepEqual([...(await open(root)).train.images], [...first.train.images]);
      assert.equal(readFileSync(path)[0], bytes[0]! ^ 1);
      put(
        root,
        'train/cats/0.png',
        await painted({ colour: [1, 2, 3] })
          .png()
          .toBuffer(),
      );
      const third = await open(root);
      assert.deepEqual([...third.train.images.subarray(0, 3)], [1, 2, 3]);
      assert.notEqual(third.content, first.content);
      await open(root, { image: [2, 2, 3], size: { ...SIZE, height: 2, width: 2 } });
      assert.equal(decoded().length, 3);
      assert.ok((await cleanImages()).bytes > 3 * 48);
      assert.deepEqual(readdirSync(cache), []);
    }));

  it('that changes while it is read is one error', () =>
    inFolder(async (root) => {
      await pictureFolder(root, 40);
      const work = openData(spec(), {
        place: root,
        onProgress: (done) => {
          // The first pictures are decoded: all have been looked at.
          if (done === 8) for (let i = 30; i < 40; i++) rmSync(join(root, `train/dogs/${i}.png`), { force: true });
        },
      });
      const { code, message } = await refusal(() => work);
      assert.equal(code, 'AMP7019');
      assert.match(message, /train\/dogs\/3\d\.png changed while it was read$/);
    }));

  it('leaves the cache within its limit, without those that were used longest ago', () =>
    inFolder(async (root, cache) => {
      await pictureFolder(root);
      await open(root);
      for (const [name, age] of Object.entries({ old: 3000, older: 4000, young: 10 })) {
        put(cache, `${name}.u8`, new Uint8Array(1000));
        const then = new Date(Date.now() - age * 1000);
        utimesSync(join(cache, `${name}.u8`), then, then);
      }
      set({ AMPC_IMAGE_CACHE: '2 KB' });
      await trimCache(cache, 'older', 1000);
      const left = readdirSync(cache).filter((name) => name.endsWith('.u8'));
      assert.ok(left.includes('older.u8') && !left.includes('old.u8'), left.join());
    }));
});
