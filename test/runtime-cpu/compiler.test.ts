import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { targetFor } from '../../src/codegen/c/target.js';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { cacheFolder } from '../../src/runtime/cache-folder.js';
import { buildLibrary } from '../../src/runtime/cpu/cache.js';
import { findCompiler } from '../../src/runtime/cpu/compiler.js';
import { detectTarget } from '../../src/runtime/cpu/detect.js';
import { createBackend } from '../../src/runtime/cpu/index.js';

const VARIABLES = ['AMPC_CC', 'CC', 'PATH', 'AMPC_CACHE', 'AMPC_ISA'] as const;

/** Sets or (with undefined) clears environment variables until the test ends. */
function environment(): (values: Partial<Record<(typeof VARIABLES)[number], string | undefined>>) => void {
  let before: Record<string, string | undefined> = {};
  const put = (name: string, value: string | undefined) => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  beforeEach(() => {
    before = Object.fromEntries(VARIABLES.map((name) => [name, process.env[name]]));
  });
  afterEach(() => {
    for (const name of VARIABLES) put(name, before[name]);
  });
  return (values) => {
    for (const [name, value] of Object.entries(values)) put(name, value);
  };
}

describe('finding a C compiler', () => {
  const set = environment();

  it('takes AMPC_CC before CC before the PATH', async () => {
    set({ AMPC_CC: undefined, CC: undefined });
    const found = await findCompiler();
    assert.equal(found.origin, 'PATH');
    const path = found.command[0];
    set({ CC: path });
    assert.equal((await findCompiler()).origin, 'CC');
    set({ AMPC_CC: `${path} -pipe` });
    const chosen = await findCompiler();
    assert.equal(chosen.origin, 'AMPC_CC');
    assert.deepEqual(chosen.command, [path, '-pipe']);
  });

  it('does not fall back from a compiler that was named', async () => {
    set({ AMPC_CC: '/no/such/compiler' });
    await assert.rejects(
      findCompiler(),
      (error: UserError) => error instanceof UserError && /AMPC_CC names does not run/.test(error.message),
    );
  });

  it('says both ways to get one when there is none', async () => {
    set({ AMPC_CC: undefined, CC: undefined, PATH: '' });
    const info = await createBackend().probe();
    assert.equal(info.available, false);
    assert.match(info.reason!, /npm install @zigc\/cli@0\.16/);
    assert.match(info.reason!, /gcc|xcode-select|LLVM/);
  });

  it('names the processor and its instruction set', async () => {
    set({ AMPC_ISA: 'plain' });
    const info = await createBackend().probe();
    assert.match(info.device!, /cores?, baseline instructions\)$/);
    assert.equal(info.details?.['instruction set'], 'plain');
    set({ AMPC_ISA: 'sse9' });
    assert.match((await createBackend().probe()).reason!, /AMPC_ISA is sse9/);
  });
});

describe('the kernel cache', () => {
  const set = environment();
  const target = targetFor('plain', 'x64');
  const source = (n: number) => `int answer(void) { return ${n}; }\n`;
  let folder: string;

  beforeEach(() => {
    folder = join(mkdtempSync(join(tmpdir(), 'ampc-cache-')), 'kernels');
    set({ AMPC_CACHE: folder });
  });

  afterEach(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

  it('compiles once, in a folder that only the user can read', async () => {
    const compiler = await findCompiler();
    const first = await buildLibrary(source(1), compiler, target);
    const again = await buildLibrary(source(1), compiler, target);
    assert.equal(cacheFolder(), folder);
    assert.deepEqual([first.compiled, again.compiled], [true, false]);
    assert.equal(first.path, again.path);
    if (process.platform !== 'win32') assert.equal(statSync(folder).mode & 0o777, 0o700);
  });

  it('tells apart sources, flags and compilers', async () => {
    const compiler = await findCompiler();
    const paths = [
      await buildLibrary(source(1), compiler, target),
      await buildLibrary(source(2), compiler, target),
      await buildLibrary(source(1), compiler, target, ['-DX']),
      await buildLibrary(source(1), { ...compiler, version: 'another' }, target),
    ].map(({ path }) => path);
    assert.equal(new Set(paths).size, 4);
  });

  it('tightens a folder that others could write to', async () => {
    if (process.platform === 'win32') return;
    const compiler = await findCompiler();
    await buildLibrary(source(1), compiler, target);
    chmodSync(folder, 0o777);
    await buildLibrary(source(1), compiler, target);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
  });

  it('serves builds of the same plan at the same time, in this process and others', async function () {
    this.timeout(60_000);
    const compiler = await findCompiler();
    const cache = new URL('../../src/runtime/cpu/cache.ts', import.meta.url).href;
    const script = `import(${JSON.stringify(cache)}).then((m) => m.buildLibrary(${JSON.stringify(source(7))}, ${JSON.stringify(compiler)}, ${JSON.stringify(target)}))`;
    const child = () => promisify(execFile)(process.execPath, ['--import=tsx', '--input-type=module', '-e', script]);
    await Promise.all([child(), child(), buildLibrary(source(7), compiler, target), buildLibrary(source(7), compiler, target)]);
    assert.equal(readdirSync(folder).length, 1);
  });

  it('keeps the source that a compiler refuses and says where', async () => {
    const compiler = await findCompiler();
    await assert.rejects(buildLibrary('int answer(void) { return nothing; }\n', compiler, target), (error: UserError) => {
      assert.ok(error instanceof UserError);
      const [{ message, why, fix }] = error.diagnostics as [UserError['diagnostics'][number]];
      assert.match(message, /refused the generated code: .*error/);
      const path = /kept in (.*)$/.exec(why!)![1]!;
      assert.match(readFileSync(path, 'utf8'), /nothing/);
      assert.match(fix!, /bug in ampc/);
      return true;
    });
    assert.ok(readdirSync(folder).every((name) => name.endsWith('.c')));
  });

  it('says so when the folder cannot be used', async () => {
    const file = join(folder, '..', 'file');
    writeFileSync(file, '');
    set({ AMPC_CACHE: join(file, 'kernels') });
    await assert.rejects(
      findCompiler().then((compiler) => buildLibrary(source(1), compiler, target)),
      /cannot be used/,
    );
    assert.ok(existsSync(file));
  });

  it('asks the compiler for the instruction set only once', async () => {
    const compiler = await findCompiler();
    set({ AMPC_ISA: undefined });
    assert.equal(await detectTarget(compiler), await detectTarget(compiler));
  });
});
