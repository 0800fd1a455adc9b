import assert from 'node:assert/strict';
import { chmodSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { targetFor } from '../../src/codegen/c/target.js';
import { type Diagnostic, UserError } from '../../src/diagnostics/diagnostic.js';
import { cacheFolder } from '../../src/files/cache-folder.js';
import { isProcessAlive } from '../../src/files/process.js';
import { buildLibrary } from '../../src/runtime/cpu/cache.js';
import { type Compiler, findCompiler } from '../../src/runtime/cpu/compiler.js';
import { startAmpc } from '../support/cli.js';
import { environment } from '../support/environment.js';
import { skip } from '../support/skip.js';
import { makeWorkspace, TINY, type Workspace } from '../support/tiny.js';

/** Its images are drawn, not read. */
const TINY_SHAPES = TINY.replace('cifar10', 'shapes');

const SOURCE = 'int answer(void) { return 42; }\n';

/** Waits, however busy the machine is. */
async function until(what: () => boolean): Promise<void> {
  while (!what()) await sleep(20);
}

describe('a C compiler that fails', function () {
  this.timeout(120_000);
  const set = environment(['AMPC_CACHE', 'AMPC_CC', 'AMPC_CC_TIMEOUT', 'AMPC_CFLAGS']);
  const target = targetFor('plain', 'x64');
  let real: Compiler;
  let work: Workspace;

  before(async function () {
    if (process.platform === 'win32') skip(this, 'the compilers of this test are shell scripts');
    real = await findCompiler();
  });

  beforeEach(() => {
    work = makeWorkspace();
    set({ AMPC_CACHE: work.path('cache') });
  });

  afterEach(() => work?.remove());

  /** A program that does what a real compiler does where it is only asked something, and `body` where it is to make a library ("$out"). */
  function script(body: string): string {
    const path = work.file(
      'cc.sh',
      `#!/bin/sh
real="${real.command.join(' ')}"
out=; previous=
for word in "$@"; do
  [ "$previous" = -o ] && out=$word
  previous=$word
done
[ -n "$out" ] || exec $real "$@"
${body}
`,
    );
    return path;
  }

  const compilerOf = (body: string): Compiler => ({ ...real, command: ['/bin/sh', script(body)] });

  async function failure(body: string, functions: readonly string[] = []): Promise<Diagnostic> {
    try {
      await buildLibrary(SOURCE, compilerOf(body), target, [], { functions });
    } catch (error) {
      assert.ok(error instanceof UserError, String(error));
      return error.diagnostics[0]!;
    }
    assert.fail('it was built');
  }

  it('for want of processes is no compiler that is missing, also when it is only asked its version', async () => {
    const path = work.file('no-processes.sh', '#!/bin/sh\necho "sh: 1: Cannot fork" >&2\nexit 2\n');
    chmodSync(path, 0o755);
    set({ AMPC_CC: path });
    await assert.rejects(findCompiler(), (error: UserError) => {
      const [{ code, message, why, fix }] = error.diagnostics as [Diagnostic];
      assert.deepEqual([code, message], ['AMP6029', 'the C compiler could not work: the system has no process to spare']);
      assert.match(`${why}; ${fix}`, /no-processes\.sh --version: sh: 1: Cannot fork; allow more processes/);
      return true;
    });
  });

  /** What ended it, the code, what is said of it, and what the user can do. */
  const CASES: readonly (readonly [what: string, body: string, code: string, says: RegExp, fix: RegExp])[] = [
    ['is killed', 'kill -KILL $$', 'AMP6027', /killed.*memory ran out/, /memory/],
    [
      'says that its own part was killed',
      'echo "cc: fatal error: Killed signal terminated program cc1" >&2; exit 1',
      'AMP6027',
      /killed/,
      /memory/,
    ],
    ['crashes', 'kill -SEGV $$', 'AMP6055', /crashed: ended by SIGSEGV/, /AMPC_CC/],
    [
      'has an error of its own',
      'echo "x.c:1: internal compiler error: in foo" >&2; exit 4',
      'AMP6055',
      /internal compiler error/,
      /AMPC_CC/,
    ],
    [
      'finds no room',
      'echo "/tmp/x.s: Fatal error: No space left on device" >&2; exit 1',
      'AMP6029',
      /the disk is full.*it writes to/,
      /make room|AMPC_CACHE/,
    ],
    ['finds a read-only disk', 'echo "ld: x: Read-only file system" >&2; exit 1', 'AMP6029', /read-only/, /AMPC_CACHE/],
    ['finds no memory', 'echo "cc1: out of memory allocating 65536 bytes" >&2; exit 1', 'AMP6029', /memory is short/, /memory/],
    [
      'cannot start a process',
      'echo "cc: fatal error: fork: Resource temporarily unavailable" >&2; exit 1',
      'AMP6029',
      /no process/,
      /ulimit -u/,
    ],
    ['writes nothing', 'exit 0', 'AMP6051', /no library that can be loaded.*the file is empty/, /AMPC_CC/],
    ['writes garbage', 'echo garbage > "$out"', 'AMP6051', /no library/, /AMPC_CC/],
    [
      'writes half a library',
      '$real "$@" && head -c 5000 "$out" > "$out.half" && mv "$out.half" "$out"',
      'AMP6051',
      process.platform === 'linux' ? /ends after 5000 bytes/ : /no library/,
      /AMPC_CC/,
    ],
  ];

  for (const [what, body, code, says, fix] of CASES) {
    it(`because it ${what} is no bug in ampc, and leaves nothing behind`, async () => {
      const found = await failure(body);
      assert.equal(found.code, code, JSON.stringify(found));
      assert.match(`${found.message}; ${found.why}`, says);
      assert.match(found.fix!, fix);
      assert.doesNotMatch(JSON.stringify(found), /bug in ampc/);
      assert.deepEqual(readdirSync(cacheFolder('kernels')!), []);
      const { compiled } = await buildLibrary(SOURCE, real, target);
      assert.ok(compiled, 'the cache is fine');
    });
  }

  it('because a library lacks a function is said before it has its name', async () => {
    const found = await failure('exec $real "$@"', ['ampc_create']);
    assert.equal(found.code, 'AMP6051');
    assert.match(found.why!, /ampc_create/);
    assert.deepEqual(readdirSync(cacheFolder('kernels')!), []);
  });

  it('for the source alone is a bug in ampc, or of the flags that the user adds: the source is kept', async () => {
    const refused = async (flags: string | undefined): Promise<Diagnostic> => {
      set({ AMPC_CFLAGS: flags });
      const error = await buildLibrary('int answer(void) { return nothing; }\n', real, target).catch((thrown: UserError) => thrown);
      return (error as UserError).diagnostics[0]!;
    };
    const { code, message, why, fix } = await refused(undefined);
    assert.equal(code, 'AMP6025');
    assert.match(message, /refused the generated code: .*error/);
    assert.match(readFileSync(/kept in (.*)$/.exec(why!)![1]!, 'utf8'), /nothing/);
    assert.match(fix!, /bug in ampc/);
    assert.match((await refused('-g')).fix!, /^AMPC_CFLAGS has it told -g: unset it/);
    assert.ok(readdirSync(cacheFolder('kernels')!).every((name) => name.endsWith('.c')));
  });

  it('to end is killed with all that it started', async () => {
    set({ AMPC_CC_TIMEOUT: '1' });
    const found = await failure(`sleep 1000 & echo $! > ${work.path('child')}; wait`);
    assert.equal(found.code, 'AMP6026');
    assert.match(found.message, /within 1 seconds/);
    assert.match(found.fix!, /AMPC_CC_TIMEOUT=SECONDS/);
    assert.deepEqual(readdirSync(cacheFolder('kernels')!), []);
    // On a busy machine the script was killed before it came to its first line.
    const child = existsSync(work.path('child')) ? Number(readFileSync(work.path('child'), 'utf8')) : 0;
    if (child > 0) await until(() => !isProcessAlive(child));
    set({ AMPC_CC_TIMEOUT: 'soon' });
    assert.equal((await failure('exit 0')).code, 'AMP6052');
  });

  it('to end is killed when the build is aborted', async () => {
    const controller = new AbortController();
    const building = buildLibrary(SOURCE, compilerOf(`echo $$ > ${work.path('child')}; sleep 1000`), target, [], {
      signal: controller.signal,
    });
    await until(() => existsSync(work.path('child')) && readFileSync(work.path('child'), 'utf8') !== '');
    controller.abort();
    await assert.rejects(building, /abort/);
    await until(() => !isProcessAlive(Number(readFileSync(work.path('child'), 'utf8'))));
    assert.deepEqual(readdirSync(cacheFolder('kernels')!), []);
  });

  it('to say what it is, or what the processor can do, has the same limit', async () => {
    const hangs = (what: string) =>
      `/bin/sh ${work.file('asked.sh', `#!/bin/sh\ncase "$*" in *${what}*) sleep 1000 ;; *) echo cc 1 ;; esac\n`)}`;
    for (const what of ['--version', '-dM']) {
      const env = { AMPC_CC: hangs(what), AMPC_CC_TIMEOUT: '1' };
      const { code, stderr } = await startAmpc(
        ['train', work.file('tiny.amp', TINY_SHAPES), '--backend', 'cpu', '--out', work.path('run')],
        env,
      ).result;
      assert.equal(code, 1, stderr);
      assert.match(stderr, /did not end within 1 seconds/);
      assert.ok(!existsSync(work.path('run')));
    }
  });

  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    it(`ends at once when ampc gets ${signal} while it asks for the version`, async () => {
      const pid = work.path('pid');
      const cc = work.file('asked.sh', `#!/bin/sh\necho $$ > ${pid}\nsleep 1000\n`);
      const command = ['train', work.file('tiny.amp', TINY_SHAPES), '--backend', 'cpu', '--out', work.path('run')];
      const train = startAmpc(command, { AMPC_CC: `/bin/sh ${cc}` });
      await until(() => existsSync(pid) && readFileSync(pid, 'utf8').endsWith('\n'));
      train.kill(signal);
      const result = await train.result;
      assert.equal(result.code, code, result.stderr);
      assert.match(result.stderr, /interrupted/);
      assert.ok(!existsSync(work.path('run')));
      await until(() => !isProcessAlive(Number(readFileSync(pid, 'utf8'))));
    });
  }

  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGKILL', -1],
  ] as const) {
    it(`does not outlive ampc that gets ${signal} while it compiles`, async () => {
      const pids = work.path('pids');
      const cc = script(`sleep 1000 & echo $$ $! >> ${pids}; wait`);
      const env = { AMPC_CC: `/bin/sh ${cc}`, AMPC_CACHE: work.path('cache') };
      const train = startAmpc(['train', work.file('tiny.amp', TINY_SHAPES), '--backend', 'cpu', '--out', work.path('run')], env);
      await until(() => existsSync(pids) && readFileSync(pids, 'utf8').endsWith('\n'));
      train.kill(signal);
      const result = await train.result;
      assert.equal(result.code, code, result.stderr);
      assert.doesNotMatch(result.stderr, /bug in ampc|\n\s+at /);
      const started = readFileSync(pids, 'utf8').trim().split(/\s+/).map(Number);
      assert.ok(started.length >= 2);
      await until(() => started.every((pid) => !isProcessAlive(pid)));
      const kernels = work.path('cache/ampc-kernels');
      if (signal === 'SIGKILL') {
        assert.match(readdirSync(kernels).join(), /^build-/);
        await buildLibrary(SOURCE, real, target);
      }
      assert.ok(readdirSync(kernels).every((name) => !name.startsWith('build-')));
    });
  }
});
