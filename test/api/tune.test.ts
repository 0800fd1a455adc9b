import assert from 'node:assert/strict';
import type { Tuning } from '../../src/index.js';
import { createBackend } from '../../src/runtime/cpu/index.js';
import { ampc } from '../support/cli.js';
import { skip } from '../support/skip.js';
import { makeWorkspace, TINY, type Workspace } from '../support/tiny.js';

describe('ampc tune', () => {
  let work: Workspace;

  before(async function () {
    const { available, reason } = await createBackend().probe();
    if (!available) skip(this, reason ?? 'no C compiler');
    work = makeWorkspace();
  });

  after(() => work?.remove());

  it('times every layer and every plan, and names the lines of the best', async () => {
    const { code, stdout, stderr } = await ampc('tune', work.file('net.amp', TINY), '--backend', 'cpu', '--steps', '3', '--json');
    assert.equal(code, 0, stderr);
    const result: Tuning = JSON.parse(stdout);
    assert.deepEqual([result.model, result.backend, result.precision, result.batch], ['Tiny', 'cpu', 'fp16', 8]);
    assert.deepEqual(result.layers.at(-1), { ...result.layers.at(-1), layer: 'loss', low_ms: null, chosen: 'fp32' });
    const names = result.candidates.map(({ name }) => name);
    assert.deepEqual(names.slice(0, 3), ['mixed', 'fp32', 'autocast']);
    assert.ok(names.includes(result.taken));
    for (const { predicted_ms } of result.candidates) assert.ok(predicted_ms > 0);
    const best = result.candidates.find(({ name }) => name === result.best)!;
    for (const { measured_ms } of result.candidates) assert.ok(measured_ms >= best.measured_ms && measured_ms > 0);
    assert.match(result.lines[0], /^compute fp(16|32)$/);
    // The lines are a file's: with them it compiles.
    const tuned = TINY.replace('compute fp16', result.lines.join('\n'));
    assert.equal((await ampc('plan', work.file('tuned.amp', tuned), '--backend', 'reference', '--json')).code, 0);
  });

  it('says which backends cannot time their kernels', async () => {
    const { code, stderr } = await ampc('tune', work.file('net.amp', TINY), '--backend', 'reference');
    assert.equal(code, 1);
    assert.match(stderr, /AMP6012.*cannot time its kernels/);
  });
});
