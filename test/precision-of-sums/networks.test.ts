import assert from 'node:assert/strict';
import type { ValueId } from '../../src/ir/types.js';
import type { ArgValue } from '../../src/ops/layer.js';
import { defaultTarget } from '../../src/plan/target.js';
import { createBackend } from '../../src/runtime/cpu/index.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import { type Model, planOf, SGD } from '../support/network.js';
import { skip } from '../support/skip.js';
import { deterministicBatch, deterministicStates } from '../training/support/deterministic.js';
import { readFixture } from '../training/support/pytorch.js';

/** A layer of the language with its arguments; `with` numbers a second value, 0 being the image. */
type Step = Readonly<Record<string, ArgValue>> & { readonly op: string; readonly with?: number };

interface Network {
  readonly seed: number;
  readonly side: number;
  readonly steps: readonly Step[];
  /** In double precision. */
  readonly loss: number;
  /**
   * By parameter or statistic: how far PyTorch's f32 gradient (or statistic) is from its f64 one at most, and the largest of the latter.
   */
  readonly values: Readonly<Record<string, readonly [error: number, largest: number]>>;
}

const { batch, share, networks } = readFixture<{ batch: number; share: number; networks: readonly Network[] }>(
  'test/fixtures/pytorch/precision.json',
);

/** An error may be so many times PyTorch's, or this share of the tensor's largest number, whichever is more. */
const TIMES = 10;
const SHARE_OF_LARGEST = 1e-5;

function modelOf(steps: readonly Step[]): Model {
  return ({ image, call }) => {
    const values: ValueId[] = [image];
    steps.forEach(({ op, with: other, ...args }, i) => {
      values.push(call(op, values.at(-1)!, args, { as: `s${i}`, values: other === undefined ? [] : [values[other]!] }));
    });
    return values.at(-1)!;
  };
}

/** With momentum, the optimizer's slot holds the gradient of the first step. */
const slotOf = (name: string) => (name.includes('.running_') ? name : `${name}.momentum`);

/** The largest distance of two tensors' elements. */
function furthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < a.length; i += 1) most = Math.max(most, Math.abs(a[i]! - b[i]!));
  return most;
}

describe("f32 gradients of random networks, against double precision and PyTorch's f32", () => {
  for (const { seed, side, steps, loss, values } of networks) {
    it(`network ${seed}: ${steps.map(({ op }) => op).join(', ')}`, async function () {
      this.timeout(600_000);
      const train = { optimizer: { ...SGD, momentum: 0.9 }, batch };
      const plan = planOf(
        modelOf(steps),
        { batch, image: [side, side, 3], precision: { compute: 'f32' }, train },
        { target: defaultTarget('cpu') },
      );
      const { graph } = plan.functions.find(({ name }) => name === 'train_step')!;
      const states = deterministicStates(plan);
      const inputs = { ...deterministicBatch(0, batch, side, share), lr: Float32Array.of(0.1) };
      const doubles = new Map([...states].map(([name, state]) => [name, state instanceof Int32Array ? state : Float64Array.from(state)]));
      const exact = evaluateGraph(graph, inputs, doubles, { float64: true });
      // The same network in double precision here and there, so the errors are of the same numbers.
      assert.ok(Math.abs(exact.values.get(graph.outputs.loss!)![0]! - loss) < 1e-12 * loss);

      const executable = await createBackend()
        .load(plan)
        .catch((error: Error) => skip(this, error.message));
      await executable.writeStates(states);
      await executable.call('train_step', inputs);
      const results = await executable.readStates(Object.keys(values).map(slotOf));
      await executable.dispose();
      const failures = Object.entries(values).flatMap(([name, [theirs, largest]]) => {
        const error = furthest(exact.writes.get(slotOf(name))!, results.get(slotOf(name))!);
        const allowed = Math.max(TIMES * theirs, SHARE_OF_LARGEST * largest);
        return error <= allowed ? [] : [`${name} is off by ${error.toExponential(2)}, allowed ${allowed.toExponential(2)}`];
      });
      assert.deepEqual(failures, []);
    });
  }
});
