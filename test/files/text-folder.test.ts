import assert from 'node:assert/strict';
import { textFolder } from '../../src/files/text-folder.js';

describe('the folder that paths in a text are taken from', () => {
  it('is that of its file, and the working folder where it comes through a pipe', () => {
    assert.deepEqual(
      ['nets/a.amp', 'a.amp', '/home/x/a.amp', '/dev/stdin', '/dev/fd/63', '/proc/self/fd/0', '/proc/12/fd/3'].map(textFolder),
      ['nets', '.', '/home/x', '.', '.', '.', '.'],
    );
  });
});
