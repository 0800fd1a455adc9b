import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { replaceFile, replaceFileWith, writeAll } from '../../src/files/replace-file.js';
import { removeTemporaries, temporaryBeside } from '../../src/files/temporary.js';
import { whyPrivilegesStay } from '../support/privileges.js';
import { skip } from '../support/skip.js';
import { makeWorkspace, type Workspace } from '../support/tiny.js';

const isPosix = process.platform !== 'win32';
const NOBODY = 65534;

/** Runs `body` as a user whom permissions hold back. */
async function unprivileged(body: () => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0) return body();
  process.seteuid!(NOBODY);
  try {
    await body();
  } finally {
    process.seteuid!(0);
  }
}

describe('replacing a file', () => {
  let work: Workspace;

  before(function () {
    const reason = whyPrivilegesStay();
    if (reason !== undefined) skip(this, reason);
  });

  beforeEach(() => {
    work = makeWorkspace();
    chmodSync(work.dir, 0o777);
  });

  afterEach(() => {
    chmodSync(work.dir, 0o777);
    work.remove();
  });

  const text = (name: string) => readFileSync(work.path(name), 'utf8');
  const names = () => readdirSync(work.dir).sort();

  it('leaves nothing else behind, whether it succeeds or not', async () => {
    mkdirSync(work.path('taken'));
    await assert.rejects(replaceFile(work.path('taken'), 'new'), { code: 'EISDIR' });
    await assert.rejects(replaceFile(work.path('none/x'), 'new'), { code: 'ENOENT' });
    await replaceFile(work.path('file'), 'abc');
    const failed = replaceFileWith(work.path('file'), async (file) => {
      await writeAll(file, Buffer.from('half'));
      throw new Error('cut off');
    });
    await assert.rejects(failed, /cut off/);
    assert.equal(text('file'), 'abc');
    assert.deepEqual(names(), ['file', 'taken']);
  });

  it('takes long names', async () => {
    const name = 'n'.repeat(250);
    await replaceFile(work.path(name), 'x');
    await replaceFile(work.path(name), 'y');
    assert.deepEqual([names(), text(name)], [[name], 'y']);
  });

  it('keeps permissions and owner', async function () {
    if (!isPosix) skip(this, 'this system has no such permissions');
    work.file('file', 'old');
    chmodSync(work.path('file'), 0o751);
    const { uid, gid, ino } = statSync(work.path('file'));
    await replaceFile(work.path('file'), 'new');
    const after = statSync(work.path('file'));
    assert.deepEqual([after.mode & 0o7777, after.uid, after.gid, text('file')], [0o751, uid, gid, 'new']);
    assert.notEqual(after.ino, ino, 'it is another file, put there whole');
  });

  it('follows links, also one to a file that is not there yet', async function () {
    if (!isPosix) skip(this, 'links need rights there');
    mkdirSync(work.path('far'));
    mkdirSync(work.path('far/deep'));
    work.file('far/target', 'old');
    symlinkSync(work.path('far/deep'), work.path('near'));
    symlinkSync('../target', work.path('far/deep/link'));
    await replaceFile(work.path('near/link'), 'new');
    assert.deepEqual([readlinkSync(work.path('near/link')), text('far/target')], ['../target', 'new']);
    symlinkSync('../later', work.path('far/deep/dangling'));
    await replaceFile(work.path('near/dangling'), 'there');
    assert.deepEqual([readlinkSync(work.path('near/dangling')), text('far/later')], ['../later', 'there']);
    symlinkSync('circle', work.path('circle'));
    await assert.rejects(replaceFile(work.path('circle'), 'x'), { code: 'ELOOP' });
  });

  it('keeps the other names of a file', async () => {
    work.file('a', 'a longer text');
    linkSync(work.path('a'), work.path('b'));
    await replaceFile(work.path('a'), 'new');
    assert.deepEqual([text('a'), text('b')], ['new', 'new']);
    await replaceFile(work.path('b'), 'newer and longer than before');
    assert.equal(text('a'), 'newer and longer than before');
  });

  it('overwrites in place where the folder takes no file, and refuses a file that is not writable', async function () {
    if (!isPosix) skip(this, 'this system has no such permissions');
    work.file('open', 'old');
    work.file('closed', 'old');
    chmodSync(work.path('open'), 0o666);
    chmodSync(work.path('closed'), 0o444);
    chmodSync(work.dir, 0o555);
    await unprivileged(async () => {
      await replaceFile(work.path('open'), 'new text');
      await assert.rejects(replaceFile(work.path('closed'), 'new'), { code: 'EACCES' });
      await assert.rejects(replaceFile(work.path('more'), 'new'), { code: 'EACCES' });
    });
    assert.deepEqual([text('open'), text('closed'), names()], ['new text', 'old', ['closed', 'open']]);
  });

  it('refuses a read-only file though its folder would let it be replaced', async function () {
    if (!isPosix) skip(this, 'this system has no such permissions');
    work.file('closed', 'old');
    chmodSync(work.path('closed'), 0o444);
    await unprivileged(async () => {
      await assert.rejects(replaceFile(work.path('closed'), 'new'), { code: 'EACCES' });
    });
    assert.equal(text('closed'), 'old');
  });

  it('writes to a device', async function () {
    if (!existsSync('/dev/full')) skip(this, 'there is no /dev/full');
    await replaceFile('/dev/null', 'x');
    await assert.rejects(replaceFile('/dev/full', 'x'), { code: 'ENOSPC' });
  });

  it('removes what a killed process left, and nothing of a living one', async () => {
    const { pid } = spawnSync(process.execPath, ['--version']);
    const dead = temporaryBeside(work.path('file')).replace(`.${process.pid}.`, `.${pid}.`);
    const young = temporaryBeside(work.path('file')).replace(`.${process.pid}.`, `.${pid}.`);
    const living = temporaryBeside(work.path('file'));
    const other = work.path('notes.1.tmp');
    for (const path of [dead, living, young, other]) {
      writeFileSync(path, '');
      if (path !== young) utimesSync(path, 1, 1);
    }
    await replaceFile(work.path('file'), 'x');
    assert.deepEqual(
      [dead, living, young, other].map((path) => existsSync(path)),
      [false, true, true, true],
    );
    await removeTemporaries(work.dir, { all: true });
    assert.deepEqual(names(), ['file', 'notes.1.tmp']);
  });
});
