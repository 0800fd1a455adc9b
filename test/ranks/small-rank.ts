// One rank with less of ampc than the command line loads: `small-rank FILE JSON`, with the options of `train`. AMPC_TEST_END is what
// becomes of one of the ranks when a step has been told, and so many turns of the event loop later: `kill 1 25 3` is the end of rank 1, 3
// turns behind step 25; `hang 1 25 0`: from then on it computes no more, which it says.
import { writeSync } from 'node:fs';
import { train } from '../../src/api/train.js';
import { joinRanks, leaveRanks } from '../../src/runtime/cpu/mpi/mpi.js';

const [, , file, given] = process.argv as unknown as readonly [string, string, string, string];
const ranks = await joinRanks();
process.stdout.write(`pid ${process.pid}\n`);

const [how, rank, step, turns] = (process.env.AMPC_TEST_END ?? 'never -1 0 0').split(' ');

function end(left: number): void {
  if (left > 0) setImmediate(end, left - 1);
  else if (how === 'kill') process.kill(process.pid, 'SIGKILL');
  else {
    writeSync(1, `hangs ${process.pid}\n`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  }
}

let isDue = Number(rank) === ranks?.rank;
await train(file, {
  ...JSON.parse(given),
  onEvent: (event) => {
    if (!isDue || event.event !== 'step' || event.step < Number(step)) return;
    isDue = false;
    end(Number(turns));
  },
});
leaveRanks();
