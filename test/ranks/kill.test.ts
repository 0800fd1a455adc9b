import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { train } from '../../src/api/train.js';
import { namedRandom } from '../ops/random.js';
import { skip } from '../support/skip.js';
import { useTiny } from '../support/tiny.js';
import { gone, LAUNCHERS, MISSING, pidsIn, startSmall } from './launch.js';

const KILLS = 20;

describe('kill -9 of a rank at any moment', function () {
  this.timeout(1_200_000);
  const work = useTiny();

  before(function () {
    if (MISSING !== undefined) skip(this, `there is no ${MISSING}`);
  });

  /** A run that has no end of its own. */
  const common = () => ({ data: work.data, backend: 'cpu', threads: 1, epochs: 100_000 }) as const;

  /** Two ranks train until one of them is killed, or to a step. */
  async function live(life: number, until: { readonly end: string } | { readonly maxSteps: number }): Promise<void> {
    const launcher = Object.values(LAUNCHERS)[life % 2]!;
    const { end, ...rest } = { end: undefined, ...until };
    const options = { ...common(), out: work.path('killed'), resume: life > 0, logEvery: 1, checkpointSteps: 3, ...rest };
    const env: Record<string, string> = end === undefined ? {} : { AMPC_TEST_END: end };
    const { code, stdout, stderr } = await startSmall(launcher, 2, work.program, options, env).result;
    assert.equal(pidsIn(stdout).length, 2, stderr);
    assert.equal(code === 0, end === undefined, stderr);
    await gone(pidsIn(stdout));
  }

  /** The last step that the run has told. */
  function lastStep(): number {
    const told = readFileSync(work.path('killed/metrics.jsonl'), 'utf8').matchAll(/"event":"step","step":(\d+)/g);
    return Math.max(...[...told].map(([, step]) => Number(step)));
  }

  it(`killed ${KILLS} times, and gone on with either library, a run ends with the bits of one that was not`, async () => {
    const random = namedRandom('kill of a rank', 20);
    let step = 1;
    for (let life = 0; life < KILLS; life++) {
      await live(life, { end: `kill ${random.int(0, 1)} ${step} ${random.int(0, 40)}` });
      step = lastStep() + random.int(1, 4);
    }
    const maxSteps = step + 5;
    await live(KILLS, { maxSteps });
    // Two ranks have the bits of one that accumulates two micro-batches.
    await train(work.program, { ...common(), out: work.path('whole'), set: ['train.batch=4', 'train.accumulate=2'], maxSteps });
    assert.deepEqual(readFileSync(work.path('killed/last.safetensors')), readFileSync(work.path('whole/last.safetensors')));
  });
});
