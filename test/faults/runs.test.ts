import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { selectBackend } from '../../src/runtime/select.js';
import { ampc, fileLimit, startAmpc } from '../support/cli.js';
import { skip } from '../support/skip.js';
import { someEpochsMore, TINY, useTiny } from '../support/tiny.js';

describe('run folders', function () {
  this.timeout(240_000);
  const work = useTiny();
  const { args, program: file } = work;

  const weights = (run: string) => readFileSync(join(run, 'last.safetensors'));

  /** One clear error, and nothing in `dir` changed. */
  async function refuses(dir: string, says: RegExp, ...command: readonly string[]): Promise<void> {
    const before = existsSync(dir) ? readdirSync(dir).sort() : undefined;
    const { code, stderr } = await ampc(...command);
    assert.equal(code, 1, stderr);
    assert.match(stderr, says);
    assert.doesNotMatch(stderr, /\n\s+at |report it/);
    assert.deepEqual(existsSync(dir) ? readdirSync(dir).sort() : undefined, before);
  }

  it('three runs that start together without --out have three folders, with nothing compiled before', async () => {
    const cwd = work.path('together');
    mkdirSync(cwd);
    const backend = await selectBackend('cpu').then(
      () => 'cpu',
      () => 'reference',
    );
    const command = ['train', file, '--max-steps', '2', '--data', work.data, '--backend', backend, '--json'];
    const cache = join(cwd, 'cache');
    const runs = [0, 1, 2].map(() => startAmpc(command, { AMPC_CACHE: cache }, { cwd }).result);
    const folders = (await Promise.all(runs)).map(({ code, stdout, stderr }) => {
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout.split('\n')[0]!).run as string;
    });
    assert.deepEqual(
      folders.sort(),
      [1, 2, 3].map((number) => join('runs', `tiny-${number}`)),
    );
    for (const folder of folders) assert.ok(existsSync(join(cwd, folder, 'last.safetensors')));
  });

  it('a folder is made before anything is compiled, and is gone if nothing comes of it', async () => {
    await refuses(
      work.path('a'),
      /data set cifar10 is not in/,
      ...args('train', file, '--out', work.path('a/b/c')).slice(0, -1),
      work.path('none'),
    );
    mkdirSync(work.path('empty'));
    await refuses(
      work.path('empty'),
      /neither safetensors nor a state dict/,
      ...args('train', file, '--out', work.path('empty'), '--init', file),
    );
  });

  it('a second --resume is refused while the first goes on, and a killed one is in nobody’s way', async () => {
    const run = work.path('held');
    const first = startAmpc(args('train', file, '--out', run, '--json', '--epochs', '100000', '--log-every', '1'));
    await first.waitFor(/"step":3,/);
    await refuses(
      work.path('none'),
      new RegExp(`AMP7207[\\s\\S]*process ${first.pid} writes to it`),
      ...args('train', file, '--resume', run),
    );
    await refuses(work.path('none'), /AMP7204|AMP7207/, ...args('train', file, '--out', run));
    assert.equal((await ampc('doctor', run)).stderr, '', 'reading needs no lock');
    first.kill('SIGKILL');
    await first.result;
    const { code, stderr } = await ampc(...args('train', file, '--resume', run, '--epochs', someEpochsMore(run)));
    assert.equal(code, 0, stderr);
    assert.deepEqual(
      readdirSync(run).filter((name) => /lock|tmp/.test(name)),
      [],
    );
  });

  it('a start that was killed before its first checkpoint counts as empty', async () => {
    const { pid } = spawnSync(process.execPath, ['--version']);
    const run = work.path('killed');
    await ampc(...args('train', file, '--out', run, '--max-steps', '1'));
    for (const name of ['checkpoint', 'last', 'best'])
      renameSync(join(run, `${name}.safetensors`), join(run, `${name}.safetensors.${pid}.0a1b2c3d.tmp`));
    writeFileSync(join(run, 'metrics.jsonl'), '');
    writeFileSync(join(run, 'run-1.lock'), JSON.stringify({ pid, host: hostname() }));
    await refuses(run.concat('-'), /AMP7203[\s\S]*start the run without --resume/, ...args('train', file, '--resume', run));
    const other = work.file('other.amp', TINY);
    assert.equal((await ampc(...args('train', other, '--out', run, '--max-steps', '1'))).code, 0);
    const names = [
      'best.safetensors',
      'checkpoint.safetensors',
      'config.json',
      'last.safetensors',
      'metrics.jsonl',
      'other.amp',
      'plan.txt',
    ];
    assert.deepEqual(readdirSync(run).sort(), names);
  });

  it('without --out such a start leaves its number to the next, and --resume finds the last run that began', async () => {
    const cwd = work.path('numbers');
    mkdirSync(join(cwd, 'runs', 'tiny-2'), { recursive: true });
    const run = async (...rest: readonly string[]) => {
      const { code, stdout, stderr } = await startAmpc(args('train', file, '--max-steps', '1', '--json', ...rest), {}, { cwd }).result;
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout.split('\n')[0]!).run as string;
    };
    assert.equal(await run(), join('runs', 'tiny-2'));
    mkdirSync(join(cwd, 'runs', 'tiny-3'));
    assert.equal(await run('--resume'), join('runs', 'tiny-2'));
  });

  it('a folder of somebody else’s files is refused', async () => {
    const dir = work.path('photos');
    mkdirSync(dir);
    writeFileSync(join(dir, 'cat.png'), '');
    await refuses(dir, /AMP7208[\s\S]*cat\.png/, ...args('train', file, '--out', dir));
    writeFileSync(join(dir, 'config.json'), '{"name":"somebody else’s"}');
    rmSync(join(dir, 'cat.png'));
    await refuses(dir, /AMP7208[\s\S]*config\.json/, ...args('train', file, '--out', dir));
    writeFileSync(join(dir, 'net.amp'), TINY);
    writeFileSync(join(dir, 'other.amp'), TINY);
    const here = await startAmpc(args('train', 'net.amp', '--out', '.'), {}, { cwd: dir }).result;
    assert.deepEqual([here.code, /AMP7208/.test(here.stderr)], [1, true], here.stderr);
    assert.deepEqual(readdirSync(dir).sort(), ['config.json', 'net.amp', 'other.amp']);
  });

  for (const name of ['net.txt', 'net.AMP', 'plan.txt']) {
    it(`a run of ${name} can be evaluated and goes on`, async () => {
      const dir = work.path(`as-${name}`);
      mkdirSync(dir);
      const source = work.file(`as-${name}/${name}`, TINY);
      const run = join(dir, 'run');
      assert.equal((await ampc(...args('train', source, '--out', run, '--max-steps', '3'))).code, 0);
      assert.equal((await ampc(...args('eval', run))).code, 0);
      // Another name for the same model changes nothing of the run.
      const resumed = await ampc(...args('train', file, '--resume', run, '--epochs', '3'));
      assert.equal(resumed.code, 0, resumed.stderr);
      assert.equal((await ampc(...args('eval', run))).code, 0);
      assert.match(readFileSync(join(run, 'plan.txt'), 'utf8'), /^plan @/);
    });
  }

  it('so can one whose file came through a pipe', async function () {
    if (!existsSync('/dev/stdin')) skip(this, 'there is no /dev/stdin');
    const run = work.path('piped');
    const piped = (...rest: readonly string[]) => startAmpc(args('train', '/dev/stdin', ...rest), {}, { piped: file }).result;
    assert.equal((await piped('--out', run, '--max-steps', '3')).code, 0);
    assert.equal((await ampc(...args('eval', run))).code, 0);
    const resumed = await piped('--resume', run);
    assert.equal(resumed.code, 0, resumed.stderr);
  });

  it('a disk that is full at the first checkpoint leaves no folder', async () => {
    const wide = work.file('wide.amp', TINY.replace('linear(10) as fc', 'linear(500) |> relu |> linear(10) as fc'));
    const run = work.path('full');
    const { code, stderr } = await startAmpc(args('train', wide, '--out', run), {}, { before: fileLimit(1 / 16) }).result;
    assert.equal(code, 1, stderr);
    assert.match(stderr, /AMP7209[\s\S]*checkpoint\.safetensors[\s\S]*start again/);
    assert.equal(existsSync(run), false);
  });

  it('one that fills up later ends the run with one message, and the run goes on to the same bits', async () => {
    const rest = ['--epochs', '80', '--log-every', '1'];
    const [whole, run] = [work.path('whole'), work.path('filled')];
    assert.equal((await ampc(...args('train', file, '--out', whole, ...rest))).code, 0);
    const { code, stderr } = await startAmpc(args('train', file, '--out', run, ...rest), {}, { before: fileLimit(1 / 16) }).result;
    assert.equal(code, 1, stderr);
    assert.match(stderr, /AMP7209[\s\S]*metrics\.jsonl[\s\S]*--resume/);
    const resumed = await ampc(...args('train', file, '--resume', run));
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.deepEqual(weights(run), weights(whole));
  });
});
