import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { train as runTraining, type TrainEvent, type UserError } from '../../src/index.js';
import { ampc, fileLimit, startAmpc } from '../support/cli.js';
import { environment } from '../support/environment.js';
import { makeWorkspace } from '../support/tiny.js';
import { pixels, put } from '../training/support/pictures.js';

const PROGRAM = `dataset folder("photos") { size(6) flip crop(padding: 1) mixup }

model Net(image: dataset.shape) -> [dataset.classes] {
  image |> flatten |> linear(dataset.classes) as fc
}

precision { compute fp32 }

train { optimizer adam(lr: 0.01)  batch 5  accumulate 2  epochs 2 }
`;

/** Pictures of noise: whichever bytes of one are spoilt, its pixels are others or it is none. */
async function photos(root: string): Promise<void> {
  for (const [split, count] of [
    ['train', 27],
    ['test', 4],
  ] as const)
    for (const [label, name] of ['cats', 'dogs'].entries())
      for (let i = 0; i < count; i++) {
        const values = Array.from({ length: 9 * 8 * 3 }, (_, at) => (Math.imul(at + 1 + 99 * i + 7 * label, 2654435761) >>> 24) & 255);
        put(root, `${split}/${name}/${i}.png`, await pixels(9, 8, 3, values).png().toBuffer());
      }
}

describe('pictures that are decoded beside the training', function () {
  this.timeout(120_000);
  const work = makeWorkspace();
  const set = environment(['AMPC_CACHE', 'AMPC_DECODE_FIRST', 'AMPC_IMAGE_CACHE']);
  const file = work.file('photos.amp', PROGRAM);
  const root = work.path('photos');
  const call = (...args: readonly string[]) => ampc(...args, '--backend', 'reference');
  const weights = (run: string) => readFileSync(join(work.path(run), 'last.safetensors'));
  const train = async (run: string, env: Parameters<typeof set>[0], ...args: readonly string[]) => {
    set({ AMPC_CACHE: work.path('cache'), AMPC_DECODE_FIRST: '0 B', ...env });
    const { code, stderr } = await call('train', file, '--out', work.path(run), ...args);
    return { code, stderr };
  };

  before(async () => {
    await photos(root);
    for (const path of ['train/dogs/20.png', 'test/cats/3.png']) utimesSync(join(root, path), 1e9, 1e9);
  });
  after(() => work.remove());

  it('give the same bits: decoded before, beside on any threads, from the cache, a part of it or none, and after a resume', async () => {
    assert.equal((await train('before', { AMPC_DECODE_FIRST: undefined, AMPC_CACHE: work.path('cache-1') })).code, 0);
    const expected = weights('before');
    const cases = {
      'none beside': [{}, '--workers', '0'],
      'from the cache': [{}],
      'three threads': [{ AMPC_CACHE: work.path('cache-2') }, '--workers', '3'],
      'a part of the cache': [{ AMPC_CACHE: work.path('cache-3'), AMPC_IMAGE_CACHE: '1 KB' }, '--workers', '1'],
      'no cache': [{ AMPC_CACHE: work.path('cache-4'), AMPC_IMAGE_CACHE: '1 B' }],
    } as const;
    for (const [name, [env, ...args]] of Object.entries(cases)) {
      assert.equal((await train(name, env, ...args)).code, 0, name);
      assert.deepEqual(weights(name), expected, name);
    }
    assert.equal((await train('in two', { AMPC_CACHE: work.path('cache-5') }, '--max-steps', '3')).code, 0);
    const resumed = await call('train', file, '--resume', work.path('in two'), '--workers', '2');
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.deepEqual(weights('in two'), expected);
    const decoded = (cache: string) => readdirSync(join(work.path(cache), 'ampc-images')).filter((name) => name.endsWith('.u8'));
    const bytes = (cache: string) => statSync(join(work.path(cache), 'ampc-images', decoded(cache)[0]!)).size;
    assert.deepEqual([bytes('cache-2'), bytes('cache-3'), bytes('cache-4')], [62 * 108, 9 * 108, 0]);
  });

  it('are shared by runs that decode them at once, and not kept where the system takes no more', async () => {
    set({ AMPC_CACHE: work.path('cache-9'), AMPC_DECODE_FIRST: '0 B' });
    const both = ['left', 'right'].map((run) => call('train', file, '--out', work.path(run), '--workers', '1'));
    for (const { code, stderr } of await Promise.all(both)) assert.equal(code, 0, stderr);
    for (const run of ['left', 'right']) assert.deepEqual(weights(run), weights('before'));
    // Pictures of 150 x 150, of which a megabyte has room for 15.
    const large = work.file('large.amp', PROGRAM.replace('size(6)', 'size(150)').replace('flatten', 'global_avg_pool'));
    const env = { AMPC_DECODE_FIRST: '0 B' };
    const alone = (run: string, cache: string, before?: string) =>
      startAmpc(
        ['train', large, '--out', work.path(run), '--backend', 'reference', '--epochs', '1'],
        { ...env, AMPC_CACHE: work.path(cache) },
        before === undefined ? {} : { before },
      ).result;
    const [full, free] = [await alone('full', 'cache-10', fileLimit(1)), await alone('free', 'cache-11')];
    assert.deepEqual([full.code, free.code], [0, 0], full.stderr + free.stderr);
    assert.match(full.stderr, /ampc-images: the system allows no file of that size; decoded pictures are not kept/);
    assert.deepEqual(weights('full'), weights('free'));
  });

  it('that turn out to be broken end the run with one error; it is saved and goes on when they are back; the next lists them', async () => {
    const picture = join(root, 'train/dogs/20.png');
    const whole = readFileSync(picture);
    const spoilt = Uint8Array.from(whole);
    // The head and the end are those of a picture.
    spoilt.fill(0, 60, 120);
    const write = (bytes: Uint8Array) => {
      writeFileSync(picture, bytes);
      utimesSync(picture, 1e9, 1e9);
    };
    // With a cache that knows the picture as it was.
    assert.equal((await train('known', { AMPC_CACHE: work.path('cache-6') }, '--max-steps', '1')).code, 0);
    for (const name of readdirSync(work.path('cache-6/ampc-images')))
      if (!name.endsWith('.json')) rmSync(join(work.path('cache-6/ampc-images'), name));
    write(spoilt);
    const { code, stderr } = await train('spoilt', { AMPC_CACHE: work.path('cache-6') });
    assert.equal(code, 1);
    assert.match(stderr, /error\[AMP7018\]: .*dogs\/20\.png turned out to be no whole picture/);
    assert.equal(stderr.match(/error\[/g)?.length, 1, stderr);
    assert.ok(readdirSync(work.path('spoilt')).includes('last.safetensors'));
    const listed = await train('listed', { AMPC_CACHE: work.path('cache-6') });
    assert.match(listed.stderr, /error\[AMP7018\]: .*photos holds a file that cannot be used\n.*dogs\/20\.png/);
    writeFileSync(picture, whole);
    set({ AMPC_CACHE: work.path('cache-6'), AMPC_DECODE_FIRST: '0 B' });
    const resumed = await call('train', file, '--resume', work.path('spoilt'));
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.deepEqual(weights('spoilt'), weights('before'));
  });

  it('that are gone meanwhile end the run too, and it goes on when they are back', async () => {
    // Those that train are read from before the start on; nothing asks for the others until the epoch is over.
    const picture = join(root, 'test/cats/3.png');
    const whole = readFileSync(picture);
    set({ AMPC_CACHE: work.path('cache-8'), AMPC_DECODE_FIRST: '0 B' });
    const out = work.path('gone');
    const onEvent = ({ event }: TrainEvent) => event === 'start' && rmSync(picture);
    const isLost = (error: UserError) => error.diagnostics[0]!.code === 'AMP7019' && error.diagnostics[0]!.message.includes('cats/3.png');
    await assert.rejects(runTraining(file, { out, backend: 'reference', onEvent }), isLost);
    writeFileSync(picture, whole);
    utimesSync(picture, 1e9, 1e9);
    const resumed = await call('train', file, '--resume', out);
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.deepEqual(weights('gone'), weights('before'));
  });

  it('that are broken are left out where the file says so, and looked for before the first step', async () => {
    const whole = readFileSync(join(root, 'train/cats/3.png'));
    put(root, 'train/cats/cut.png', whole.subarray(0, 60));
    const without = PROGRAM.replace('flip', 'skip_broken flip');
    set({ AMPC_CACHE: work.path('cache-7'), AMPC_DECODE_FIRST: '0 B' });
    const listed = await call('train', file, '--out', work.path('cut'));
    assert.match(listed.stderr, /error\[AMP7018\]: .*\n.*train\/cats\/cut\.png/);
    const skipping = await call('train', work.file('skipping.amp', without), '--out', work.path('skipping'));
    assert.equal(skipping.code, 0, skipping.stderr);
    assert.match(skipping.stderr, /a file skipped, such as train\/cats\/cut\.png/);
    assert.deepEqual(weights('skipping'), weights('before'));
    rmSync(join(root, 'train/cats/cut.png'));
  });
});
