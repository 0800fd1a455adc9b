import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { ampc, startAmpc } from '../support/cli.js';
import { TINY, useTiny } from '../support/tiny.js';

describe('ampc train --watch', function () {
  this.timeout(240_000);
  const work = useTiny();

  it('trains anew when the file says something else, tells mistakes, and passes over comments', async () => {
    const watching = startAmpc(work.args('train', work.program, '--watch', '--epochs', '1'), {}, { cwd: work.dir });
    await watching.waitFor(/watching .*tiny\.amp: a change begins a new run, Ctrl-C ends/);
    work.file('tiny.amp', TINY.replace('as fc', 'as fc |> relux'));
    // A mistake and a comment begin no run: the next one is that of the change behind them.
    work.file('tiny.amp', `# a comment\n${TINY}`);
    work.file('tiny.amp', TINY.replace('compute fp16', 'compute bf16'));
    await watching.waitFor(/tiny\.amp has changed\n[\s\S]*f16[\s\S]*run: runs\/tiny-2[\s\S]*watching/);
    watching.kill('SIGINT');
    const { code, stdout } = await watching.result;
    assert.equal(code, 130);
    assert.match(stdout, /bf16 on reference[\s\S]*in runs\/tiny-2\n/);
    assert.deepEqual(readdirSync(work.path('runs')), ['tiny-1', 'tiny-2']);
  });

  it('saves the run that a change ends', async () => {
    work.file('tiny.amp', TINY);
    const watching = startAmpc(work.args('train', work.program, '--watch', '--epochs', '100000'), {}, { cwd: work.dir });
    await watching.waitFor(/run: runs\/tiny-3/);
    work.file('tiny.amp', TINY.replace('lr: 1e-3', 'lr: 1e-2'));
    await watching.waitFor(
      /interrupted after step \d+; continue with: ampc train .*--resume runs\/tiny-3[\s\S]*has changed\nthe plans are the same\n[\s\S]*run: runs\/tiny-4/,
    );
    watching.kill('SIGINT');
    assert.equal((await watching.result).code, 130);
  });

  it('tells a mistake while the run goes on', async () => {
    work.file('tiny.amp', TINY);
    const watching = startAmpc(work.args('train', work.program, '--watch', '--epochs', '100000'), {}, { cwd: work.dir });
    await watching.waitFor(/run: runs\/tiny-5/);
    work.file('tiny.amp', TINY.replace('as fc', 'as fc |> relux'));
    await watching.waitForError(/unknown .*`relux`/);
    watching.kill('SIGINT');
    const { code, stdout } = await watching.result;
    assert.equal(code, 130);
    assert.match(stdout, /interrupted after step \d+; continue with: .*tiny-5/);
  });

  it('says that its file is gone, and goes on when it is there again', async () => {
    work.file('tiny.amp', TINY);
    const watching = startAmpc(work.args('train', work.program, '--watch', '--epochs', '1'), {}, { cwd: work.dir });
    await watching.waitFor(/watching .*tiny\.amp/);
    rmSync(work.program);
    await watching.waitForError(/cannot read .*tiny\.amp \(.*\): looking for it until it is there again/);
    work.file('tiny.amp', TINY.replace('lr: 1e-3', 'lr: 1e-4'));
    await watching.waitFor(/tiny\.amp can be read again\n[\s\S]*has changed\n[\s\S]*run: runs\/tiny-7[\s\S]*watching/);
    watching.kill('SIGINT');
    assert.equal((await watching.result).code, 130);
  });

  it('goes with neither --out nor --resume', async () => {
    const { code, stderr } = await startAmpc(work.args('train', work.program, '--watch', '--out', 'x')).result;
    assert.equal(code, 2);
    assert.match(stderr, /option '--watch' cannot be used with option '--out <dir>'/);
  });
});

describe('ampc check --watch', function () {
  this.timeout(240_000);
  const work = useTiny();

  it('checks again what is changed, or what that uses, and counts all', async () => {
    const block = 'block Twice(x) { x |> relu |> relu }\n';
    work.file('blocks.amp', block);
    const user = work.file('user.amp', `use "./blocks.amp"\n${TINY}`);
    const watching = startAmpc(['check', work.program, user, '--watch', '--json'], {}, { cwd: work.dir });
    await watching.waitFor(/"event":"check","files":2,"errors":0/);
    await watching.waitForError(/watching: what is changed is checked again/);
    work.file('tiny.amp', TINY.replace('as fc', 'as fc |> relux'));
    await watching.waitForError(/tiny\.amp has changed[\s\S]*unknown .*`relux`[\s\S]*1 error.* in 2 files/);
    work.file('blocks.amp', block.replace('|> relu }', '|> tanhh }'));
    await watching.waitForError(/user\.amp has changed[\s\S]*unknown .*`tanhh`[\s\S]*2 errors.* in 2 files/);
    rmSync(user);
    await watching.waitForError(/user\.amp is gone[\s\S]*cannot read/);
    watching.kill('SIGINT');
    const { code, stdout } = await watching.result;
    assert.equal(code, 130);
    const findings = stdout.split('\n').filter((line) => line.includes('"event":"diagnostic"') && line.includes('relux'));
    assert.equal(findings.length, 1, 'of what has not changed nothing is said again');
  });

  it('looks at files alone', async () => {
    const { code, stderr } = await ampc('check', '-', '--watch');
    assert.equal(code, 2);
    assert.match(stderr, /--watch looks at files; - is standard input/);
  });
});
