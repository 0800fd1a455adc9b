import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { processStart } from '../../src/files/process.js';
import { RunLock } from '../../src/training/run-lock.js';
import { skip } from '../support/skip.js';
import { inTemporaryFolder } from './support/fake.js';

const gone = spawnSync(process.execPath, ['--version']).pid;
const own = { pid: process.pid, host: hostname(), start: processStart(process.pid), since: '2001-02-03T04:05:06.789Z' };

/** Puts a lock of `owner` into `dir`. */
function lock(dir: string, owner: object): Promise<void> {
  return writeFile(join(dir, 'run-7.lock'), JSON.stringify(owner));
}

async function refuses(dir: string, why: RegExp, fix: RegExp): Promise<void> {
  const before = await readdir(dir);
  await assert.rejects(RunLock.take(dir), (error) => {
    assert.ok(error instanceof UserError, String(error));
    const [{ code, why: said, fix: advised } = assert.fail()] = error.diagnostics;
    assert.equal(code, 'AMP7207');
    assert.match(said ?? '', why);
    assert.match(advised ?? '', fix);
    return true;
  });
  assert.deepEqual(await readdir(dir), before);
}

async function takesOver(dir: string): Promise<void> {
  const taken = await RunLock.take(dir);
  const names = await readdir(dir);
  assert.equal(names.length, 1);
  assert.equal(JSON.parse(await readFile(join(dir, names[0]!), 'utf8')).pid, process.pid);
  await taken.release();
  assert.deepEqual(await readdir(dir), []);
}

describe('the lock of a run', () => {
  it('is refused while it is held, with its owner, and free afterwards', () =>
    inTemporaryFolder(async (dir) => {
      const taken = await RunLock.take(dir);
      await refuses(dir, new RegExp(`^process ${process.pid} writes to it, since \\d`), /run-1\.lock/);
      await taken.release();
      await takesOver(dir);
    }));

  it('of a process that is gone is taken over', () =>
    inTemporaryFolder(async (dir) => {
      await lock(dir, { ...own, pid: gone });
      await takesOver(dir);
    }));

  it('of a process whose id another one has got is taken over', function () {
    if (own.start === undefined) skip(this, 'the system does not tell when a process was started');
    return inTemporaryFolder(async (dir) => {
      await lock(dir, { ...own, start: `${own.start}0` });
      await takesOver(dir);
      await lock(dir, own);
      await refuses(dir, /since 2001-02-03T04:05:06\.789Z/, /wait for its end/);
    });
  });

  it('of another machine is never taken over', () =>
    inTemporaryFolder(async (dir) => {
      await lock(dir, { ...own, pid: gone, host: 'elsewhere' });
      await refuses(dir, /process \d+ on elsewhere/, /if nothing runs on elsewhere any more, remove .*run-7\.lock/);
    }));

  it('that is being written is held, and one that never was is over', () =>
    inTemporaryFolder(async (dir) => {
      await writeFile(join(dir, 'run-1.lock'), '');
      await refuses(dir, /another process writes to it/, /remove/);
      await utimes(join(dir, 'run-1.lock'), 1, 1);
      await takesOver(dir);
    }));

  it('is never held by two, whoever comes when', () =>
    inTemporaryFolder(async (dir) => {
      for (let round = 0; round < 20; round += 1) {
        if (round % 2 === 0) await lock(dir, { ...own, pid: gone });
        const takes = await Promise.allSettled(Array.from({ length: 12 }, () => RunLock.take(dir)));
        const held = takes.filter((take) => take.status === 'fulfilled');
        assert.ok(held.length <= 1, `${held.length} hold it`);
        for (const { value } of held) await value.release();
        for (const take of takes) if (take.status === 'rejected') assert.match(String(take.reason), /AMP7207/);
        await takesOver(dir);
      }
    }));
});
