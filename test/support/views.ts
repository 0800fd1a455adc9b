import assert from 'node:assert/strict';
import type { ViewsSpec } from '../../src/ir/views.js';
import type { Plan } from '../../src/plan/plan.js';
import type { Executable } from '../../src/runtime/backend.js';
import { initialStates } from '../../src/training/states.js';
import { type Model, planOf } from './network.js';

const [HEIGHT, WIDTH, CHANNELS] = [6, 5, 3] as const;
const BATCH = 2;

const small: Model = ({ image, call }) => {
  const x = call('relu', call('batch_norm', call('conv2d', image, { channels: 4, kernel: 3 }, { as: 'conv' }), {}, { as: 'bn' }));
  return call('linear', call('flatten', x), { features: 10 }, { as: 'fc' });
};

/** A place mirrored at the ends of an axis, which are not repeated. */
const within = (at: number, size: number) => (at < 0 ? -at : at >= size ? 2 * size - 2 - at : at);

/** The images as a window sees them that lies `shift` pixels below and right of them, perhaps mirrored. */
function seen(images: Uint8Array, shift: number, flipped: boolean): Uint8Array {
  const result = new Uint8Array(images.length);
  for (let i = 0; i < images.length; i += 1) {
    const [c, x, y] = [i % CHANNELS, Math.floor(i / CHANNELS) % WIDTH, Math.floor(i / CHANNELS / WIDTH) % HEIGHT];
    const image = Math.floor(i / CHANNELS / WIDTH / HEIGHT);
    const column = within((flipped ? WIDTH - 1 - x : x) + shift, WIDTH);
    result[i] = images[((image * HEIGHT + within(y + shift, HEIGHT)) * WIDTH + column) * CHANNELS + c]!;
  }
  return result;
}

/** Half the image and its mirror image, and, moved up left and down right, a quarter each. */
const VIEWS: Readonly<Record<string, { readonly spec: ViewsSpec; readonly of: readonly (readonly [number, boolean, number])[] }>> = {
  flip: {
    spec: { kind: 'average', flip: true, translate: 0 },
    of: [
      [0, false, 1 / 2],
      [0, true, 1 / 2],
    ],
  },
  both: {
    spec: { kind: 'average', flip: true, translate: 2 },
    of: [
      [0, false, 1 / 4],
      [0, true, 1 / 4],
      [-2, false, 1 / 8],
      [-2, true, 1 / 8],
      [2, false, 1 / 8],
      [2, true, 1 / 8],
    ],
  },
};

/** Checks the mean over views against the results for images that are mirrored and moved beforehand, one by one. */
export async function assertAveragesViews(load: (plan: Plan) => Promise<Executable>): Promise<void> {
  const options = { batch: BATCH, image: [HEIGHT, WIDTH, CHANNELS] as const, precision: { compute: 'f32' } } as const;
  const alone = await load(planOf(small, options));
  const label = Int32Array.of(3, 7);
  const images = Uint8Array.from({ length: BATCH * HEIGHT * WIDTH * CHANNELS }, (_, i) => (Math.imul(i + 5, 2654435761) >>> 13) & 255);
  const resultOf = async (executable: Executable, image: Uint8Array) => {
    await executable.call('eval_step', { image, label });
    const logits = await executable.readOutput('logits');
    return { logits, scalars: (await executable.drain())[0]! };
  };
  try {
    await alone.writeStates(initialStates(planOf(small, options), 3));
    const plain = await resultOf(alone, images);
    for (const [name, { spec, of }] of Object.entries(VIEWS)) {
      const plan = planOf(small, { ...options, train: { views: spec } });
      const averaging = await load(plan);
      try {
        await averaging.writeStates(initialStates(plan, 3));
        const { logits, scalars } = await resultOf(averaging, images);
        const want = new Float64Array(logits.length);
        for (const [shift, flipped, share] of of) {
          const view = await resultOf(alone, seen(images, shift, flipped));
          for (const [at, value] of view.logits.entries()) want[at]! += share * value;
        }
        for (const [at, value] of want.entries())
          assert.ok(Math.abs(logits[at]! - value) <= 1e-5 * Math.max(1, Math.abs(value)), `${name}[${at}] is ${logits[at]}, not ${value}`);
        assert.ok(Math.abs(scalars.plain_loss! - plain.scalars.loss!) < 1e-6, name);
        assert.equal(scalars.plain_correct, plain.scalars.correct, name);
        assert.ok(Math.abs(scalars.loss! - plain.scalars.loss!) > 1e-4, name);
      } finally {
        await averaging.dispose();
      }
    }
  } finally {
    await alone.dispose();
  }
}
