import assert from 'node:assert/strict';
import { BACKEND_NAMES } from '../../src/plan/target.js';
import { BACKENDS } from '../../src/runtime/backends.js';

describe('the table of backends', () => {
  it('names those that have a workspace to ask for', async () => {
    for (const name of BACKEND_NAMES) {
      const { open, hasWorkspace = false } = BACKENDS[name];
      assert.equal(hasWorkspace, (await open()).workspace !== undefined, name);
    }
  });
});
