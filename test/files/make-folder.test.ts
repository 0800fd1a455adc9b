import assert from 'node:assert/strict';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { makeFolder } from '../../src/files/make-folder.js';
import { ampc } from '../support/cli.js';
import { makeWorkspace, TINY, type Workspace, writeTinyCifar } from '../support/tiny.js';

describe('makeFolder', () => {
  let work: Workspace;

  beforeEach(() => {
    work = makeWorkspace();
  });

  afterEach(() => work.remove());

  it('makes what is missing above a folder, and leaves what is there', async () => {
    const path = work.path('a/b/c');
    await makeFolder(path);
    assert.equal(statSync(path).isDirectory(), true);
    writeFileSync(work.path('a/b/c/kept'), '');
    await makeFolder(path);
    assert.equal(existsSync(work.path('a/b/c/kept')), true);
  });

  it('lets several make the same folder at once', async () => {
    const path = work.path('x/y/z');
    await Promise.all(Array.from({ length: 8 }, () => makeFolder(path)));
    assert.equal(statSync(path).isDirectory(), true);
  });

  it('says what is in the way', async () => {
    const file = work.file('file', '');
    await assert.rejects(makeFolder(file), /EEXIST/);
    await assert.rejects(makeFolder(work.path('file/folder')), /ENOTDIR/);
    await assert.rejects(makeFolder(''), /ENOENT/);
  });

  it('ends where Node’s recursive mkdir does not: a file system that answers ENOENT inside a folder that is there', async function () {
    if (process.platform !== 'linux') return void this.skip();
    await assert.rejects(makeFolder('/proc/ampc'), /ENOENT/);
    await assert.rejects(makeFolder('/proc/ampc/run'), /ENOENT/);
    writeTinyCifar(work.dir);
    const file = work.file('tiny.amp', TINY);
    const { code, stderr } = await ampc(
      'train',
      file,
      '--backend',
      'reference',
      '--data',
      work.dir,
      '--max-steps',
      '1',
      '--out',
      '/proc/run',
    );
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^error\[AMP7206\]: cannot use \/proc\/run as a run folder\n = why: no folder can be made there\n = fix: name another/,
    );
  });
});
