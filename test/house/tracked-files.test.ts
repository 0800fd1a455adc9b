import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

describe('tracked files', () => {
  it('are files: a link to a folder of packages would replace that folder where it is checked out', () => {
    const links = execFileSync('git', ['ls-files', '--stage'], { cwd: ROOT, encoding: 'utf8' })
      .split('\n')
      .filter((line) => line.startsWith('120000'));
    assert.deepEqual(links, []);
  });
});
