import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { shellWord } from '../../src/diagnostics/shell-word.js';
import { skip } from '../support/skip.js';

describe('a name in a command to paste', () => {
  it('is as it was where it is plain', () => assert.equal(shellWord('runs/net-1_a.amp'), 'runs/net-1_a.amp'));

  it('is one word, the name, to a shell', function () {
    if (process.platform === 'win32') skip(this, 'no POSIX shell');
    for (const name of ['a b', 'a#b', '#a', "it's", '"', '$HOME', '`id`', '*', '~', 'a\\b', '', 'a;b', 'a\nb', 'ä'])
      assert.equal(execFileSync('sh', ['-c', `printf %s ${shellWord(name)}`], { encoding: 'utf8' }), name);
  });
});
