import { SAMPLED_OPS } from '../ops/cases.js';
import { needAdapter } from './adapter.js';
import { CONTRACTIONS, casesFor, checkCases } from './cases.js';

describe('generated WGSL against the reference', () => {
  before(async function () {
    this.timeout(60_000);
    await needAdapter(this);
  });

  for (const dtype of ['f32', 'f16'] as const) {
    it(`computes every op in ${dtype}`, async function () {
      this.timeout(300_000);
      await checkCases(casesFor(SAMPLED_OPS, dtype, 1));
    });

    it(`computes contractions in ${dtype} with tiles in workgroup memory`, async function () {
      this.timeout(300_000);
      await checkCases([...casesFor(CONTRACTIONS, dtype, 2), ...casesFor(CONTRACTIONS, dtype, 50)], { contractions: 'tiles' });
    });

    it(`computes contractions in ${dtype} where invocations share nothing`, async function () {
      this.timeout(300_000);
      await checkCases(casesFor(CONTRACTIONS, dtype, 2), { broadcast: undefined });
    });
  }
});
