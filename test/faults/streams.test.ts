import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isUnderNohup } from '../../src/cli/hangup.js';
import { ampc, startAmpc } from '../support/cli.js';
import { mainScript } from '../support/main-script.js';
import { skip } from '../support/skip.js';
import { someEpochsMore, useTiny } from '../support/tiny.js';

/** Runs a command in a terminal, closes that once the output holds a text, and prints how the command ended. */
const CLOSE_TERMINAL = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0: os.execvp(sys.argv[2], sys.argv[2:])
seen = b''
while sys.argv[1].encode() not in seen: seen += os.read(terminal, 4096)
os.close(terminal)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

describe('streams and signals', function () {
  this.timeout(240_000);
  const work = useTiny();
  const { args, program: file } = work;

  const lastEvent = (run: string) => JSON.parse(readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n').at(-1)!);
  const long = (run: string) => args('train', file, '--out', run, '--json', '--log-every', '1', '--epochs', '100000');

  /** The run was saved, and can go on. */
  async function goesOn(run: string): Promise<void> {
    const { code, stderr } = await ampc(...args('train', file, '--resume', run, '--epochs', someEpochsMore(run)));
    assert.equal(code, 0, stderr);
  }

  it('a reader that goes away does not end training', async () => {
    const run = work.path('unread');
    const child = startAmpc(args('train', file, '--out', run, '--json', '--log-every', '1', '--epochs', '30'));
    await child.waitFor(/"step":2,/);
    child.stopReading();
    assert.equal((await child.result).code, 0);
    assert.deepEqual([lastEvent(run).event, lastEvent(run).steps], ['done', 300]);
  });

  it('nor is a file lost that calibrate writes', async () => {
    const out = work.path('calibration.json');
    const child = startAmpc(args('calibrate', file, '--steps', '1', '--out', out));
    child.stopReading();
    assert.equal((await child.result).code, 0);
    assert.equal(JSON.parse(readFileSync(out, 'utf8')).model, 'Tiny');
  });

  it('output that cannot be written is said, with exit code 1, and files are written all the same', async function () {
    if (!existsSync('/dev/full')) skip(this, 'there is no /dev/full');
    const full = { before: 'exec > /dev/full' };
    const plan = await startAmpc(['plan', file, '--dump', '--backend', 'reference'], {}, full).result;
    assert.equal(plan.code, 1);
    assert.match(plan.stderr, /^error\[AMP6105\]: cannot write to stdout\n.*the disk is full/);
    assert.doesNotMatch(plan.stderr, /\n\s+at |AMP6105[\s\S]*AMP6105/);
    const run = work.path('unsaid');
    const trained = await startAmpc(args('train', file, '--out', run, '--json', '--log-every', '1'), {}, full).result;
    assert.deepEqual([trained.code, lastEvent(run).event], [1, 'done'], trained.stderr);
    const bad = await startAmpc(['plan', work.path('none.amp')], {}, { before: 'exec 2> /dev/full' }).result;
    assert.equal(bad.code, 1);
  });

  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    it(`${signal} saves and exits ${code}, however often it comes`, async function () {
      if (process.platform === 'win32') skip(this, 'there are no such signals');
      const run = work.path(signal);
      const child = startAmpc(long(run));
      await child.waitFor(/"step":3,/);
      child.kill(signal);
      child.kill(signal);
      const ended = await child.result;
      assert.equal(ended.code, code, ended.stderr);
      assert.match(ended.stderr, /finishing the step and saving[\s\S]*--resume/);
      assert.ok(existsSync(join(run, 'last.safetensors')));
      await goesOn(run);
    });
  }

  it('under nohup SIGHUP changes nothing', async function () {
    if (spawnSync('bash', ['-c', 'nohup true']).status !== 0) skip(this, 'there is no bash with nohup');
    const child = startAmpc(long(work.path('nohup')), {}, { nohup: true });
    await child.waitFor(/"step":3,/);
    child.kill('SIGHUP');
    await child.waitFor(/"step":400,/);
    child.kill('SIGTERM');
    assert.equal((await child.result).code, 143);
    assert.deepEqual([isUnderNohup({ _: '/usr/bin/nohup' }), isUnderNohup({ _: '/usr/bin/node' })], [true, false]);
  });

  it('a terminal that is closed saves the run', async function () {
    if (spawnSync('python3', ['-c', 'import os, pty; os.waitstatus_to_exitcode']).status !== 0)
      skip(this, 'there is no Python 3.9, which opens the terminal');
    const run = work.path('terminal');
    const main = mainScript();
    const command = [process.execPath, ...main.args, ...args('train', file, '--out', run, '--epochs', '100000')];
    const { stdout, stderr } = spawnSync('python3', ['-c', CLOSE_TERMINAL, 'accuracy', ...command], {
      encoding: 'utf8',
      env: { ...process.env, ...main.env },
    });
    // By the signal itself, which shells call 129.
    assert.equal(stdout.trim(), '-1', stderr);
    assert.ok(existsSync(join(run, 'last.safetensors')));
    await goesOn(run);
  });
});
