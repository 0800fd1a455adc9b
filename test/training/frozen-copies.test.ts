import type { PrecisionName } from '../../src/numeric/formats.js';
import { createBackend as createCpu } from '../../src/runtime/cpu/index.js';
import { createBackend as createReference } from '../../src/runtime/reference/index.js';
import { assertCopies } from '../support/frozen.js';
import { skip } from '../support/skip.js';

describe('frozen weights', function () {
  this.timeout(120_000);

  for (const precision of ['bf16', 'fp16'] as const satisfies readonly PrecisionName[]) {
    it(`are cast when they are written, and give the same bits on the reference in ${precision}`, () =>
      assertCopies('reference', precision, (plan) => createReference().load(plan)));

    it(`are cast when they are written, and give the same bits on the cpu in ${precision}`, async function () {
      const { available, reason } = await createCpu().probe();
      if (!available) skip(this, reason ?? 'no cpu backend');
      await assertCopies('cpu', precision, (plan) => createCpu().load(plan));
    });
  }
});
