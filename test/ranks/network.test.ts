import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { schemaProblem } from '../../src/files/schemas.js';
import type { NetworkMeasurement, PlanReport } from '../../src/index.js';
import { ampc } from '../support/cli.js';
import { environment } from '../support/environment.js';
import { skip } from '../support/skip.js';
import { useTiny } from '../support/tiny.js';
import { LAUNCHERS, MISSING, start } from './launch.js';

describe('ampc tune --network', function () {
  this.timeout(600_000);
  const work = useTiny();
  const env = environment(['AMPC_CACHE']);
  const plan = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await ampc('plan', work.program, '--backend', 'reference', '--ranks', '2', ...args, '--json');
    assert.equal(code, 0, stderr);
    return (JSON.parse(stdout) as PlanReport).network;
  };

  it('measures what is between ranks, and keeps it where plans of several ranks find it', async function () {
    if (MISSING !== undefined) skip(this, `there is no ${MISSING}`);
    const cache = work.path('cache');
    env({ AMPC_CACHE: cache });
    assert.equal(await plan(), null);
    const { code, stdout, stderr } = await start(LAUNCHERS.MPICH, 3, ['tune', '--network', '--json']).result;
    assert.equal(code, 0, stderr);
    assert.equal(schemaProblem('network', JSON.parse(stdout)), undefined);
    const { event, kept, ...network } = JSON.parse(stdout) as NetworkMeasurement & { readonly event: string };
    assert.equal(event, 'network');
    assert.ok(network.bandwidth > 0 && network.latency > 0 && network.perMessage >= 0);
    assert.deepEqual({ ...network.measured, at: '' }, { ranks: 3, machines: 1, library: network.measured.library, at: '' });
    assert.match(network.measured.library, /^MPICH \d/);
    assert.equal(kept, join(cache, 'ampc-costs', 'network.json'));
    const { bandwidth, latency, perMessage, measured } = (await plan())!;
    assert.deepEqual({ bandwidth, latency, perMessage, measured }, network);
    const shown = await ampc('plan', work.program, '--backend', 'reference', '--ranks', '2');
    assert.match(
      shown.stdout,
      /measured by ampc tune --network, \d{4}-\d\d-\d\d: 3 ranks of MPICH .* on one machine, so that it says nothing/,
    );
    assert.equal((await plan('--network', '10Gbps,50us'))?.measured, null);
    writeFileSync(kept!, readFileSync(kept!, 'utf8').replace('"latency": ', '"latency": -'));
    assert.equal(await plan(), null);
  });

  it('needs several ranks, and no file', async () => {
    const alone = await ampc('tune', '--network');
    assert.equal(alone.code, 1);
    assert.match(
      alone.stderr,
      /AMP6511\]: a network is measured between several ranks, and here is one\n.*\n = fix: .*mpirun -n 4 ampc tune --network/,
    );
    const { code, stderr } = await ampc('tune', work.program, '--network');
    assert.equal(code, 2);
    assert.match(stderr, /--network measures what is between ranks, whatever they train: leave .*tiny\.amp away/);
  });
});
