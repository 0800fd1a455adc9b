import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { ampc } from '../support/cli.js';
import { environment } from '../support/environment.js';
import { makeWorkspace } from '../support/tiny.js';
import { painted, pictureFolder, put } from '../training/support/pictures.js';

const PROGRAM = `dataset folder("my photos") { size(6) normalize(measured) flip }

model Net(image: dataset.shape) -> [dataset.classes] {
  image |> flatten |> linear(dataset.classes) as fc
}

precision { compute fp32 }

train { optimizer adam(lr: 0.01)  batch 4  epochs 3 }
`;

interface Config {
  readonly classes: readonly string[];
  readonly data: string;
  readonly facts: { readonly statistics: { readonly mean: readonly number[] } };
  readonly recipe: { readonly dataset: { readonly mean: readonly number[] } };
}

describe('a folder of pictures on the command line', function () {
  this.timeout(120_000);
  const work = makeWorkspace();
  const set = environment(['AMPC_CACHE']);
  const photos = work.path('my photos');
  const file = work.file('photos.amp', PROGRAM);
  const run = work.path('run');
  const config = (): Config => JSON.parse(readFileSync(join(run, 'config.json'), 'utf8')) as Config;
  const call = (...args: readonly string[]) => ampc(...args, '--backend', 'reference');

  before(() => pictureFolder(photos));
  after(() => work.remove());
  beforeEach(() => set({ AMPC_CACHE: work.path('cache') }));

  it('trains from beside its file, with the classes and the statistics that it has', async () => {
    const { code, stderr, stdout } = await call('train', file, '--out', run, '--max-steps', '5');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Net: 218 parameters/);
    const { classes, data, facts, recipe } = config();
    assert.deepEqual([classes, data], [['cats', 'dogs'], photos]);
    assert.deepEqual(facts.statistics.mean, recipe.dataset.mean);
    assert.ok(Math.abs(recipe.dataset.mean[0]! - 130 / 255) < 1e-9, String(recipe.dataset.mean));
    assert.match(readFileSync(join(run, 'plan.txt'), 'utf8'), /mean=\[0\.5098/);
  });

  it('goes on to the same bits, and tells pictures apart by name', async () => {
    assert.equal((await call('train', file, '--resume', run)).code, 0);
    const whole = work.path('whole');
    assert.equal((await call('train', file, '--out', whole)).code, 0);
    const weights = (dir: string) => readFileSync(join(dir, 'last.safetensors'));
    assert.deepEqual(weights(run), weights(whole));
    const { stdout } = await call('predict', run, join(photos, 'test/dogs/0.png'));
    assert.match(stdout, /0\.png: dogs /);
    assert.match((await call('eval', run)).stdout, /test accuracy 100\.00 %.*4 images/);
  });

  it('is known to the file in the run, wherever that lies', async () => {
    const { stdout, stderr, code } = await call('plan', join(run, 'photos.amp'));
    assert.equal(code, 0, stderr);
    assert.match(stdout, /fc/);
    assert.match((await ampc('check', join(run, 'photos.amp'))).stdout, /no errors/);
  });

  it('is found where --data says, and compared with what the run had', async () => {
    const moved = work.path('moved');
    renameSync(photos, moved);
    const lost = await call('eval', run);
    assert.match(lost.stderr, /error\[AMP7016\]: .*my photos is not there/);
    assert.equal((await call('eval', run, '--data', moved)).code, 0);
    const one = await call('predict', run, join(moved, 'test/dogs/0.png'));
    assert.match(one.stdout, /dogs/);
    put(moved, 'test/dogs/2.png', await painted().png().toBuffer());
    const changed = await call('train', file, '--resume', run, '--data', moved, '--epochs', '4');
    assert.match(changed.stderr, /error\[AMP7203\]: cannot resume.*\n.*contents of the data set was \w{12} and is \w{12}/);
    put(moved, 'train/birds/0.png', await painted().png().toBuffer());
    const others = await call('eval', run, '--data', moved);
    assert.match(others.stderr, /error\[AMP7017\]: the classes in .*moved are not those of the run/);
    renameSync(moved, photos);
  });

  it('is a diagnostic where the model says other numbers, and its cache is cleaned', async () => {
    const wrong = work.file('wrong.amp', PROGRAM.replace('[dataset.classes]', '[2]'));
    const { stderr } = await ampc('check', wrong);
    assert.match(stderr, /error\[AMP4007\]: the model results in 2 classes, folder\("my photos"\) has 3/);
    assert.match(stderr, /-+ the data set/);
    assert.match((await ampc('data', 'clean')).stdout, /removed from .*ampc-images/);
    assert.deepEqual(readdirSync(join(work.path('cache'), 'ampc-images')), []);
    assert.match((await ampc('data', 'clean')).stdout, /no decoded pictures are kept/);
  });
});
