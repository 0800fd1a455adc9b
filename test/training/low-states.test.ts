import { createBackend as createCpu } from '../../src/runtime/cpu/index.js';
import { createBackend as createReference } from '../../src/runtime/reference/index.js';
import { assertLowStates } from '../support/low-states.js';
import { skip } from '../support/skip.js';

describe('weights and optimizer state in low formats', function () {
  this.timeout(120_000);

  for (const [format, precision] of [
    ['f16', 'fp16'],
    ['bf16', 'bf16'],
  ] as const) {
    it(`are numbers of ${precision} on the reference`, () =>
      assertLowStates('reference', format, precision, (plan) => createReference().load(plan)));

    it(`train as on the reference on the cpu in ${precision}`, async function () {
      const { available, reason } = await createCpu().probe();
      if (!available) skip(this, reason ?? 'no cpu backend');
      await assertLowStates('cpu', format, precision, (plan) => createCpu().load(plan));
    });
  }
});
