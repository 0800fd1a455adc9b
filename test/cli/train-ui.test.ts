import assert from 'node:assert/strict';
import type { LiveEvents, LiveRun } from '../../src/api/live/live-runs.js';
import { ampc, startAmpc } from '../support/cli.js';
import { useTiny } from '../support/tiny.js';

const ADDRESS = /http:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{32}\//;

describe('ampc train --ui', function () {
  this.timeout(240_000);
  const work = useTiny();

  const read = async <T>(address: string, name: string): Promise<T> => (await (await fetch(address + name)).json()) as T;

  it('tells an address before it trains, serves the run there as it goes on, and ends with it', async () => {
    const training = startAmpc(work.args('train', work.program, '--ui', '--epochs', '100000', '--log-every', '1'), {}, { cwd: work.dir });
    const [address] = ADDRESS.exec(await training.waitFor(/^live: http[\s\S]*run: runs\/tiny-1[\s\S]*step 2 /))!;
    assert.match(await (await fetch(address)).text(), /<title>ampc: runs<\/title>/);
    const { first, runs } = await read<{ first: string; runs: readonly LiveRun[] }>(address, 'runs');
    assert.deepEqual([first, runs.map(({ name, isHeld }) => [name, isHeld])], ['tiny-1', [['tiny-1', true]]]);
    const { lines, isHeld } = await read<LiveEvents>(address, 'events?run=tiny-1');
    assert.match(lines, /^\{"event":"start".*\n\{"event":"step","step":1,/);
    assert.ok(isHeld);
    training.kill('SIGINT');
    assert.equal((await training.result).code, 130);
    await assert.rejects(fetch(address));
  });

  it('is served by ampc runs --ui as well, until Ctrl-C, whoever trains', async () => {
    const serving = startAmpc(['runs', '--port', '0x'], {}, { cwd: work.dir });
    assert.match((await serving.result).stderr, /A whole number of at least 1/);
    const shown = startAmpc(['runs', work.path('runs'), '--ui'], {}, { cwd: work.dir });
    const [address] = ADDRESS.exec(await shown.waitFor(ADDRESS))!;
    assert.equal((await read<{ runs: readonly LiveRun[] }>(address, 'runs')).runs[0]?.isHeld, false);
    const taken = await ampc('runs', work.path('runs'), '--port', new URL(address).port);
    assert.equal(taken.code, 1);
    assert.match(taken.stderr, /AMP6063[\s\S]*cannot be had[\s\S]*another program listens there/);
    shown.kill('SIGINT');
    assert.equal((await shown.result).code, 130);
  });
});
