import assert from 'node:assert/strict';
import { compile, explainPlan, type LargestBatch, largestBatch, UserError } from '../../src/index.js';
import { searchBatch } from '../../src/memory/search-batch.js';
import { ampc } from '../support/cli.js';
import { environment } from '../support/environment.js';
import { TINY, useTiny } from '../support/tiny.js';

const EXACT = { tries: 64, close: 0 };

describe('the search for the largest batch', () => {
  const bytes = (batch: number) => Promise.resolve(1000 + 10 * batch);

  it('finds it, whatever the limit', async () => {
    for (const free of [1010, 1011, 1500, 4999, 10_999]) {
      const { batch } = await searchBatch(bytes, free, 1000, EXACT);
      assert.equal(batch, Math.floor((free - 1000) / 10), `${free}`);
    }
    assert.equal((await searchBatch(bytes, 1009, 1000, EXACT)).batch, undefined);
    assert.equal((await searchBatch(bytes, 1e9, 1000, EXACT)).batch, 1000);
  });

  it('passes over batches of which there is no plan', async () => {
    const odd = (batch: number) => (batch < 3 ? Promise.reject(new UserError([])) : bytes(batch));
    assert.equal((await searchBatch(odd, 1500, 1000, EXACT)).batch, 50);
  });

  it('ends after so many plans with one that fits', async () => {
    const { batch, tried } = await searchBatch((images) => Promise.resolve(images ** 3), 1e6, 10_000, { tries: 5, close: 0 });
    assert.equal(tried.length, 5);
    assert.ok(batch! ** 3 <= 1e6);
  });
});

describe('ampc tune --largest-batch', function () {
  this.timeout(60_000);
  const work = useTiny(TINY.replace('cifar10', 'shapes'));
  const set = environment(['AMPC_MEMORY']);
  const forecast = async (batch: number) => (await explainPlan(await compile(work.program, { backend: 'reference', batch }))).processMemory;

  it('finds a batch whose forecast fits, where a larger one does not', async () => {
    const { plan, copy, data } = await forecast(1000);
    const memory = `${plan + copy + data}B`;
    const found = await largestBatch(work.program, { backend: 'reference', memory });
    const { batch, limit, present, images, forecasts } = found;
    assert.ok(batch! >= 990 && batch! <= 1000, `${batch}`);
    assert.deepEqual([limit, present, images], ['the caller', 8, 10_000]);
    for (const { batch: of, bytes } of forecasts) assert.equal(bytes! <= found.memory, of <= batch!);
  });

  it('prints what it looked at, the limit and who set it', async () => {
    set({ AMPC_MEMORY: '4 GiB' });
    const all = await ampc('tune', work.program, '--largest-batch', '--backend', 'reference');
    assert.equal(all.code, 0, all.stderr);
    assert.match(all.stdout, /\n4\.0 GiB may be taken; AMPC_MEMORY sets the limit\nlargest batch: --batch 10000, all images of an epoch; /);
    const json = await ampc('tune', work.program, '--largest-batch', '40MiB', '--backend', 'reference', '--json');
    const found: LargestBatch = JSON.parse(json.stdout);
    assert.equal(found.memory, 40 * 2 ** 20);
  });

  it('says what it cannot know', async () => {
    const told = async (...rest: readonly string[]) => {
      const { code, stderr } = await ampc('tune', work.program, '--largest-batch', ...rest);
      return `${code} ${stderr.split('\n')[0]}`;
    };
    assert.match(await told('much', '--backend', 'reference'), /^1 error\[AMP6054\]: much is no amount of memory/);
    set({ AMPC_MEMORY: 'unlimited' });
    assert.match(await told('--backend', 'reference'), /^1 error\[AMP6059\]: AMPC_MEMORY is unlimited/);
    assert.match(await told('1GiB', '--steps', '5'), /^2 error: --largest-batch takes no steps/);
    const none = await ampc('tune', work.program, '--largest-batch', '100B', '--backend', 'reference');
    assert.match(none.stdout, /\nnot even a batch of one image fits\n$/);
  });
});
