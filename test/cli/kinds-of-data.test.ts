import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ampc } from '../support/cli.js';
import { environment } from '../support/environment.js';
import { makeWorkspace } from '../support/tiny.js';
import { tinyMnist } from '../training/support/idx.js';
import { npy, npyIntegers, zip } from '../training/support/npy.js';
import { painted, pictureFolder, pixels, put } from '../training/support/pictures.js';

const program = (dataset: string) => `dataset ${dataset}

model Net(image: dataset.shape) -> [dataset.classes] {
  image |> flatten |> linear(dataset.classes) as fc
}

precision { compute fp32 }

train { optimizer adam(lr: 0.01)  batch 4  epochs 1 }
`;

interface Kind {
  readonly dataset: string;
  readonly classes: number;
  /** A name among those that are told of a picture. */
  readonly name: RegExp;
}

const KINDS = {
  'pictures in grey, through a link': { dataset: 'folder("a link") { size(6) normalize(measured) }', classes: 2, name: /^dogs$/ },
  'pictures with transparency': { dataset: 'folder("photos", channels: 4) { size([6, 4], fit: pad) }', classes: 2, name: /^cats$/ },
  'a list of pictures': { dataset: 'csv("list é.csv") { size(6) }', classes: 2, name: /^größere Katze$/ },
  'MNIST as torchvision has it, packed': { dataset: 'mnist { translate(2) }', classes: 10, name: /^\d$/ },
  'arrays of 300 classes': { dataset: 'npz("many.npz") { split(test: 0.3) }', classes: 300, name: /^\d+$/ },
} as const satisfies Record<string, Kind>;

describe('every kind of data', function () {
  this.timeout(60_000);
  const work = makeWorkspace();
  const set = environment(['AMPC_CACHE']);

  before(async () => {
    await pictureFolder(work.path('photos'));
    symlinkSync(work.path('photos'), work.path('a link'));
    tinyMnist(work.path('data/MNIST/raw'), true);
    const bytes = Uint8Array.from({ length: 900 * 16 }, (_, at) => (Math.imul(at + 1, 2654435761) >>> 9) & 255);
    const labels = npyIntegers(Array.from({ length: 900 }, (_, at) => at % 300));
    put(work.dir, 'many.npz', zip({ 'x.npy': npy([900, 4, 4], bytes), 'y.npy': labels }));
    const lines = Array.from({ length: 6 }, (_, at) => `photos/train/${at % 2 === 0 ? 'cats' : 'dogs'}/${at}.png`);
    const named = lines.map((path, at) => `"${path}",${at % 2 === 0 ? 'größere Katze' : 'Hund'},${at < 4 ? 'train' : 'test'}`);
    put(work.dir, 'list é.csv', ['path,label,split', ...named, ''].join('\n'));
    put(
      work.dir,
      'colour é.png',
      await painted({ colour: [220, 40, 40] })
        .png()
        .toBuffer(),
    );
    put(work.dir, 'grey.png', await pixels(2, 2, 1, [1, 2, 3, 250]).png().toBuffer());
    const five = Uint8Array.from({ length: 8 * 20 }, (_, at) => at);
    put(work.dir, 'five.npz', zip({ 'x.npy': npy([8, 2, 2, 5], five), 'y.npy': npyIntegers([0, 1, 0, 1, 0, 1, 0, 1]) }));
  });
  after(() => work.remove());
  beforeEach(() => set({ AMPC_CACHE: work.path('cache') }));

  async function trained(name: string, dataset: string): Promise<string> {
    const run = work.path(`run ${name}`);
    const file = work.file('net.amp', program(dataset));
    const data = dataset.startsWith('mnist') ? ['--data', work.path('data')] : [];
    const { code, stderr } = await ampc('train', file, '--out', run, ...data, '--backend', 'reference', '--max-steps', '2');
    assert.equal(code, 0, stderr);
    return run;
  }

  for (const [kind, { dataset, classes, name }] of Object.entries<Kind>(KINDS))
    it(`trains, predicts pictures in colour and in grey, and is reported by class: ${kind}`, async () => {
      const run = await trained(kind, dataset);
      const pictures = [work.path('colour é.png'), work.path('grey.png')];
      const { code, stdout, stderr } = await ampc('predict', run, ...pictures, '--backend', 'reference', '--json', '--top', '1000');
      assert.equal(code, 0, stderr);
      const predictions = stdout.trimEnd().split('\n');
      assert.deepEqual(
        predictions.map((line) => (JSON.parse(line) as { path: string }).path),
        pictures,
      );
      for (const line of predictions) {
        const { top } = JSON.parse(line) as { top: readonly { name: string }[] };
        assert.equal(new Set(top.map((one) => one.name)).size, classes);
        assert.ok(top.some((one) => name.test(one.name)));
      }
      const report = await ampc('eval', run, '--report', '--backend', 'reference');
      assert.equal(report.code, 0, report.stderr);
      assert.ok(
        report.stdout.split('\n').some((line) => name.test(line.split(/ {2,}/)[0]!)),
        report.stdout,
      );
    });

  it('of images with more channels than pictures have trains, and says that no picture is one', async () => {
    const run = await trained('five', 'npz("five.npz") { split(test: 0.5) }');
    const { code, stderr } = await ampc('predict', run, join(work.dir, 'grey.png'), '--backend', 'reference');
    assert.equal(code, 1);
    assert.match(stderr, /^error\[AMP7401\]: the model takes images of 5 channels, which no picture has\n/);
  });
});
