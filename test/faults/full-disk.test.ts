import assert from 'node:assert/strict';
import { linkSync, readdirSync, readFileSync } from 'node:fs';
import { fileLimit, startAmpc } from '../support/cli.js';
import { skip } from '../support/skip.js';
import { makeWorkspace, TINY, type Workspace } from '../support/tiny.js';

describe('a full disk', function () {
  this.timeout(120_000);
  let work: Workspace;

  before(function () {
    if (process.platform === 'win32') skip(this, 'a limit on the size of files stands for the full disk');
    work = makeWorkspace();
  });

  after(() => work?.remove());

  /** Over a megabyte, which is the limit. */
  const LONG = `${TINY}${`# ${'x'.repeat(98)}\n`.repeat(11_000)}`;

  /** Everything in the folder, to show that nothing in it changed. */
  const contents = () => readdirSync(work.dir).map((name) => [name, readFileSync(work.path(name), 'utf8')]);

  async function leavesAll(args: readonly string[], says: RegExp): Promise<void> {
    const before = contents();
    const { code, stdout, stderr } = await startAmpc(args, {}, { before: fileLimit(1) }).result;
    assert.equal(code, 1, stderr);
    assert.match(stdout + stderr, says);
    assert.doesNotMatch(stderr, /\n\s+at |report it/);
    assert.deepEqual(contents(), before);
  }

  it('leaves the file that fmt rewrites as it was', async () => {
    const file = work.file('long.amp', LONG.replace('avg_pool2d(8)', 'avg_pool2d( 8 )'));
    await leavesAll(['fmt', file], /AMP6104[\s\S]*long\.amp[\s\S]*allows no file of that size[\s\S]*as it was/);
  });

  it('and one that is overwritten in place', async () => {
    // It ends just below the limit, and what it grows by lies beyond.
    const dense = TINY.replaceAll(' |> ', '|>');
    const text = `${dense}# ${'x'.repeat(2 ** 20 - dense.length - 4)}\n`;
    const file = work.file('names.amp', text);
    linkSync(file, work.path('second-name.amp'));
    await leavesAll(['fmt', file], /AMP6104/);
  });

  it('leaves the spec that test --update rewrites as it was', async () => {
    const comment = `# ${'x'.repeat(98)}\n`.repeat(11_000);
    const spec = work.file('long.yaml', `${comment}stage: check\ninput: |\n  model\nexpect:\n  text: old\n`);
    await leavesAll(['test', '--update', spec], /AMP6104[\s\S]*long\.yaml/);
  });
});
