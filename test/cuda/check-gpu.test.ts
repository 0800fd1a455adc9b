import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { layOut, piecesOf } from '../../scripts/bundle-gpu.js';
import { reportOf } from '../../scripts/gpu/report.js';
import { parseSettings } from '../../scripts/gpu/settings.js';
import { findProgram } from '../../src/runtime/program.js';
import { skip } from '../support/skip.js';
import { needCompiler } from './emulated.js';
import { makeFake } from './fake.js';

describe('scripts/check-gpu.mjs', function () {
  this.timeout(600_000);

  it('runs out of its bundle, with no node on the PATH, on a driver that stands for that of NVIDIA', async function () {
    await needCompiler(this);
    if (!existsSync('dist/cli/main.js')) skip(this, 'dist is not built');
    if (process.platform !== 'linux') skip(this, 'the bundle is for Linux');
    const folder = await mkdtemp(join(tmpdir(), 'ampc-bundled-'));
    const fake = await makeFake();
    try {
      layOut(folder);
      // As a bare machine has them: a shell and, for what stands for nvcc, a compiler of C++. No node.
      const path = join(folder, 'path');
      mkdirSync(path);
      for (const name of ['sh', 'g++', 'as', 'ld']) symlinkSync(findProgram(name)!, join(path, name));
      const out = join(folder, 'results');
      const args = [join(folder, 'ampc/scripts/check-gpu.mjs'), '--quick', '--only', 'timings,training', '--out', out];
      const { stdout } = await promisify(execFile)(join(folder, 'bin/node'), args, {
        cwd: folder,
        env: {
          ...fake.env,
          PATH: path,
          TMPDIR: tmpdir(),
          AMPC_CACHE: join(folder, 'cache'),
          AMPC_BENCH_PYTHON: '/no/such/python',
        },
        maxBuffer: 2 ** 24,
      });
      const lines = readFileSync(join(out, 'results.jsonl'), 'utf8').trim().split('\n');
      const rows = lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
      const time = rows.find(({ kind }) => kind === 'time');
      assert.ok(time !== undefined, stdout);
      assert.deepEqual([time.work, time.side, time.count], ['SimpleCNN, 2', 'ampc cuda', 2]);
      const missing = rows.filter(({ kind }) => kind === 'missing').map(({ what }) => what);
      assert.ok(missing.includes('PyTorch'), stdout);
      const report = readFileSync(join(out, 'report.md'), 'utf8');
      assert.match(report, /\| SimpleCNN, 64: at most 0\.5 of PyTorch CUDA graphs \| - \| not measured \|/);
      assert.ok(stdout.includes(report));
    } finally {
      await Promise.all([fake.remove(), rm(folder, { recursive: true, force: true })]);
    }
  });

  it('holds what was found against the goals', () => {
    const time = (work: string, side: string, median: number) => ({ kind: 'time' as const, work, side, median, min: median, count: 5 });
    const run = (seconds: number) => ({
      kind: 'training' as const,
      what: 'airbench94',
      side: 'ampc cuda',
      seconds,
      accuracy: 0.941,
      counts: true,
    });
    const report = reportOf(
      [
        time('SimpleCNN, 64', 'ampc cuda', 0.04),
        time('SimpleCNN, 64', 'PyTorch CUDA graphs', 0.1),
        time('SimpleCNN, 64', 'PyTorch eager', 0.3),
        run(2.4),
        run(2.6),
        { kind: 'missing', what: 'ampc webgpu', why: 'there is\nno adapter' },
      ],
      'of a test',
    );
    assert.match(report, /at most 0\.5 of PyTorch CUDA graphs \| 0\.400 \| met \|/);
    assert.match(report, /at most 0\.1 of PyTorch eager \| 0\.133 \| NOT MET \|/);
    assert.match(report, /ResNet-18, 128: .* \| - \| not measured \|/);
    assert.match(report, /CIFAR-10 to 94\.00 % under 2\.6 s \| 94\.10 % in 2\.50 s, mean of 2 \| met \|/);
    assert.match(report, /\| ampc webgpu \| there is no adapter \|/);
  });

  it('is carried with the data in pieces that each fit', () => {
    const file = (name: string, bytes: number) => ({ name, bytes });
    assert.deepEqual(piecesOf([file('names', 1), file('a', 30), file('b', 30), file('c', 30), file('d', 90), file('e', 5)], 65), [
      ['names', 'a', 'b'],
      ['c'],
      ['d'],
      ['e'],
    ]);
  });

  it('says what is wrong with its arguments', () => {
    assert.throws(() => parseSettings(['--only', 'games']), /--only: games is none of timings, training, tests/);
    assert.throws(() => parseSettings(['--minutes', '-3']), /minutes/);
    assert.throws(() => parseSettings(['--torch-device', 'tpu']), /--torch-device: tpu is neither cuda nor cpu/);
    assert.equal(parseSettings(['--help']), undefined);
    assert.equal(parseSettings(['--quick', '--software'])!.minutes, 14);
  });
});
