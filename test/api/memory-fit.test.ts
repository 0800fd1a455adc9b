import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { compile } from '../../src/choose/plan-file.js';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { explainPlan } from '../../src/index.js';
import type { DatasetSpec } from '../../src/ir/program.js';
import { refuseUnlessFits, usesHostMemory } from '../../src/memory/memory-fit.js';
import { besidePlan } from '../../src/memory/process-memory.js';
import { freeMemory } from '../../src/runtime/free-memory.js';
import { ampc } from '../support/cli.js';
import { environment } from '../support/environment.js';
import { makeWorkspace, TINY, type Workspace } from '../support/tiny.js';

const GIB = 2 ** 30;

describe('what is free', () => {
  const files = (texts: Readonly<Record<string, string>>) => (path: string) => texts[path];
  const meminfo = 'MemTotal:       67108864 kB\nMemFree:         1048576 kB\nMemAvailable:   16777216 kB\n';
  const free = (texts: Readonly<Record<string, string>>) => freeMemory({}, files({ '/proc/meminfo': meminfo, ...texts }));

  it('is what the system says is available', () => {
    assert.deepEqual(free({}), { bytes: 16 * GIB, limit: 'what the system says is available' });
  });

  it('is less in a control group of version 2, or one around it, whose pages of files are taken back', () => {
    const group = {
      '/proc/self/cgroup': '0::/outer/inner\n',
      '/sys/fs/cgroup/outer/inner/memory.max': 'max\n',
      '/sys/fs/cgroup/outer/inner/memory.current': '1073741824\n',
      '/sys/fs/cgroup/outer/memory.max': `${4 * GIB}\n`,
      '/sys/fs/cgroup/outer/memory.current': `${3 * GIB}\n`,
      '/sys/fs/cgroup/outer/memory.stat': `anon 5\ninactive_file ${GIB}\nactive_file 9\n`,
    };
    assert.deepEqual(free(group), { bytes: 2 * GIB, limit: 'the limit of its control group (container)' });
  });

  it('is less in one of version 1, also where the path is that of the host', () => {
    const group = {
      '/proc/self/cgroup': '5:cpu:/\n4:memory:/docker/0123\n0::/\n',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': `${2 * GIB}\n`,
      '/sys/fs/cgroup/memory/memory.usage_in_bytes': `${GIB}\n`,
      '/sys/fs/cgroup/memory/memory.stat': 'inactive_file 7\ntotal_inactive_file 24\n',
    };
    assert.equal(free(group)?.bytes, GIB + 24);
    assert.equal(free({ ...group, '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712' })?.bytes, 16 * GIB);
  });

  it('is less with ulimit -v or -d', () => {
    const limits = (name: string) => `Limit Soft Hard Units\n${name}         ${3 * GIB}           unlimited            bytes\n`;
    const status = 'VmSize:  1048576 kB\nVmData:  524288 kB\n';
    const withLimit = (name: string) => free({ '/proc/self/limits': limits(name), '/proc/self/status': status });
    assert.deepEqual(withLimit('Max address space'), { bytes: 2 * GIB, limit: 'ulimit -v' });
    assert.deepEqual(withLimit('Max data size    '), { bytes: 2.5 * GIB, limit: 'ulimit -d' });
  });

  it('is what AMPC_MEMORY says', () => {
    assert.equal(freeMemory({ AMPC_MEMORY: '3 GiB' })?.bytes, 3 * GIB);
    assert.equal(freeMemory({ AMPC_MEMORY: 'unlimited' }), undefined);
    assert.throws(() => freeMemory({ AMPC_MEMORY: 'much' }), /AMP6054/);
    assert.ok(freeMemory({})!.bytes > 0);
  });
});

describe('a plan that does not fit in memory', function () {
  this.timeout(120_000);
  const set = environment(['AMPC_MEMORY']);
  let work: Workspace;

  before(() => {
    work = makeWorkspace();
  });

  after(() => work.remove());

  const dataset: DatasetSpec = {
    name: 'cifar10',
    source: { kind: 'known', name: 'cifar10' },
    image: [32, 32, 3],
    mean: [0.5],
    std: [0.5],
    augment: [],
  };
  const withBatch = async (batch: number) => (await compile('examples/simple-cnn.amp', { backend: 'reference', batch })).plan;

  it('counts the states once more, and where nothing skips a step the largest of them too, which is looked through', async () => {
    const report = async (precision: 'fp16' | 'fp32') =>
      explainPlan(await compile('examples/simple-cnn.amp', { backend: 'reference', precision }));
    const [guarded, bare] = [await report('fp16'), await report('fp32')];
    assert.equal(guarded.processMemory.copy, guarded.stateBytes);
    const sizes = bare.plan.flatMap(({ lines }) => lines.filter(({ op, name }) => op === 'state' && /\.(weight|bias)$/.test(name)));
    const largest = Math.max(...sizes.map(({ shape }) => 4 * shape.reduce((product, size) => product * size, 1)));
    assert.equal(bare.processMemory.copy, bare.stateBytes + largest);
  });

  it('counts the threads that decode pictures, and none for pixels that are read as they are', async () => {
    const plan = await withBatch(4);
    const images = { train: 100, test: 20 };
    const own = { ...dataset, images };
    const pixels = 120 * 32 * 32 * 3;
    assert.equal(besidePlan(plan, { ...own, source: { kind: 'npz', path: 'x.npz' } }).data, pixels);
    const { data } = besidePlan(plan, { ...own, source: { kind: 'folder', path: 'x', channels: 3 } });
    assert.ok(data >= pixels + 2 ** 24, `${data} bytes`);
  });

  it('is refused with the largest batch that fits', async () => {
    const plan = await withBatch(512);
    const { memory, processMemory } = await explainPlan(await compile('examples/simple-cnn.amp', { backend: 'reference', batch: 512 }));
    const beside = processMemory.copy + processMemory.data;
    await refuseUnlessFits({ plan, use: 'training', dataset, withBatch }, { bytes: memory.total + beside, limit: 'a test' });
    const bytes = Math.round(memory.total / 2) + beside;
    await assert.rejects(
      refuseUnlessFits({ plan, use: 'training', dataset, withBatch }, { bytes, limit: 'a test' }),
      (error: UserError) => {
        assert.ok(error instanceof UserError);
        const [{ code, message, why, fix }] = error.diagnostics as [UserError['diagnostics'][number]];
        assert.equal(code, 'AMP6053');
        assert.match(message, /^training at batch 512 needs [\d.]+ MiB of memory, and [\d.]+ MiB is free$/);
        assert.match(why!, /the images 176\.\d MiB, .*a test sets the limit/);
        const batch = Number(/--batch (\d+) fits/.exec(fix!)![1]);
        assert.ok(batch > 128 && batch < 512, `${batch}`);
        fitting = batch;
        return true;
      },
    );
    const refit = async (batch: number) =>
      refuseUnlessFits({ plan: await withBatch(batch), use: 'training', dataset, withBatch }, { bytes, limit: 'a test' });
    await refit(fitting);
    await assert.rejects(refit(Math.ceil(fitting * 1.2)), /AMP6053/);
    await refuseUnlessFits({ plan, use: 'evaluation', dataset, withBatch }, { bytes, limit: 'a test' });
  });
  let fitting = 0;

  it('is refused before anything is compiled or written, unless the user insists', async () => {
    const file = work.file('tiny.amp', TINY.replace('cifar10', 'shapes'));
    const bench = () => ampc('bench', file, '--backend', 'reference', '--steps', '1', '--warmup', '0');
    set({ AMPC_MEMORY: '10 KiB' });
    const { code, stdout, stderr } = await ampc('train', file, '--backend', 'reference', '--out', work.path('run'));
    assert.deepEqual([code, stdout, existsSync(work.path('run'))], [1, '', false]);
    assert.equal((await bench()).code, 1);
    assert.match(
      stderr,
      /^error\[AMP6053\]: training at batch 8 needs .* and 10\.0 KiB is free\n = why: .*\n = fix: .*AMPC_MEMORY=unlimited/,
    );
    set({ AMPC_MEMORY: 'unlimited' });
    assert.equal((await bench()).code, 0);
  });

  it('of a GPU is no matter of this machine', () => {
    assert.equal(usesHostMemory({ name: 'webgpu', software: false }), false);
    assert.equal(usesHostMemory({ name: 'webgpu', software: true }), true);
    assert.equal(usesHostMemory({ name: 'tensorflow', software: false }), false);
    assert.equal(usesHostMemory({ name: 'cpu' }), true);
  });
});
