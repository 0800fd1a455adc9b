import assert from 'node:assert/strict';
import { chmodSync, cpSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ampc, type CliResult } from '../support/cli.js';
import { environment } from '../support/environment.js';
import { whyPrivilegesStay, withoutPrivileges } from '../support/privileges.js';
import { skip } from '../support/skip.js';
import { makeWorkspace, TINY, type Workspace, writeTinyCifar } from '../support/tiny.js';

/** What may be wrong with a path: makes it so and returns the path to give, with the words in which ampc says it. */
interface Condition {
  readonly words: RegExp;
  readonly make: (path: string) => string;
  readonly unprivileged?: boolean;
}

const CONDITIONS = {
  missing: { words: /no such file|not there|no such folder|none of its files/, make: (path) => path },
  'a folder': {
    words: /it is a folder|is not a |none of its files/,
    make: (path) => {
      mkdirSync(path);
      return path;
    },
  },
  'below a file': {
    words: /not a folder/,
    make: (path) => {
      writeFileSync(path, '');
      return join(path, basename(path));
    },
  },
  'a link to itself': {
    words: /links lead in a circle|is a file or a link/,
    make: (path) => {
      symlinkSync(basename(path), path);
      return path;
    },
  },
  'a link to nothing': {
    words: /no such file|not there|no such folder|none of its files/,
    make: (path) => {
      symlinkSync('nothing', path);
      return path;
    },
  },
  'a name that is too long': { words: /name is longer/, make: (path) => join(dirname(path), `${'x'.repeat(300)}${basename(path)}`) },
  'a file that may not be read': {
    words: /permission denied/,
    unprivileged: true,
    make: (path) => {
      writeFileSync(path, '', { mode: 0 });
      return path;
    },
  },
  'in a folder that may not be entered': {
    words: /permission denied/,
    unprivileged: true,
    make: (path) => {
      mkdirSync(path, { mode: 0 });
      return join(path, basename(path));
    },
  },
} as const satisfies Readonly<Record<string, Condition>>;

type ConditionName = keyof typeof CONDITIONS;

const NAMES = Object.keys(CONDITIONS) as readonly ConditionName[];

/** The ways in which a file that is to be written can be refused. */
const WRITTEN: readonly ConditionName[] = ['a folder', 'below a file', 'a link to itself', 'a name that is too long'];

/** A folder: one that is there is no fault. */
const FOLDER = NAMES.filter((name) => name !== 'a folder' && name !== 'a file that may not be read');

/** `test` tells of its specs on stdout. */
function assertDiagnosed({ code, stdout, stderr: errors }: CliResult, path: string, words: RegExp): void {
  const stderr = stdout.startsWith('FAIL') ? stdout + errors : errors;
  assert.equal(code, 1, stdout + stderr);
  assert.equal(stderr.match(/error\[AMP\d{4}\]/g)?.length, 1, stderr);
  assert.ok(stderr.includes(path.slice(0, 40)) || stderr.includes(basename(path).slice(0, 40)), `${path} is not named:\n${stderr}`);
  assert.match(stderr, words);
  assert.match(stderr, /= fix: /);
  assert.doesNotMatch(stderr, /\n\s+at |bug in ampc|\bE[A-Z]{4,}\b|syscall/);
}

describe('an error of the system', function () {
  this.timeout(120_000);
  let work: Workspace;
  let file: string;
  let data: string;
  let run: string;
  let place: string;
  let count = 0;
  const on = ['--backend', 'reference'];
  const training = (...args: readonly string[]) => ['train', file, ...on, '--max-steps', '2', ...args];

  before(async function () {
    if (process.platform === 'win32') skip(this, 'it is about files of POSIX');
    const reason = whyPrivilegesStay();
    if (reason !== undefined) skip(this, reason);
    work = makeWorkspace();
    chmodSync(work.dir, 0o755);
    file = work.file('tiny.amp', TINY);
    data = work.path('data');
    writeTinyCifar(data);
    run = work.path('run');
    const { code, stderr } = await ampc(...training('--data', data, '--out', run));
    assert.equal(code, 0, stderr);
  });

  after(() => work?.remove());

  beforeEach(() => {
    count += 1;
    place = work.path(`case-${count}`);
    mkdirSync(place);
    chmodSync(place, 0o777);
  });

  function diagnose(name: ConditionName, target: string, args: (path: string) => readonly string[]): Promise<void> {
    const { words, make, ...rest }: Condition = CONDITIONS[name];
    const path = make(target);
    const result = () => ampc(...args(path));
    return (rest.unprivileged === true ? withoutPrivileges(result) : result()).then((found) => assertDiagnosed(found, path, words));
  }

  /** Files that a command is given, by what they are. */
  const GIVEN: Readonly<
    Record<string, { readonly name: string; readonly at?: readonly ConditionName[]; readonly args: (path: string) => readonly string[] }>
  > = {
    'a program that is checked': { name: 'net.amp', args: (path) => ['check', path] },
    'a program that is planned': { name: 'net.amp', args: (path) => ['plan', path, ...on] },
    'a program that is formatted': { name: 'net.amp', args: (path) => ['fmt', path] },
    'a program that is trained': { name: 'net.amp', args: (path) => ['train', path, ...on] },
    'a saved plan': { name: 'plan.txt', args: (path) => ['plan', '--diff', file, path, ...on] },
    'a calibration': { name: 'calibration.json', args: (path) => ['plan', file, ...on, '--calibration', path] },
    'a table of costs': { name: 'costs.json', args: (path) => ['plan', file, ...on, '--policy', 'fastest', '--costs', path] },
    'a spec': { name: 'net.yaml', at: NAMES.filter((name) => name !== 'a folder'), args: (path) => ['test', path] },
    'weights to evaluate': { name: 'w.safetensors', args: (path) => ['eval', file, ...on, '--weights', path, '--data', data] },
    'weights to start from': {
      name: 'w.safetensors',
      args: (path) => training('--data', data, '--init', path, '--out', join(place, 'new')),
    },
    'a picture': { name: 'cat.png', args: (path) => ['predict', run, path, '--data', data] },
    'a run to evaluate': { name: 'run', at: FOLDER, args: (path) => ['eval', path, '--data', data] },
    'a run to look at': { name: 'run', at: FOLDER, args: (path) => ['doctor', path] },
    'a run to go on with': { name: 'run', at: FOLDER, args: (path) => training('--data', data, '--resume', path) },
    'a folder of data': { name: 'data', at: FOLDER, args: (path) => ['data', 'verify', 'cifar10', '--data', path] },
    'a folder of data to train on': { name: 'data', at: FOLDER, args: (path) => training('--data', path, '--out', join(place, 'new')) },
    'a calibration to write': {
      name: 'c.json',
      at: WRITTEN,
      args: (path) => ['calibrate', file, ...on, '--steps', '1', '--data', data, '--out', path],
    },
    'a run to write': {
      name: 'new',
      at: ['below a file', 'a link to itself', 'a name that is too long', 'in a folder that may not be entered'],
      args: (path) => training('--data', data, '--out', path),
    },
  };

  for (const [what, { name, at = NAMES, args }] of Object.entries(GIVEN)) {
    it(`at ${what} is one diagnostic with path, words and fix`, async () => {
      for (const condition of at) {
        const folder = join(place, condition.replaceAll(' ', '-'));
        mkdirSync(folder);
        await diagnose(condition, join(folder, name), args).catch((error: Error) => {
          throw new assert.AssertionError({ message: `${condition}: ${error.message}` });
        });
      }
    });
  }

  /** Files that a command finds by itself, in a folder that is given. */
  const FOUND: Readonly<Record<string, { readonly of: 'run' | 'data'; readonly args: (path: string) => readonly string[] }>> = {
    'config.json': { of: 'run', args: (path) => ['eval', path, '--data', data] },
    'tiny.amp': { of: 'run', args: (path) => ['eval', path, '--data', data] },
    'last.safetensors': { of: 'run', args: (path) => ['eval', path, '--data', data] },
    'checkpoint.safetensors': { of: 'run', args: (path) => training('--data', data, '--resume', path) },
    'metrics.jsonl': { of: 'run', args: (path) => ['doctor', path] },
    'plan.txt': { of: 'run', args: (path) => ['doctor', path] },
    'cifar-10-batches-bin/test_batch.bin': { of: 'data', args: (path) => ['data', 'verify', 'cifar10', '--data', path] },
    'cifar-10-batches-bin/batches.meta.txt': { of: 'data', args: (path) => ['data', 'verify', 'cifar10', '--data', path] },
  };

  for (const [name, { of, args }] of Object.entries(FOUND)) {
    it(`at ${name} of a ${of === 'run' ? 'run' : 'data folder'} is one diagnostic with path, words and fix`, async () => {
      for (const condition of ['a folder', 'a link to itself', 'a file that may not be read'] as const) {
        const copy = join(place, condition.replaceAll(' ', '-'));
        cpSync(of === 'run' ? run : data, copy, { recursive: true });
        rmSync(join(copy, name));
        await diagnose(condition, join(copy, name), () => args(copy)).catch((error: Error) => {
          throw new assert.AssertionError({ message: `${condition}: ${error.message}` });
        });
      }
    });
  }

  it('while a resumed run reads its metrics leaves them as they are', async () => {
    const copy = join(place, 'run');
    cpSync(run, copy, { recursive: true });
    renameSync(join(copy, 'metrics.jsonl'), join(copy, 'kept'));
    symlinkSync('metrics.jsonl', join(copy, 'metrics.jsonl'));
    const resumed = await ampc('train', file, ...on, '--data', data, '--resume', copy, '--max-steps', '3');
    assertDiagnosed(resumed, join(copy, 'metrics.jsonl'), /links lead in a circle/);
  });

  it('at a full disk names the file that was to be written', async function () {
    if (!existsSync('/dev/full')) skip(this, 'there is no /dev/full here');
    const found = await ampc('calibrate', file, ...on, '--steps', '1', '--data', data, '--out', '/dev/full');
    assertDiagnosed(found, '/dev/full', /the disk is full/);
  });
});

describe('a home folder that cannot be used', function () {
  this.timeout(120_000);
  const set = environment(['HOME', 'XDG_CACHE_HOME', 'AMPC_CACHE', 'AMPC_DATA']);
  let work: Workspace;

  before(function () {
    if (process.platform !== 'linux') skip(this, 'where caches are differs');
    const reason = whyPrivilegesStay();
    if (reason !== undefined) skip(this, reason);
    work = makeWorkspace();
    chmodSync(work.dir, 0o755);
    mkdirSync(work.path('locked'), { mode: 0 });
  });

  after(() => work?.remove());

  for (const [what, home] of [
    ['of another user', 'locked/home'],
    ['that is no absolute path', ''],
    ['that is a file', 'tiny.amp'],
  ] as const) {
    it(`(${what}) is no matter to check, plan and a data set that needs none, and is said by what needs it`, async () => {
      const file = work.file('tiny.amp', TINY.replace('cifar10', 'shapes'));
      set({ HOME: home === '' ? '' : work.path(home), XDG_CACHE_HOME: undefined, AMPC_CACHE: undefined, AMPC_DATA: undefined });
      await withoutPrivileges(async () => {
        for (const args of [
          ['check', file],
          ['plan', file, '--backend', 'cpu'],
          ['plan', file, '--backend', 'reference'],
          ['data', 'verify', 'shapes'],
        ]) {
          const { code, stderr } = await ampc(...args);
          assert.deepEqual([code, stderr], [0, ''], args.join(' '));
        }
        const { code, stderr } = await ampc('data', 'verify', 'cifar10');
        assert.equal(code, 1);
        assert.match(stderr, /error\[AMP\d{4}\][\s\S]*= fix: .*(--data|check)/);
        assert.doesNotMatch(stderr, /\n\s+at |bug in ampc/);
      });
    });
  }
});
