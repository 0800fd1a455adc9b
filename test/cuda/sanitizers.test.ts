import assert from 'node:assert/strict';
import { compileProgram } from '../../src/compile.js';
import { defaultTarget } from '../../src/plan/target.js';
import { batchPlan } from '../codegen/batch.js';
import { CaseBuilder } from '../codegen/contraction-cases.js';
import { opCase, SAMPLED_OPS } from '../ops/cases.js';
import { namedRandom } from '../ops/random.js';
import { IS_LONG } from '../support/amount.js';
import { miniResnet, simpleCnn } from '../support/models.js';
import { programOf } from '../support/network.js';
import { skip } from '../support/skip.js';
import { needCompiler } from './emulated.js';
import { sanitize } from './sanitized.js';

const NETWORKS = [['SimpleCNN', simpleCnn] as const, ...(IS_LONG ? [['a small ResNet', miniResnet] as const] : [])];

/** Ops whose kernels are one program. */
const OPS_TOGETHER = 12;

/** A convolution with sums over its rows: copies, barriers, shuffles, and a last block that joins what the others have left. */
function smallPlan() {
  const b = new CaseBuilder(namedRandom('races', 3), 'f16', true);
  const [x, w] = [b.low('x', [2, 5, 7, 16]), b.low('w', [3, 3, 16, 24])];
  const y = b.emit('conv2d', [x, w], { stride: [1, 1], padding: [1, 1, 1, 1] });
  return batchPlan([b.finish('conv2d', { y, mean: b.emit('channel_mean', [y], {}, 'f32') })], 'cuda');
}

/** Minutes of a busy machine. */
describe('generated CUDA C++ with a thread of ThreadSanitizer for each of its own', function () {
  this.timeout(2_400_000);

  before(async function () {
    if (!IS_LONG) skip(this, 'of a long run (AMPC_TEST_LONG=1)');
    await needCompiler(this);
  });

  it('has no race', async () => {
    assert.equal((await sanitize(smallPlan(), 'thread')).report, '');
  });

  it('has none in any op', async () => {
    for (let from = 0; from < SAMPLED_OPS.length; from += OPS_TOGETHER) {
      const ops = SAMPLED_OPS.slice(from, from + OPS_TOGETHER);
      const cases = ops.map((op) => opCase(op, 'f16', 1));
      const { report } = await sanitize(batchPlan(cases, 'cuda'), 'thread');
      assert.equal(report, '', `${ops.join(', ')}: ${report}`);
    }
  });

  it('has one where a barrier is missing', async () => {
    const { report } = await sanitize(smallPlan(), 'thread', (source) => {
      const at = source.search(/DEVICE void \w+_part/);
      assert.match(source.slice(at), /barrier<\d+>\(\);/);
      return source.slice(0, at) + source.slice(at).replaceAll(/barrier<\d+>\(\);/g, '');
    });
    assert.match(report, /ThreadSanitizer: data race/);
  });
});

describe('generated CUDA C++ on allocations of exactly what it is bound to', function () {
  this.timeout(600_000);

  before(async function () {
    await needCompiler(this);
  });

  const planned = (model: typeof simpleCnn) =>
    compileProgram(programOf(model, { image: [8, 8, 3], batch: 3, precision: { compute: 'f16' } }), defaultTarget('cuda'));

  for (const [name, model] of NETWORKS)
    it(`touches nothing else, and loads matrices from all banks at once: ${name}`, async () => {
      const { report, conflicts, loads } = await sanitize(planned(model), 'address');
      assert.equal(report, '');
      assert.ok(loads! > 1000, `${loads}`);
      assert.equal(conflicts, 0);
    });

  it('a unit too many of one of its parts shows', async () => {
    const plant = (source: string) => {
      assert.match(source, /if \(i < \d+u\)/);
      return source.replaceAll(/if \(i < (\d+)u\)/g, 'if (i < $1u + 1u)');
    };
    const { report } = await sanitize(planned(simpleCnn), 'address', plant);
    assert.match(report, /AddressSanitizer: heap-buffer-overflow/);
  });

  it('tiles that are not swizzled show', async () => {
    const plant = (source: string) => {
      assert.ok(source.includes('(group ^ turn)'));
      return source.replace('(group ^ turn)', 'group');
    };
    const { conflicts, loads } = await sanitize(planned(simpleCnn), 'none', plant);
    assert.ok(conflicts! > loads!, `${conflicts} of ${loads}`);
  });
});
