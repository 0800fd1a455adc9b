import assert from 'node:assert/strict';
import { compileProgram } from '../../src/compile.js';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { defaultTarget } from '../../src/plan/target.js';
import type { Collectives } from '../../src/runtime/collectives.js';
import { createBackend } from '../../src/runtime/reference/index.js';
import type { ImageSet } from '../../src/training/data/dataset.js';
import type { OverflowEvent, TrainEvent } from '../../src/training/events.js';
import { train } from '../../src/training/loop.js';
import { atText, copyOfFirst } from '../../src/training/overflow/among-ranks.js';
import { RunClaim } from '../../src/training/run-claim.js';
import { makeWorkspace } from '../support/tiny.js';
import { ranksInProcess } from './in-process.js';
import { BATCH, type Choices, DATA, type Images, inputsOf, onRanks, PIXELS, planOf, programOf, STEPS, trained } from './small-plan.js';

/** A white pixel is beyond fp16 behind `normalize`, a black one is nothing. */
const FRAGILE: Choices = { batch: BATCH, precision: 'fp16 loss_scale dynamic(init: 1024)', data: 'normalize(mean: 0, std: 0.000015)' };

/** Dark images of all steps, of which those at some places are white. */
function darkBut(...white: readonly number[]): Images {
  const image = DATA.image.map((value) => value % 3);
  for (const place of white) image.fill(255, place * PIXELS, (place + 1) * PIXELS);
  return { image, label: DATA.label };
}

/** The last image of the second step: of the last rank. */
const LAST_OF_SECOND = 2 * BATCH - 1;

describe('an overflow on one of several ranks', function () {
  this.timeout(120_000);

  for (const count of [2, 4])
    it(`skips the step on all ${count}, which leaves no trace in any state but the one loss scale of all`, async () => {
      const data = darkBut(LAST_OF_SECOND);
      const ranks = await onRanks(count, FRAGILE, { data });
      for (const { states, scalars } of ranks) {
        assert.deepEqual(
          scalars.map(({ ok }) => ok),
          [1, 0, 1],
        );
        assert.deepEqual([states, scalars], [ranks[0]!.states, ranks[0]!.scalars]);
      }
      // The same steps without the second one.
      const others = await Promise.all(
        ranksInProcess(count).map((peers, rank) => {
          const plan = planOf(FRAGILE, { count, rank });
          const part = BATCH / count;
          return trained(plan, peers, async (executable) => {
            for (const step of [0, 2])
              await executable.call('train_step', inputsOf(plan, 'train_step', step * BATCH + rank * part, part, step, data));
          });
        }),
      );
      const scale = 'scaler.scale';
      assert.equal(ranks[0]!.states.get(scale)![0], 512);
      for (const [name, elements] of others[0]!.states)
        if (!name.startsWith('scaler.')) assert.deepEqual(ranks[0]!.states.get(name), elements, name);
    });

  /** A run on ranks of this process, all of which write down what they are told. */
  async function run(count: number, white: readonly number[], more: Partial<Choices> = {}) {
    const work = makeWorkspace();
    const { image, label } = darkBut(...white);
    const set: ImageSet = { images: image, labels: label, count: STEPS * BATCH, shape: [8, 8, 3] };
    const one = async (peers: Collectives) => {
      const events: TrainEvent[] = [];
      const program = programOf({ ...FRAGILE, ...more }, { count, rank: peers.rank });
      const plan = compileProgram(program, defaultTarget('reference'));
      const load = (other: typeof plan) => createBackend().load(other, { peers });
      const executable = await load(plan);
      const classes = Array.from({ length: 10 }, (_, i) => `class ${i}`);
      const onEvent = (event: TrainEvent) => void events.push(event);
      const dataset = { name: 'shapes', classes, train: set, test: set };
      const dir = work.path('run');
      const claim = peers.rank === 0 ? await RunClaim.start(dir) : RunClaim.follow(dir, true);
      const common = { plan, executable, load, recipe: program.recipe, dataset, run: dir, claim, onEvent, ranks: peers };
      const error = await train({ ...common, shuffle: false, epochs: 1, evaluate: false }).catch((reason: Error) => reason);
      return { events, error, states: await executable.readStates() };
    };
    try {
      return await Promise.all(ranksInProcess(count).map(one));
    } finally {
      work.remove();
    }
  }

  const overflowsOf = (events: readonly TrainEvent[]) =>
    events
      .filter((event): event is OverflowEvent => event.event === 'overflow')
      .map(({ step, message, ranks }) => ({ step, message, ranks }));

  it('is traced by all to the value and the rank that had it first, and the run goes on as if nobody had looked', async () => {
    const ranks = await run(3, [LAST_OF_SECOND]);
    const expected = await onRanks(3, FRAGILE, { data: darkBut(LAST_OF_SECOND) });
    for (const { events, states, error } of ranks) {
      assert.ok(!(error instanceof Error), String(error));
      const [found, ...others] = overflowsOf(events);
      assert.deepEqual([found!.step, found!.ranks, others], [2, [2], []]);
      assert.match(found!.message, /^normalize .*\(forward, 1:26\) reached 66,667, fp16 ends at 65,504 on rank 2$/);
      for (const [name, elements] of expected[0]!.states) assert.deepEqual(states.get(name), elements, name);
    }
  });

  it('is traced with the statistics of all ranks before it', async () => {
    const [first, ...others] = await run(2, [0, 1], { norm: ' |> batch_norm(sync: true)' });
    assert.ok(!(first!.error instanceof Error), String(first!.error));
    assert.deepEqual(overflowsOf(first!.events)[0]!.ranks, [0]);
    for (const { events, states } of others) {
      assert.deepEqual(overflowsOf(events), overflowsOf(first!.events));
      assert.deepEqual(states, first!.states);
    }
  });

  it('that no loss scale guards against ends the run with its cause on all ranks', async () => {
    const ranks = await run(2, [LAST_OF_SECOND], { precision: 'fp16 loss_scale none' });
    for (const { error } of ranks) {
      assert.ok(error instanceof UserError);
      assert.equal(error.diagnostics[0]!.code, 'AMP7302');
      assert.match(error.diagnostics[0]!.why!, /^in step 2, normalize .* on rank 1: %/);
    }
  });

  it('begins from the copy that the first rank keeps', async () => {
    const kept = (step: number, value: number) => ({
      step,
      states: new Map<string, Float32Array | Int32Array>([
        ['weight', Float32Array.of(value, Number.POSITIVE_INFINITY)],
        ['count', Int32Array.of(value)],
      ]),
    });
    const copies = await Promise.all(ranksInProcess(3).map((ranks) => copyOfFirst(ranks, kept(ranks.rank + 4, ranks.rank + 1))));
    for (const copy of copies) assert.deepEqual(copy, kept(4, 1));
  });

  it('is told with few ranks by name', () => {
    assert.deepEqual(
      [[], [2], [0, 2], [0, 1, 2, 3, 5], [0, 1, 2, 3, 4, 5]].map((ranks) => atText(ranks)),
      ['', ' on rank 2', ' on ranks 0 and 2', ' on ranks 0, 1, 2, 3 and 5', ' on ranks 0, 1, 2, 3 and 2 others'],
    );
  });
});
