import { createBackend } from '../../src/runtime/reference/index.js';
import { assertGroups } from '../support/groups.js';

describe('groups of parameters', () => {
  it('are updated each by its own rule and rate', () => assertGroups((plan) => createBackend().load(plan)));
});
