import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { listClassFolders } from '../../src/datafiles/class-folders.js';
import { readCsvList } from '../../src/datafiles/csv.js';
import { findFiles } from '../../src/datafiles/glob.js';
import { lookUpData } from '../../src/datafiles/look-up.js';
import { DEFAULT_SIZING, type FileSource } from '../../src/datasets/source.js';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { examine, load } from '../../src/training/data/decode-jobs.js';
import { openData } from '../../src/training/data/open.js';
import { environment } from '../support/environment.js';
import { withoutPrivileges } from '../support/privileges.js';
import { inTemporaryFolder } from './support/fake.js';
import { npy, npyIntegers, npyTexts, zip } from './support/npy.js';
import { painted, pictureFolder, put } from './support/pictures.js';

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    const { code, message, why, fix } = error.diagnostics[0]!;
    return `${code} ${message}: ${why}; ${fix}`;
  }
  return assert.fail('nothing was refused');
}

const list = (dir: string, lines: readonly string[], split = true) => {
  put(dir, 'list.csv', lines.join('\n'));
  return readCsvList(join(dir, 'list.csv'), split ? { test: 0.5 } : undefined);
};

describe('a list of pictures', () => {
  it('is refused with the line where a mistake is, whatever lines lie before it', () =>
    inTemporaryFolder(async (dir) => {
      const at = (...lines: readonly string[]) => refusal(() => list(dir, ['path,label', ...lines]));
      assert.match(at('', 'a.png,cat', '', ',dog'), /: line 5 has no path or no label/);
      assert.match(at('"a\nb.png",cat', 'c.png,'), /: line 4 has no path or no label/);
      assert.match(at('a.png,0', 'b.png,0.5'), /: line 3 has the label 0\.5; number the classes from 0 on, or name them/);
      assert.match(at('a.png,-1', 'b.png,1'), /: line 2 has the label -1/);
    }));

  it('is refused where a picture has two classes, or is on both sides', () =>
    inTemporaryFolder(async (dir) => {
      const twice = ['path,label', 'a.png,cat', 'b.png,dog', './a.png,dog'];
      assert.match(
        refusal(() => list(dir, twice)),
        /^AMP7020 .*lines 2 and 4 have the picture \.\/a\.png, once as cat and once as dog/,
      );
      const both = ['path,label,split', 'a.png,cat,train', 'a.png,cat,test'];
      assert.match(
        refusal(() => list(dir, both, false)),
        /lines 2 and 3 have the picture a\.png, once for training and once for testing/,
      );
      // To be there more often than others is no contradiction.
      const { train, test } = list(dir, ['path,label', 'a.png,cat', 'a.png,cat', 'b.png,cat']).images;
      assert.equal(train.length + test.length, 3);
    }));

  it('loses no line whose number is written with zeros, and takes floats for what they say', () =>
    inTemporaryFolder(async (dir) => {
      const labels = (...names: readonly string[]) => {
        const { classes, images } = list(dir, ['path,label', ...names.flatMap((name, at) => [`${at}.png,${name}`, `${at}b.png,${name}`])]);
        return [classes, images.train.map(({ label }) => label)];
      };
      assert.deepEqual(labels('00', '01', '10'), [
        ['00', '01', '10'],
        [0, 1, 2],
      ]);
      assert.deepEqual(labels('2.0', '0.0', '1.0'), [
        ['0', '1', '2'],
        [0, 1, 2],
      ]);
      assert.match(
        refusal(() => labels('1', '01', '0')),
        /the label 1 is also written as 01; write each label in one way/,
      );
    }));

  it('is refused without a line, with a column twice, and with names that nobody can tell apart', () =>
    inTemporaryFolder(async (dir) => {
      put(dir, 'x.csv', 'path,label\n');
      const look = () => lookUpData({ kind: 'csv', path: 'x.csv', channels: 3 }, { test: 0.5 }, { path: join(dir, 'a.amp') });
      assert.match(refusal(look), /^AMP7016 .*x\.csv has no pictures/);
      assert.match(
        refusal(() => list(dir, ['path,label,label', 'a.png,cat,dog'])),
        /^AMP7016 .*has two columns `label`/,
      );
      assert.match(
        refusal(() => list(dir, ['path,label', 'a.png,"cat', '"'])),
        /class `catU\+000A` has a control character/,
      );
    }));

  it('says what it has besides test images', () =>
    inTemporaryFolder(async (dir) => {
      const lines = ['path,label,split', 'a.png,cat,train', 'b.png,cat,test', 'c.png,cat,val'];
      const { images, unused } = list(dir, lines, false);
      assert.deepEqual([images.test.map(({ path }) => path), unused], [['b.png'], 'the test images are those of test; `val` is not used']);
    }));
});

describe('arrays of numpy', () => {
  const arrays = { 'x_train.npy': npy([2, 2, 2], new Uint8Array(8)), 'y_train.npy': npyIntegers([0, 1]) };
  const files = { ...arrays, 'x_test.npy': arrays['x_train.npy'], 'y_test.npy': arrays['y_train.npy'] };
  const look = (dir: string, path: string) => refusal(() => lookUpData({ kind: 'npz', path }, undefined, { path: join(dir, 'a.amp') }));

  it('of which a bit has changed are refused', () =>
    inTemporaryFolder(async (dir) => {
      const archive = zip(files);
      // A packed block that says its bytes as they are would unpack to other ones.
      archive[archive.indexOf('PK\x01\x02') + 16]! ^= 1;
      put(dir, 'x.npz', archive);
      assert.match(look(dir, 'x.npz'), /^AMP7020 .*x\.npz: x_train: what is packed in it is damaged/);
    }));

  it('are refused without pixels, as one array, and with classes of one name or none', () =>
    inTemporaryFolder(async (dir) => {
      put(dir, 'x.npz', zip({ ...files, 'x_train.npy': npy([2, 0, 2], new Uint8Array(0)) }));
      assert.match(look(dir, 'x.npz'), /its shape is \[2, 0, 2\]: its images have no pixels/);
      put(dir, 'one.npy', arrays['x_train.npy']);
      assert.match(look(dir, 'one.npy'), /one\.npy: it is one array; .*; name the folder that the `\.npy` files of both lie in/);
      put(dir, 'x.npz', zip({ ...files, 'classes.npy': npyTexts(['cat', 'cat']) }));
      assert.match(look(dir, 'x.npz'), /two classes have the name `cat`/);
      put(dir, 'x.npz', zip({ ...files, 'classes.npy': npyTexts(['cat', '']) }));
      assert.match(look(dir, 'x.npz'), /the name of class 1 is empty/);
    }));
});

describe('folders of data', () => {
  const set = environment(['AMPC_CACHE']);
  const source: FileSource = { kind: 'folder', path: 'x', channels: 3 };
  const size = { height: 4, width: 4, ...DEFAULT_SIZING };
  const spec = { name: 'folder("x")', source, image: [4, 4, 3], size, mean: [0.5], std: [0.5], augment: [] } as const;

  it('join what two folders of the same letters hold, list links that lead in circles, and pass over no val unsaid', () =>
    inTemporaryFolder(async (dir) => {
      set({ AMPC_CACHE: join(dir, 'cache') });
      const root = join(dir, 'photos');
      await pictureFolder(root, 2);
      for (const [at, form] of (['NFC', 'NFD'] as const).entries())
        put(root, `train/${'é'.normalize(form)}/${at}.png`, await painted().png().toBuffer());
      assert.equal(listClassFolders(root, undefined).images.train.filter(({ label }) => label === 2).length, 2);
      renameSync(join(root, 'train', 'cats'), join(root, 'train', 'Dogs'));
      renameSync(join(root, 'test', 'cats'), join(root, 'test', 'Dogs'));
      mkdirSync(join(root, 'val/dogs'), { recursive: true });
      const notices: string[] = [];
      await openData(spec, { place: root, onNotice: (text) => notices.push(text) });
      assert.deepEqual(notices, [
        `${root}: the test images are those of test; \`val\` is not used`,
        'folder("x"): the classes Dogs and dogs differ in capitals alone, and are two',
      ]);
      if (process.platform === 'win32') return;
      symlinkSync('loop.png', join(root, 'train/dogs/loop.png'));
      await assert.rejects(openData(spec, { place: root }), (error: UserError) => {
        assert.match(error.diagnostics[0]!.why!, /^train\/dogs\/loop\.png: its links lead in a circle$/);
        return true;
      });
    }));

  it('are walked once where a link leads back into them', function () {
    if (process.platform === 'win32') this.skip();
    return inTemporaryFolder(async (dir) => {
      for (const name of ['data/train.parquet', 'data/.hidden.parquet']) put(dir, name, 'x');
      symlinkSync('..', join(dir, 'data/back'));
      symlinkSync('data', join(dir, 'link'));
      const found = { paths: ['data/train.parquet', 'link/train.parquet'] };
      assert.deepEqual(findFiles(dir, '.parquet').paths.toSorted(), found.paths);
      assert.deepEqual(findFiles(join(dir, '**/*.parquet'), '.parquet').paths.toSorted(), found.paths);
    });
  });

  it('are cached in files, never through links', function () {
    if (process.platform === 'win32') this.skip();
    return inTemporaryFolder(async (dir) => {
      put(dir, 'a.png', await painted().png().toBuffer());
      put(dir, 'precious', 'untouched');
      for (const name of ['x.u8', 'x.marks']) symlinkSync('precious', join(dir, name));
      const file = join(dir, 'a.png');
      const [known] = await examine({ decoding: { shape: [4, 4, 3], size }, files: [{ path: 'a.png', file, known: undefined }] });
      const pictures = [{ ...known!, file, slot: 0, place: undefined }];
      const cache = { pixels: join(dir, 'x.u8'), marks: join(dir, 'x.marks') };
      const { outcomes, cacheFailure } = await load({ decoding: { shape: [4, 4, 3], size }, cache, memory: undefined, pictures });
      assert.deepEqual([outcomes, cacheFailure], [['loaded'], 'a link lies where a file of its own should']);
      assert.equal(readFileSync(join(dir, 'precious'), 'utf8'), 'untouched');
    });
  });

  it('are read where what is known of them cannot be kept, which is said', () =>
    inTemporaryFolder(async (dir) => {
      set({ AMPC_CACHE: join(dir, 'cache') });
      const root = join(dir, 'photos');
      await pictureFolder(root, 2);
      await openData(spec, { place: root });
      const images = join(dir, 'cache/ampc-images');
      const index = readdirSync(images).find((name) => name.endsWith('.index.json'))!;
      rmSync(join(images, index));
      put(join(images, index), 'in the way', '');
      const notices: string[] = [];
      const { train } = await openData(spec, { place: root, onNotice: (text) => notices.push(text) });
      assert.equal(train.count, 4);
      assert.match(notices.join('\n'), /^.*ampc-images: .*; decoded pictures are not kept$/);
    }));

  it('with what the system does not let read are no folders with broken pictures the next time', function () {
    if (process.platform === 'win32') this.skip();
    return inTemporaryFolder(async (dir) => {
      chmodSync(dir, 0o755);
      put(dir, 'a.png', await painted().png().toBuffer());
      put(dir, 'b.png/c', '');
      put(dir, 'cut.png', (await painted().png().toBuffer()).subarray(0, 20));
      chmodSync(join(dir, 'a.png'), 0);
      const files = ['a.png', 'b.png', 'cut.png'].map((path) => ({ path, file: join(dir, path), known: undefined }));
      const [first, second, cut] = await withoutPrivileges(() => examine({ decoding: { shape: [4, 4, 3], size }, files }));
      assert.match(cut!.why!, /\w$/);
      assert.deepEqual(
        [first, second],
        [
          { path: 'a.png', size: -1, mtimeMs: 0, hash: '', why: 'permission denied' },
          { path: 'b.png', size: -1, mtimeMs: 0, hash: '', why: 'it is a folder' },
        ],
      );
    });
  });
});
