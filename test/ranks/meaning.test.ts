import assert from 'node:assert/strict';
import { compileProgram } from '../../src/compile.js';
import { partOf } from '../../src/ir/ranks.js';
import { lowerProgram } from '../../src/lower/lower.js';
import type { Plan } from '../../src/plan/plan.js';
import { defaultTarget } from '../../src/plan/target.js';
import type { Executable, Inputs } from '../../src/runtime/backend.js';
import type { Collectives } from '../../src/runtime/collectives.js';
import { createBackend } from '../../src/runtime/reference/index.js';
import { initialStates } from '../../src/training/states.js';
import { namedRandom } from '../ops/random.js';
import { ranksInProcess } from './in-process.js';

interface Choices {
  readonly batch: number;
  readonly accumulate?: number;
  readonly norm?: string;
  readonly dropout?: string;
  readonly precision?: string;
}

const BATCH = 8;
const STEPS = 3;

function sourceText({ batch, accumulate = 1, norm = '', dropout = '', precision = 'fp16' }: Choices): string {
  return `dataset shapes { size(8) normalize(mean: 0.5, std: 0.25) }
model Tiny(image: [8, 8, 3]) -> [10] {
  image |> conv2d(4, kernel: 3, stride: 2)${norm} |> relu |> flatten${dropout} |> linear(10)
}
precision { compute ${precision} }
train { optimizer sgd(lr: 0.1, momentum: 0.9) batch ${batch} accumulate ${accumulate} clip 0.5 seed 3 drop_last true }
`;
}

function planOf(choices: Choices, ranks?: { readonly count: number; readonly rank: number }): Plan {
  const source = { path: 'tiny.amp', text: sourceText(choices) };
  return compileProgram(lowerProgram(source, { images: STEPS * BATCH, ...(ranks && { ranks }) }), defaultTarget('reference'));
}

/** Images and labels of all steps. */
function drawn(): { readonly image: Uint8Array; readonly label: Int32Array } {
  const random = namedRandom('ranks', 1);
  return {
    image: Uint8Array.from({ length: STEPS * BATCH * 192 }, () => random.int(0, 255)),
    label: Int32Array.from({ length: STEPS * BATCH }, () => random.int(0, 9)),
  };
}

const DATA = drawn();

function inputsOf(plan: Plan, fn: string, from: number, count: number, step: number): Inputs {
  const known: Inputs = {
    image: count === 0 ? new Uint8Array(2 * 192) : DATA.image.slice(from * 192, (from + count) * 192),
    label: count === 0 ? Int32Array.of(-1, -1) : DATA.label.slice(from, from + count),
    lr: Float32Array.of(0.1),
    step: Int32Array.of(step),
  };
  const { graph } = plan.functions.find(({ name }) => name === fn)!;
  const names = graph.nodes.filter(({ op }) => op === 'input').map(({ attrs }) => String(attrs.name));
  return Object.fromEntries(names.map((name) => [name, known[name]!]));
}

async function trained(plan: Plan, peers: Collectives | undefined, run: (executable: Executable) => Promise<void>) {
  const executable = await createBackend().load(plan, { peers });
  await executable.writeStates(initialStates(plan, 3));
  await run(executable);
  return { states: await executable.readStates(), scalars: await executable.drain() };
}

/** Every rank's states and what it reports. */
function onRanks(count: number, choices: Choices) {
  return Promise.all(
    ranksInProcess(count).map((peers, rank) => {
      const plan = planOf(choices, { count, rank });
      return trained(plan, peers, async (executable) => {
        for (let step = 0; step < STEPS; step++) {
          const part = partOf(BATCH, { count, rank });
          await executable.call('train_step', inputsOf(plan, 'train_step', step * BATCH + part.from, part.images, step));
        }
      });
    }),
  );
}

/** One rank that accumulates micro-batches. */
function accumulated(count: number, choices: Omit<Choices, 'batch' | 'accumulate'>) {
  const plan = planOf({ ...choices, batch: BATCH / count, accumulate: count });
  return trained(plan, undefined, async (executable) => {
    for (let call = 0; call < STEPS * count; call++) {
      const fn = call % count === count - 1 ? 'train_step' : 'accumulate_step';
      await executable.call(fn, inputsOf(plan, fn, (call * BATCH) / count, BATCH / count, call));
    }
  });
}

describe('several ranks, as reference has them', () => {
  for (const precision of ['fp32', 'fp16', 'bf16\n  policy autocast'])
    for (const count of [2, 4])
      it(`${count} ranks end with the bits of one that accumulates ${count} micro-batches: ${precision}`, async () => {
        const ranks = await onRanks(count, { batch: BATCH, precision });
        const one = await accumulated(count, { precision });
        for (const { states, scalars } of ranks) {
          assert.deepEqual(scalars, ranks[0]!.scalars);
          for (const [name, elements] of states) assert.deepEqual(elements, one.states.get(name), name);
        }
      });

  it('a batch that does not divide evenly, and a rank without an image, leave equal states on all ranks', async () => {
    for (const count of [3, 9]) {
      const ranks = await onRanks(count, { batch: BATCH, norm: ' |> batch_norm', precision: 'fp32' });
      for (const { states, scalars } of ranks) {
        assert.deepEqual(scalars, ranks[0]!.scalars);
        assert.deepEqual(states, ranks[0]!.states);
        for (const [name, elements] of states) assert.ok(elements.every(Number.isFinite), name);
      }
    }
  });

  it('dropout of an image, and batch statistics with sync, are those of one rank with the whole batch', async () => {
    const choices = { batch: BATCH, norm: ' |> batch_norm(sync: true)', dropout: ' |> dropout(0.5)', precision: 'fp32' };
    const whole = planOf(choices);
    const one = await trained(whole, undefined, async (executable) => {
      for (let step = 0; step < STEPS; step++)
        await executable.call('train_step', inputsOf(whole, 'train_step', step * BATCH, BATCH, step));
    });
    for (const count of [2, 3]) {
      const [first] = await onRanks(count, choices);
      for (const [name, elements] of first!.states) {
        const expected = one.states.get(name)!;
        const worst = Math.max(...Array.from(elements, (x, i) => Math.abs(x - expected[i]!)));
        assert.ok(worst < 2e-6, `${name} on ${count} ranks: ${worst}`);
      }
    }
  });

  it('a plan of several ranks needs as many', async () => {
    await assert.rejects(createBackend().load(planOf({ batch: BATCH }, { count: 4, rank: 0 })), /the plan is of 4 ranks, and here is one/);
  });
});
