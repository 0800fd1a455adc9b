import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_SIZING } from '../../src/datasets/source.js';
import type { DatasetSpec } from '../../src/ir/program.js';
import { openData } from '../../src/training/data/open.js';
import fixture from '../fixtures/parquet/pages.json' with { type: 'json' };
import { ampc } from '../support/cli.js';
import { environment } from '../support/environment.js';
import { makeWorkspace } from '../support/tiny.js';
import { inTemporaryFolder } from '../training/support/fake.js';
import { painted, put } from '../training/support/pictures.js';

const { names, reds, labels, files } = fixture;
const bytesOf = (text: string): Buffer => Buffer.from(text, 'base64');

const PROGRAM = `dataset parquet("set") { size(2) normalize(measured) }

model Net(image: dataset.shape) -> [dataset.classes] {
  image |> flatten |> linear(dataset.classes) as fc
}

precision { compute fp32 }

train { optimizer adam(lr: 0.05)  batch 4  epochs 2 }
`;

describe('Parquet files of pyarrow', function () {
  this.timeout(60_000);
  const set = environment(['AMPC_CACHE']);

  for (const [name, text] of Object.entries(files))
    it(`are read with ${name}`, () =>
      inTemporaryFolder(async (dir) => {
        set({ AMPC_CACHE: join(dir, 'cache') });
        for (const side of ['train', 'test']) put(dir, `set/${side}.parquet`, bytesOf(text));
        const source = { kind: 'parquet', path: 'set', channels: 3 } as const;
        const size = { height: 2, width: 2, ...DEFAULT_SIZING };
        const spec: DatasetSpec = { name: 'set', source, image: [2, 2, 3], size, mean: [0.5], std: [0.5], augment: [] };
        const { train, test, classes } = await openData(spec, { place: join(dir, 'set') });
        assert.deepEqual(classes, names);
        for (const { images, labels: own, count } of [train, test]) {
          assert.deepEqual([...own], labels);
          assert.deepEqual(
            Array.from({ length: count }, (_, row) => images[12 * row]),
            reds,
          );
        }
      }));
});

describe('a data set in Parquet files on the command line', function () {
  this.timeout(60_000);
  const work = makeWorkspace();
  const set = environment(['AMPC_CACHE']);
  const folder = work.path('set');
  const file = work.file('net.amp', PROGRAM);
  const run = work.path('run');

  before(async () => {
    const [first, second] = Object.values(files) as [string, string];
    put(folder, 'data/train-00000-of-00001.parquet', bytesOf(first));
    put(folder, 'data/test-00000-of-00001.parquet', bytesOf(second));
    put(
      work.dir,
      'red.png',
      await painted({ colour: [40, 0, 0] })
        .png()
        .toBuffer(),
    );
  });
  after(() => work.remove());
  beforeEach(() => set({ AMPC_CACHE: work.path('cache') }));

  async function call(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await ampc(...args);
    assert.equal(code, 0, stderr);
    return stdout;
  }

  it('is told by data info, by the folder, a pattern, and the file that names it', async () => {
    for (const source of [folder, join(folder, 'data/*.parquet'), file]) {
      const info = await call('data', 'info', source, '--size', '2');
      assert.match(info, /11 training and 11 test images of 2 x 2 x 3/);
      assert.match(info, /in the files: heights 2, widths 2/);
      assert.match(info, /yes é +4 +4\nvielleicht +3 +3/);
      assert.match(info, /11 test images are training images: \S*test-00000-of-00001\.parquet#0 is \S*train-00000-of-00001\.parquet#0, /);
    }
  });

  it('brings its names of classes into the run, predictions and reports', async () => {
    await call('train', file, '--out', run, '--backend', 'reference');
    assert.deepEqual(JSON.parse(readFileSync(join(run, 'config.json'), 'utf8')).classes, names);
    const predicted = await call('predict', run, work.path('red.png'), '--backend', 'reference', '--json');
    const { top } = JSON.parse(predicted) as { top: readonly { name: string }[] };
    assert.deepEqual(new Set(top.map(({ name }) => name)), new Set(names));
    assert.match(await call('eval', run, '--report', '--backend', 'reference'), /yes é.*vielleicht/s);
  });
});
