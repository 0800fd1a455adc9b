import assert from 'node:assert/strict';
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { schemaProblem } from '../../src/files/schemas.js';
import { ampc } from '../support/cli.js';
import { environment } from '../support/environment.js';
import { makeWorkspace } from '../support/tiny.js';
import { tinyCifar } from '../training/support/cifar.js';
import { npy, npyIntegers, zip } from '../training/support/npy.js';
import { COLOURS, pictureFolder, put } from '../training/support/pictures.js';

describe('ampc data', function () {
  this.timeout(60_000);
  const work = makeWorkspace();
  const set = environment(['AMPC_CACHE']);
  const photos = work.path('photos');

  before(async () => {
    await pictureFolder(photos);
    await tinyCifar(work.path('data'));
  });
  after(() => work.remove());
  beforeEach(() => set({ AMPC_CACHE: work.path('cache') }));

  it('list names every data set and where it is', async () => {
    const { stdout, code } = await ampc('data', 'list', '--data', work.path('data'));
    assert.equal(code, 0);
    assert.match(stdout, /cifar10 +32 x 32 x 3 +10 +.*data\n/);
    assert.match(stdout, /mnist +28 x 28 x 1 +10 +not there: ampc data fetch/);
    assert.match(stdout, /shapes +32 x 32 x 3 +10 +generated when it is used/);
  });

  it('info counts the images of a folder by class, measures them and draws them', async () => {
    // A picture that is in both.
    cpSync(join(photos, 'train/cats/1.png'), join(photos, 'test/cats/copy.png'));
    const sheet = work.path('sheet.png');
    const { stdout, stderr, code } = await ampc('data', 'info', photos, '--size', '8', '--sheet', sheet);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /photos: 12 training and 5 test images of 8 x 8 x 3/);
    assert.match(
      stdout,
      /normalize\(mean: \[0\.5098, 0\.1569, 0\.5098\], std: \[0\.3529, 0\.0000, 0\.3529\]\)|std: \[0\.3529, 1\.0000, 0\.3529\]/,
    );
    assert.match(stdout, /5 test images are training images: test\/cats\/0\.png is train\/cats\/0\.png, test/);
    assert.match(stdout, /in the files: heights 7 to 12, half of them up to 11, widths 9 to 13, half of them up to 10/);
    assert.match(stdout, /cats +6 +3\n.*dogs +6 +2/s);
    const { width, height } = await sharp(sheet).metadata();
    // Two classes of six images, eight times as large, with gaps of two pixels.
    assert.deepEqual([width, height], [6 * 66 + 2, 2 * 66 + 2]);
  });

  it('info takes a data set as a file has it', async () => {
    const { stdout, stderr } = await ampc('data', 'info', `folder("${photos}", channels: 1)`, '--size', '8');
    assert.match(stdout, /photos"\): 12 training and 5 test images of 8 x 8 x 1/, stderr);
    const undivided = await ampc('data', 'info', `folder("${join(photos, 'train')}")`);
    assert.match(undivided.stderr, /AMP7016.*is not divided into train and test.*= fix: add `--split 0.2`/s);
    const halved = await ampc('data', 'info', `folder("${join(photos, 'train')}")`, '--split', '0.5');
    assert.match(halved.stdout, /: 5 training and 7 test images of 64 x 64 x 3/, halved.stderr);
    assert.match((await ampc('data', 'info', 'foldr("photos")')).stderr, /AMP4006.*did you mean `folder`/s);
  });

  it('info counts what is kept for validation, by class', async () => {
    const file = work.file(
      'kept.amp',
      `dataset folder("${photos}") { size(8)  validation(0.3) }\nmodel N(image: [8, 8, 3]) -> [2] { image |> flatten |> linear(2) }`,
    );
    const { stdout, stderr } = await ampc('data', 'info', file);
    assert.match(stdout, /: 8 training, 4 validation and 5 test images of 8 x 8 x 3/, stderr);
    assert.match(stdout, /^class +train +validation +test\n/m);
    const info = JSON.parse((await ampc('data', 'info', file, '--json')).stdout);
    assert.equal(schemaProblem('data-info', info), undefined);
    assert.equal(info.validation, 4);
    assert.deepEqual(
      info.trainPerClass.map((count: number, at: number) => count + info.validationPerClass[at]),
      [6, 6],
    );
  });

  it('info and list print one line of JSON each, as their schemas say', async () => {
    const json = async (...args: readonly string[]) => {
      const { stdout, stderr, code } = await ampc('data', ...args, '--json');
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout);
    };
    const info = await json('info', photos, '--size', '8');
    assert.equal(schemaProblem('data-info', info), undefined);
    assert.deepEqual(
      [info.classes, info.image, info.trainPerClass],
      [
        ['cats', 'dogs'],
        [8, 8, 3],
        [6, 6],
      ],
    );
    const [first] = info.duplicates;
    assert.deepEqual([first.testFile, first.trainFile], [join(photos, 'test/cats/0.png'), join(photos, 'train/cats/0.png')]);
    const named = await json('info', 'cifar10', '--data', work.path('data'));
    assert.equal(schemaProblem('data-info', named), undefined);
    assert.deepEqual([named.sizes, named.place], [null, work.path('data')]);
    const list = await json('list', '--data', work.path('data'));
    assert.equal(schemaProblem('data-list', list), undefined);
    const places = list.sets.map((set: { name: string; place: string | null; generated: boolean }) => [set.name, set.place, set.generated]);
    assert.deepEqual(places[0], ['cifar10', work.path('data'), false]);
    assert.deepEqual(places.at(-1), ['shapes', null, true]);
  });

  it('info takes the name of a data set, a file of arrays and a .amp file', async () => {
    const named = await ampc('data', 'info', 'cifar10', '--data', work.path('data'));
    assert.match(named.stdout, /cifar10: 15 training and 2 test images of 32 x 32 x 3/);
    const found = await ampc('data', 'info', work.path('data'));
    assert.match(found.stdout, /cifar10: 15 training and 2 test images of 32 x 32 x 3\n\S*data\n/);
    put(
      work.dir,
      'x.npz',
      zip({
        'x.npy': npy(
          [4, 2, 2],
          new Uint8Array(16).map((_, at) => at),
        ),
        'y.npy': npyIntegers([0, 0, 1, 1]),
      }),
    );
    const divided = await ampc('data', 'info', work.path('x.npz'), '--split', '0.5');
    assert.match(divided.stdout, /x\.npz: 2 training and 2 test images of 2 x 2 x 1\n.*no test image is a training image/s);
    const file = work.file(
      'a.amp',
      'dataset folder("photos") { size(4) }\nmodel N(image: dataset.shape) -> [2] { image |> flatten |> linear(2) }',
    );
    assert.match((await ampc('data', 'info', file)).stdout, /folder\("photos"\): 12 training/);
    const undivided = await ampc('data', 'info', join(photos, 'train'));
    assert.match(undivided.stderr, /error\[AMP7016\]: .*is not divided into train and test.*add `--split 0\.2`: a fifth of each class/s);
    const nothing = await ampc('data', 'info', file.replace('.amp', '.txt'));
    assert.match(nothing.stderr, /error\[AMP6110\]: cannot read .*a\.txt/);
  });

  it('preview draws images as they are and as they are fed', async () => {
    const program = 'dataset folder("photos") { size(16) flip(vertical, alternating: true) cutout(8) }\n';
    const file = work.file('p.amp', `${program}model N(image: dataset.shape) -> [2] { image |> flatten |> linear(2) }`);
    const out = work.path('preview.png');
    const { stdout, stderr } = await ampc('data', 'preview', file, '--out', out, '--images', '3', '--epochs', '2');
    assert.match(stdout, /3 images as they are and in 2 epochs: /, stderr);
    assert.ok(existsSync(out));
    const inNew = work.path('new folder/preview.png');
    assert.equal((await ampc('data', 'preview', file, '--out', inNew, '--epochs', '1')).code, 0);
    assert.ok(existsSync(inNew));
    const below = await ampc('data', 'preview', file, '--out', join(out, 'x.png'), '--epochs', '1');
    assert.match(below.stderr, /error\[AMP6213\]: cannot write \S+preview\.png\/x\.png\n/);
    const { data, info } = await sharp(readFileSync(out)).raw().toBuffer({ resolveWithObject: true });
    assert.deepEqual([info.width, info.height], [3 * 66 + 2, 3 * 66 + 2]);
    const at = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)];
    // Both classes are seen.
    assert.deepEqual(
      [at(30, 30), at(30, 162)],
      [COLOURS.cats, COLOURS.dogs].map((colour) => [...colour]),
    );
    const colours = new Set(Array.from({ length: 64 * 64 }, (_, i) => at(68 + (i % 64), 2 + Math.floor(i / 64)).join()));
    // What is cut out becomes the mean of `normalize`.
    assert.deepEqual(colours, new Set(['220,40,40', '128,128,128']));
  });
});
