import assert from 'node:assert/strict';
import { compileProgram } from '../../src/compile.js';
import { defaultTarget } from '../../src/plan/target.js';
import { IS_LONG } from '../support/amount.js';
import { miniResnet, simpleCnn } from '../support/models.js';
import { programOf } from '../support/network.js';
import { needCompiler } from './emulated.js';
import { sanitize } from './sanitized.js';

const NETWORKS = [['SimpleCNN', simpleCnn] as const, ...(IS_LONG ? [['a small ResNet', miniResnet] as const] : [])];

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
