import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { dataPath } from '../../src/datafiles/look-up.js';

describe('where the files of a data set lie', () => {
  const at = (path: string, data?: string) =>
    dataPath({ kind: 'folder', path, channels: 3 }, { path: 'nets/a.amp', ...(data !== undefined && { data: { path: data } }) });

  it('is from the folder of the text, or of the user with ~', () => {
    assert.deepEqual(
      ['photos', './~', '~photos', '/photos', '~', '~/photos'].map((path) => at(path)),
      ['nets/photos', 'nets/~', 'nets/~photos', '/photos', homedir(), join(homedir(), 'photos')],
    );
    assert.equal(at('~/photos', '/elsewhere'), '/elsewhere');
  });
});
