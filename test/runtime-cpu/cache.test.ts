import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { targetFor } from '../../src/codegen/c/target.js';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { cacheFolder } from '../../src/files/cache-folder.js';
import { buildLibrary } from '../../src/runtime/cpu/cache.js';
import { type Compiler, findCompiler } from '../../src/runtime/cpu/compiler.js';
import { environment } from '../support/environment.js';
import { skip } from '../support/skip.js';
import { makeWorkspace, type Workspace } from '../support/tiny.js';

const NOBODY = 65_534;

describe('the kernel cache', function () {
  this.timeout(120_000);
  const set = environment(['AMPC_CACHE', 'AMPC_CC_JOBS', 'HOME', 'XDG_CACHE_HOME']);
  const target = targetFor('plain', 'x64');
  const source = (n: number) => `int answer(void) { return ${n}; }\n`;
  const build = (n: number, flags: readonly string[] = []) => buildLibrary(source(n), compiler, target, flags);
  let compiler: Compiler;
  let work: Workspace;
  let folder: string;

  before(async () => {
    compiler = await findCompiler();
  });

  beforeEach(() => {
    work = makeWorkspace();
    set({ AMPC_CACHE: work.path('cache') });
    folder = cacheFolder('kernels')!;
  });

  afterEach(() => work.remove());

  it('compiles once, in a folder that only the user can read', async () => {
    const first = await build(1);
    const again = await build(1);
    assert.deepEqual([first.compiled, again.compiled], [true, false]);
    assert.equal(first.path, again.path);
    assert.equal(dirname(first.path), folder);
    if (process.platform !== 'win32') assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.deepEqual(readdirSync(folder), [basename(first.path)]);
  });

  it('tells apart sources, flags and compilers', async () => {
    const other = await buildLibrary(source(1), { ...compiler, version: 'another' }, target);
    const paths = [await build(1), await build(2), await build(1, ['-DX']), other].map(({ path }) => path);
    assert.equal(new Set(paths).size, 4);
  });

  it('is a folder of its own in the one that AMPC_CACHE names, which stays as it is', async function () {
    if (process.platform === 'win32') skip(this, 'it is about permissions of POSIX');
    mkdirSync(work.path('cache'));
    chmodSync(work.path('cache'), 0o1777);
    writeFileSync(work.path('cache/other'), '');
    await build(1);
    assert.equal(statSync(work.path('cache')).mode & 0o7777, 0o1777);
    assert.deepEqual(readdirSync(work.path('cache')).sort(), ['ampc-kernels', 'other']);
    chmodSync(folder, 0o777);
    await build(1);
    assert.equal(statSync(folder).mode & 0o777, 0o700, 'its own folder is tightened');
  });

  /** What may have become of a library in the cache. */
  const DAMAGE: Readonly<Record<string, (path: string, other: string) => void>> = {
    'cut to nothing': (path) => truncateSync(path, 0),
    'cut to 5,000 bytes': (path) => truncateSync(path, 5000),
    'with three flipped bits': (path) => {
      const bytes = readFileSync(path);
      for (const at of [100, bytes.length >> 1, bytes.length - 100]) bytes[at]! ^= 4;
      writeFileSync(path, bytes);
    },
    'replaced by another of the cache': (path, other) => copyFileSync(other, path),
    'replaced by a link': (path, other) => {
      renameSync(path, join(dirname(other), 'elsewhere'));
      symlinkSync('elsewhere', path);
    },
    'replaced by a folder': (path) => {
      rmSync(path);
      mkdirSync(path);
    },
    'writable for everybody': (path) => chmodSync(path, 0o777),
    "another user's": (path) => chownSync(path, NOBODY, NOBODY),
  };

  for (const [what, damage] of Object.entries(DAMAGE)) {
    it(`builds a library again that is ${what}`, async function () {
      if (process.platform === 'win32') skip(this, 'it is about files of POSIX');
      if (what.startsWith('another') && process.getuid?.() !== 0) skip(this, 'only root can give files away');
      const other = await build(2);
      const { path } = await build(1);
      damage(path, other.path);
      assert.deepEqual(await build(1), { path, compiled: true });
      assert.deepEqual(await build(1), { path, compiled: false });
    });
  }

  it('takes a library under the name of another for damaged', async () => {
    const [one, two] = [await build(1), await build(2)];
    const key = basename(one.path).slice(0, 40);
    rmSync(one.path);
    const posing = join(folder, `${key}${basename(two.path).slice(40)}`);
    copyFileSync(two.path, posing);
    assert.deepEqual(await build(1), { path: one.path, compiled: true });
    assert.ok(!existsSync(posing));
  });

  it('refuses folders that others can change, and says how to go on', async function () {
    if (process.platform === 'win32' || process.getuid?.() !== 0) skip(this, 'only root can give folders away');
    mkdirSync(folder, { recursive: true });
    chownSync(folder, NOBODY, NOBODY);
    const refused = (message: RegExp, fix: RegExp) => (error: Error) => {
      assert.ok(error instanceof UserError);
      const [{ code, message: says, fix: advice }] = error.diagnostics as [UserError['diagnostics'][number]];
      assert.equal(code, 'AMP6023');
      assert.match(says, message);
      assert.match(advice!, fix);
      return true;
    };
    await assert.rejects(build(1), refused(/belongs to another user/, /AMPC_CACHE/));
    rmSync(folder, { recursive: true });
    chmodSync(work.path('cache'), 0o777);
    await assert.rejects(build(1), refused(/can be replaced by other users/, /chmod o-w/));
  });

  it('has large sources compiled in parts by as many compilers as AMPC_CC_JOBS says, or as a whole by one', async () => {
    const shown = (name: string) => `__attribute__((visibility("default"))) int ${name}(void) { return 1; }`;
    const parts = [0, 1, 2, 3].map((part) => `#if AMPC_PART == ${part}\n${shown(`part${part}`)}\n#endif`);
    const text = `/*${' '.repeat(100_000)}*/\n#ifdef AMPC_PART\n${parts.join('\n')}\n#else\n${shown('whole')}\n#endif\n`;
    for (const [jobs, functions] of [
      ['1', ['whole']],
      ['3', ['part0', 'part1', 'part2', 'part3']],
      [undefined, ['part0', 'part1', 'part2', 'part3']],
    ] as const) {
      set({ AMPC_CC_JOBS: jobs });
      await buildLibrary(text, compiler, target, [`-DJOBS=${jobs}`], { functions });
    }
    set({ AMPC_CC_JOBS: '0' });
    await assert.rejects(buildLibrary(text, compiler, target), /AMP6052: AMPC_CC_JOBS is 0/);
  });

  it('serves builds of the same plan at the same time, in this process and others', async () => {
    const cache = new URL('../../src/runtime/cpu/cache.ts', import.meta.url).href;
    const script =
      `import(${JSON.stringify(cache)}).then((m) => m.buildLibrary(${JSON.stringify(source(7))}, ` +
      `${JSON.stringify(compiler)}, ${JSON.stringify(target)}))`;
    const child = () => promisify(execFile)(process.execPath, ['--import=tsx', '--input-type=module', '-e', script]);
    await Promise.all([child(), child(), build(7), build(7)]);
    assert.equal(readdirSync(folder).length, 1);
  });

  it('removes what killed compilations left, and only that', async () => {
    const kept = await build(1);
    const host = /^build-(.*)-\d+-\w{6}$/;
    const gone = spawnSync(process.execPath, ['-e', '']).pid;
    // The name of this machine as builds have it.
    const { withBuildFolder } = await import('../../src/runtime/builds.js');
    const name = await withBuildFolder(folder, async (path) => host.exec(basename(path))![1]!);
    const left = [`build-${name}-${gone}-abcdef`, `${'0'.repeat(40)}.${gone}.0123456789ab.c`];
    const living = [`build-${name}-${process.ppid}-abcdef`, `build-another.machine-${gone}-abcdef`];
    mkdirSync(join(folder, left[0]!));
    writeFileSync(join(folder, left[0]!, 'kernels.c'), '');
    writeFileSync(join(folder, left[1]!), '');
    for (const path of living) mkdirSync(join(folder, path));
    const added = await build(2);
    assert.deepEqual(readdirSync(folder).sort(), [basename(kept.path), basename(added.path), ...living].sort());
  });

  it('says so when the folder cannot be used', async () => {
    set({ AMPC_CACHE: join(work.file('file', ''), 'kernels') });
    await assert.rejects(build(1), /AMP6024: the cache .* cannot be used/);
    assert.ok(existsSync(work.path('file')));
  });

  it('is done without where nobody named it and the home folder has no room for it', async () => {
    const notices: string[] = [];
    set({ AMPC_CACHE: undefined, XDG_CACHE_HOME: undefined, HOME: work.file('home', '') });
    const onNotice = (text: string) => notices.push(text);
    const { path, compiled } = await buildLibrary(source(3), compiler, target, [], { onNotice });
    assert.ok(compiled && existsSync(path));
    if (process.platform === 'linux')
      assert.match(notices.join('\n'), /home.*cannot be used: .*compiled kernels are not kept \(AMPC_CACHE/);
  });
});
