import assert from 'node:assert/strict';
import { targetFor } from '../../src/codegen/c/target.js';
import { defaultTarget } from '../../src/plan/target.js';
import type { Compiler } from '../../src/runtime/cpu/compiler.js';
import { amount } from '../support/amount.js';
import { configuration } from '../support/configurations.js';
import { chain, layerNorms, miniResnet, randomModel, simpleCnn } from '../support/models.js';
import { planOf } from '../support/network.js';
import { skip } from '../support/skip.js';
import { compilerNamed, runnableSets } from './compile.js';
import { findFaults, missingSanitizers } from './sanitized.js';

const NETWORKS = amount(6, 30);
const CPU = { target: defaultTarget('cpu') };
const ARCHITECTURE = process.arch === 'x64' || process.arch === 'arm64' ? process.arch : 'other';

describe('generated C under sanitizers', function () {
  this.timeout(600_000);
  let compiler: Compiler;

  before(async function () {
    const found = await compilerNamed();
    if (found === undefined) skip(this, 'no C compiler');
    compiler = found;
    const reason = await missingSanitizers(compiler, 'address,undefined');
    if (reason !== undefined) skip(this, reason);
  });

  for (let seed = 0; seed < NETWORKS; seed++) {
    it(`random network ${seed}: no bad access, no undefined behaviour, nothing read that was not written`, async () => {
      const sets = await runnableSets(compiler);
      const target = targetFor(sets[seed % sets.length]!, ARCHITECTURE);
      const options = { ...configuration(31 * seed), batch: 1 + (seed % 5), image: [5 + (seed % 4), 6, 3] } as const;
      const plan = planOf(randomModel(1000 + seed), options, CPU);
      assert.equal(await findFaults(plan, { compiler, target, sanitizers: 'address,undefined' }), '', target.isa);
    });
  }

  for (const [name, model] of Object.entries({ simpleCnn, miniResnet, layerNorms })) {
    it(`${name}: no data race`, async function () {
      const reason = await missingSanitizers(compiler, 'thread');
      if (reason !== undefined) skip(this, reason);
      const [isa] = await runnableSets(compiler);
      const plan = planOf(model, { batch: 16, image: [16, 16, 3] }, CPU);
      assert.equal(await findFaults(plan, { compiler, target: targetFor(isa!, ARCHITECTURE), sanitizers: 'thread' }), '');
    });
  }

  const spoiled: Readonly<Record<string, readonly [spoil: (text: string) => string, finds: RegExp]>> = {
    'an access behind the arena': [
      (text) => text.replace(/#define ARENA_BYTES (\d+)/, (_, bytes) => `#define ARENA_BYTES ${Number(bytes) - 64}`),
      /AddressSanitizer/,
    ],
    'a read of what nothing wrote': [
      (text) => text.replaceAll('int first = INT32_MAX;', 'int first = INT32_MAX; *(int32_t *)ctx->states = *(const int32_t *)ctx->arena;'),
      /exit code 6\n(output|byte) /,
    ],
  };
  for (const [what, [spoil, finds]] of Object.entries(spoiled)) {
    it(`notices ${what}`, async () => {
      const plan = planOf(chain(4), { precision: { compute: 'f32' } }, CPU);
      const target = targetFor('plain', ARCHITECTURE);
      assert.match(await findFaults(plan, { compiler, target, sanitizers: 'address,undefined', spoil }), finds);
    });
  }
});
