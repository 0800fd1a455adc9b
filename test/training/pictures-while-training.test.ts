import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { resume, train } from '../../src/index.js';
import { BACKENDS } from '../../src/runtime/backends.js';
import { PictureStore } from '../../src/training/data/picture-store.js';
import { environment } from '../support/environment.js';
import { inTemporaryFolder } from './support/fake.js';
import { pictureFolder } from './support/pictures.js';

const PROGRAM = `dataset folder("photos") { size(4) flip }
model Net(image: dataset.shape) -> [dataset.classes] { image |> flatten |> linear(dataset.classes) }
precision { compute fp32 }
train { batch 4  epochs 2 }`;

/** Pictures of each class: training on all takes 12 steps an epoch. */
const PER_CLASS = 24;

const LOAD = PictureStore.prototype.load;
const OPEN = BACKENDS.reference.open;

/** What `before` does comes before each request for pictures. */
function beforeEachRequest(before: (request: number) => Promise<unknown> | undefined): void {
  let requests = 0;
  PictureStore.prototype.load = function (...request) {
    const first = before(++requests);
    return first === undefined ? LOAD.apply(this, request) : first.then(() => LOAD.apply(this, request));
  };
}

describe('pictures of a training', () => {
  const setEnvironment = environment(['AMPC_CACHE', 'AMPC_DECODE_FIRST']);
  afterEach(() => {
    PictureStore.prototype.load = LOAD;
    Object.assign(BACKENDS.reference, { open: OPEN });
  });

  /** A file beside its folder of pictures, none of which is decoded before it is needed. */
  const inFolder = (work: (dir: string, file: string) => Promise<void>) =>
    inTemporaryFolder(async (dir) => {
      setEnvironment({ AMPC_CACHE: join(dir, 'cache'), AMPC_DECODE_FIRST: '0 B' });
      await pictureFolder(join(dir, 'photos'), PER_CLASS);
      writeFileSync(join(dir, 'net.amp'), PROGRAM);
      await work(dir, join(dir, 'net.amp'));
    });

  it('are read before the backend begins to load the plan', () =>
    inFolder(async (dir, file) => {
      const done: string[] = [];
      Object.assign(BACKENDS.reference, {
        open: async () => {
          const backend = await OPEN();
          const load = (...args: Parameters<typeof backend.load>) => {
            done.push('load');
            return backend.load(...args);
          };
          return { ...backend, load };
        },
      });
      beforeEachRequest(() => {
        done.push('read');
        return undefined;
      });
      await train(file, { backend: 'reference', out: join(dir, 'run'), maxSteps: 1 });
      assert.ok(done.indexOf('load') > 0, done.join());
    }));

  it('that go while it runs are one error, and when they are back it goes on to the same bits', () =>
    inFolder(async (dir, file) => {
      const weights = (run: string) => readFileSync(join(dir, run, 'last.safetensors'));
      await train(file, { backend: 'reference', out: join(dir, 'whole') });
      setEnvironment({ AMPC_CACHE: join(dir, 'other cache') });
      const [photos, away] = [join(dir, 'photos/train'), join(dir, 'away')];
      let isAway = false;
      const early: Promise<unknown>[] = [];
      beforeEachRequest((request) => {
        if (request <= 3) return undefined;
        return Promise.all(early).then(() => {
          if (!isAway) renameSync(photos, away);
          isAway = true;
        });
      });
      const load = PictureStore.prototype.load;
      PictureStore.prototype.load = function (...request) {
        const loaded = load.apply(this, request);
        if (early.length < 3) early.push(loaded);
        return loaded;
      };
      const run = join(dir, 'run');
      await assert.rejects(train(file, { backend: 'reference', out: run }), (error) => {
        assert.ok(error instanceof UserError, String(error));
        const [first, ...others] = error.diagnostics;
        assert.deepEqual([first?.code, others.length], ['AMP7019', 0]);
        assert.match(first!.message, /photos.train.\w+.\d+\.png changed while it was read$/);
        return true;
      });
      PictureStore.prototype.load = LOAD;
      renameSync(away, photos);
      const resumed = await resume(run, { backend: 'reference' });
      assert.ok(resumed.hasWeights);
      assert.deepEqual(weights('run'), weights('whole'));
    }));
});
