import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cachedCosts, keepCosts } from '../../src/costs/costs.js';
import { cacheFolder } from '../../src/files/cache-folder.js';
import { environment } from '../support/environment.js';
import { makeWorkspace, type Workspace } from '../support/tiny.js';

describe('kept tables of costs', () => {
  const set = environment(['AMPC_CACHE', 'HOME', 'XDG_CACHE_HOME']);
  const machine = { backend: 'cpu', device: 'a processor', threads: '2' };
  const rates = { flops: { f32: 1, f16: 1, bf16: 1 }, bytes: 1, call: 0 } as unknown as Parameters<typeof keepCosts>[1];
  const kernel = { label: 'a kernel', seconds: 0.25 } as unknown as Parameters<typeof keepCosts>[2][string];
  let work: Workspace;

  beforeEach(() => {
    work = makeWorkspace();
    set({ AMPC_CACHE: work.path('cache') });
  });

  afterEach(() => work.remove());

  const path = () => join(cacheFolder('costs')!, readdirSync(cacheFolder('costs')!)[0]!);

  it('grow, in a folder of this user alone', async () => {
    assert.equal(await cachedCosts(machine), undefined);
    await keepCosts(machine, rates, { one: kernel });
    await keepCosts(machine, rates, { two: kernel });
    const kept = await cachedCosts(machine);
    assert.deepEqual(Object.keys(kept!.kernels), ['one', 'two']);
    if (process.platform === 'win32') return;
    assert.deepEqual([statSync(cacheFolder('costs')!).mode & 0o777, statSync(path()).mode & 0o777], [0o700, 0o600]);
  });

  it('count for nothing when they are damaged or others can write to them, and are measured anew', async () => {
    const damages: readonly (() => void)[] = [
      () => truncateSync(path(), 0),
      () => truncateSync(path(), 100),
      () => writeFileSync(path(), readFileSync(path(), 'utf8').replace('0.25', '0.75')),
      ...(process.platform === 'win32' ? [] : [() => chmodSync(path(), 0o666)]),
    ];
    for (const damage of damages) {
      await keepCosts(machine, rates, { one: kernel });
      damage();
      assert.equal(await cachedCosts(machine), undefined);
      await keepCosts(machine, rates, { two: kernel });
      assert.deepEqual(Object.keys((await cachedCosts(machine))!.kernels), ['two']);
    }
  });

  it('are not kept where the home folder has no room for them, which is said', async () => {
    if (process.platform !== 'linux') return;
    set({ AMPC_CACHE: undefined, XDG_CACHE_HOME: undefined, HOME: work.file('home', '') });
    const notices: string[] = [];
    const table = await keepCosts(machine, rates, { one: kernel }, (text) => void notices.push(text));
    assert.deepEqual(Object.keys(table.kernels), ['one']);
    assert.match(notices.join('\n'), /what was measured is not kept/);
    set({ AMPC_CACHE: join(work.file('file', ''), 'cache') });
    await assert.rejects(keepCosts(machine, rates, { one: kernel }), /AMP6024/);
  });
});
