import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { namedRandom } from '../ops/random.js';
import { skip } from '../support/skip.js';
import { useTiny } from '../support/tiny.js';
import { gone, LAUNCHERS, MISSING, pidsIn, startSmall } from './launch.js';

const KILLS = 20;
const STEPS = 120;

describe('kill -9 of a rank at any moment', function () {
  this.timeout(1_200_000);
  const work = useTiny();

  before(function () {
    if (MISSING !== undefined) skip(this, `there is no ${MISSING}`);
  });

  /** Two ranks train until one of them is killed, if it is. */
  async function train(run: string, life: number, end?: string): Promise<void> {
    const launcher = Object.values(LAUNCHERS)[life % 2]!;
    const folder = work.path(run);
    const where = life === 0 ? { out: folder } : { out: folder, resume: true };
    const options = { ...where, data: work.data, backend: 'cpu', threads: 1, epochs: STEPS / 10, logEvery: 1, checkpointSteps: 3 };
    const { code, stdout, stderr } = await startSmall(launcher, 2, work.program, options, end === undefined ? {} : { AMPC_TEST_END: end })
      .result;
    assert.equal(pidsIn(stdout).length, 2, stderr);
    assert.equal(code === 0, end === undefined, stderr);
    // A launcher may end before those that it kills.
    await gone(pidsIn(stdout));
  }

  it(`killed ${KILLS} times, and gone on with either library, a run ends with the bits of one that was not`, async () => {
    await train('whole', 0);
    const random = namedRandom('kill of a rank', 20);
    for (let life = 0; life < KILLS; life++) {
      const step = 1 + Math.floor((life * (STEPS - 10)) / KILLS) + random.int(0, 4);
      await train('killed', life, `kill ${random.int(0, 1)} ${step} ${random.int(0, 40)}`);
    }
    await train('killed', KILLS);
    for (const name of ['last.safetensors', 'best.safetensors'])
      assert.deepEqual(readFileSync(work.path(`killed/${name}`)), readFileSync(work.path(`whole/${name}`)), name);
  });
});
