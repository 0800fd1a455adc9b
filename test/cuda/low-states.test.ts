import { assertLowStates } from '../support/low-states.js';
import { emulate, needCompiler } from './emulated.js';

describe('weights and the state of optimizers in low formats, on cuda', function () {
  this.timeout(600_000);

  before(async function () {
    await needCompiler(this);
  });

  it('are stored as they are in f16, within a unit of the reference', () =>
    assertLowStates('cuda', 'f16', 'fp16', (plan) => emulate(plan)));
});
