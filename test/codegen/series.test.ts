import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { FunctionLayout } from '../../src/codegen/c/layout.js';
import { EXPORTS, prelude } from '../../src/codegen/c/prelude.js';
import { emitSeries, seriesOutputs, seriesRates } from '../../src/codegen/c/series.js';
import { INSTRUCTION_SETS, type InstructionSet, targetFor } from '../../src/codegen/c/target.js';
import type { Augmentation } from '../../src/datasets/augmentation.js';
import type { Shape } from '../../src/ir/types.js';
import { type BatchSelection, NO_IMAGE } from '../../src/runtime/backend.js';
import { buildLibrary } from '../../src/runtime/cpu/cache.js';
import { detectTarget } from '../../src/runtime/cpu/detect.js';
import { type NativePlan, openLibrary } from '../../src/runtime/cpu/native.js';
import { packSeries } from '../../src/runtime/cpu/series.js';
import { packRates } from '../../src/runtime/selection.js';
import { Batcher, fillInOrder, selectInOrder } from '../../src/training/data/batcher.js';
import type { ImageSet } from '../../src/training/data/dataset.js';
import { skip } from '../support/skip.js';
import { compilerNamed, runnableSets } from './compile.js';

const BATCH = 13;
const MOST_BYTES = BATCH * 9 * 11 * 5;
const LABELS = Math.ceil(MOST_BYTES / 64) * 64;

const CLASSES = 7;

function layoutFor(shape: Shape): FunctionLayout {
  const inputs = new Map([
    ['image', { type: { dtype: 'u8' as const, shape: [BATCH, ...shape] }, offset: 0 }],
    ['label', { type: { dtype: 'i32' as const, shape: [BATCH] }, offset: LABELS }],
    ['lr', { type: { dtype: 'f32' as const, shape: [] }, offset: LABELS + 64 }],
    ['step', { type: { dtype: 'i32' as const, shape: [] }, offset: LABELS + 128 }],
    ['target', { type: { dtype: 'f32' as const, shape: [BATCH, CLASSES] }, offset: LABELS + 192 }],
  ]);
  return {
    name: 'train_step',
    inputs,
    inputBytes: LABELS + 192 + BATCH * CLASSES * 4,
    scalars: ['lr', 'step'],
    tensors: new Map(),
    places: new Map(),
  };
}

/** A library whose only function gives back its learning rate and step, and leaves its batch where it is. */
const ECHO = String.raw`
static int call_function(ampc_context *ctx, int function, char *inputs, double *outputs, int trace) {
  (void)ctx, (void)function, (void)trace;
  outputs[0] = *(const float *)(inputs + ${LABELS + 64});
  outputs[1] = *(const int32_t *)(inputs + ${LABELS + 128});
  return 0;
}
`;

async function openEcho(isa: InstructionSet, threads: number): Promise<NativePlan> {
  const compiler = (await compilerNamed())!;
  const target = targetFor(isa, (await detectTarget(compiler)).arch);
  const sizes = { states: 64, arena: 64, workspace: 64, groups: 1, places: 0 };
  const text = [prelude(target, sizes), ECHO, EXPORTS, emitSeries([layoutFor([9, 11, 5])])].join('\n');
  const { path } = await buildLibrary(text, compiler, target, ['-Werror']);
  return openLibrary(path, { threads, scratch: 64 });
}

function noise(count: number, shape: Shape): ImageSet {
  const bytes = count * shape.reduce((product, size) => product * size, 1);
  const images = Uint8Array.from({ length: bytes }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 9) & 255);
  return { images, labels: Int32Array.from({ length: count }, (_, i) => (i * 7919) % CLASSES), count, shape };
}

/** The same images, which lie in memory in the opposite order. */
function backwards({ images, labels, count, shape }: ImageSet): ImageSet {
  const bytes = images.length / count;
  const placeOf = (number: number): number => count - 1 - number;
  const reversed = new Uint8Array(images.length);
  for (let number = 0; number < count; number++)
    reversed.set(images.subarray(number * bytes, (number + 1) * bytes), placeOf(number) * bytes);
  return { images: reversed, labels, count, shape, supply: { room: count, placeOf, hold: () => undefined } };
}

interface Filled {
  readonly image: Uint8Array;
  readonly label: Int32Array;
  readonly target: Float32Array;
  /** Of each call: its scalars and its seconds. */
  readonly outputs: readonly Float64Array[];
}

/** The last batch of a series, as the C leaves it. Every byte that it must write is set to something else before. */
async function runSeries(echo: NativePlan, selection: BatchSelection, calls: number): Promise<Filled> {
  const layout = layoutFor(selection.source.shape);
  const list = Array.from({ length: calls }, (_, i) => ({ fn: 'train_step' as const, rates: { lr: 0.5 ** i }, step: 2 ** 20 + i }));
  const packed = packSeries(
    selection,
    list,
    list.map(() => ({ index: 0, layout })),
  );
  const inputs = new Uint8Array(layout.inputBytes).fill(0xa5);
  const width = seriesOutputs([layout]);
  const outputs = new Float64Array(width * calls);
  const { order, places, source } = selection;
  const { request, draws, mixes, ops, rows, blank } = packed;
  const images = [source.images, source.labels, order, places?.own ?? null, places?.others ?? null] as const;
  await echo.series(
    request,
    ...images,
    draws,
    mixes,
    ops,
    rows,
    blank,
    packed.calls,
    packRates(list, seriesRates([layout])),
    inputs,
    outputs,
  );
  const size = BATCH * selection.source.shape.reduce((product, length) => product * length, 1);
  assert.ok(
    inputs.subarray(size, LABELS).every((byte) => byte === 0xa5),
    'nothing behind the batch is touched',
  );
  return {
    image: inputs.slice(0, size),
    label: new Int32Array(inputs.buffer, LABELS, BATCH).slice(),
    target: new Float32Array(inputs.buffer, LABELS + 192, BATCH * CLASSES).slice(),
    outputs: Array.from({ length: calls }, (_, i) => outputs.subarray(width * i, width * (i + 1))),
  };
}

const shares = { alpha: fc.constantFrom(0.1, 0.4, 1, 5), probability: fc.constantFrom(0.3, 1) };
const reflecting = fc.constantFrom({}, { fill: 'reflect' as const });
const part = fc.integer({ min: 0, max: 100 }).map((percent) => percent / 100);

/** Every kind of augmentation, with any arguments. */
const augmentations: { readonly [Kind in Augmentation['kind']]: fc.Arbitrary<Extract<Augmentation, { readonly kind: Kind }>> } = {
  flip: fc.constantFrom({ kind: 'flip' }, { kind: 'flip', direction: 'both' }, { kind: 'flip', direction: 'vertical', alternating: true }),
  crop: fc
    .record({ padding: fc.integer({ min: 0, max: 13 }), fill: reflecting })
    .map(({ padding, fill }) => ({ kind: 'crop', padding, ...fill })),
  translate: fc.record({ pixels: fc.nat(20), fill: reflecting }).map(({ pixels, fill }) => ({ kind: 'translate', pixels, ...fill })),
  random_resized_crop: part.map((scale) => ({ kind: 'random_resized_crop', scale: Math.max(0.01, scale), ratio: 1 + 2 * scale })),
  rotate: part.map((share) => ({ kind: 'rotate', degrees: 1 + 179 * share })),
  color_jitter: fc
    .tuple(part, part, part, fc.constantFrom({}, { hue: 0.5 }, { hue: 0.03 }))
    .map(([brightness, contrast, saturation, hue]) => ({
      kind: 'color_jitter',
      brightness: 10 * brightness,
      contrast: 3 * contrast,
      saturation,
      ...hue,
    })),
  grayscale: part.map((p) => ({ kind: 'grayscale', p })),
  auto_contrast: part.map((p) => ({ kind: 'auto_contrast', p })),
  rand_augment: fc
    .record({ n: fc.integer({ min: 1, max: 3 }), magnitude: fc.nat(30) })
    .map(({ n, magnitude }) => ({ kind: 'rand_augment', n, magnitude })),
  trivial_augment: fc.constant({ kind: 'trivial_augment' }),
  cutout: fc.integer({ min: 1, max: 12 }).map((size) => ({ kind: 'cutout', size })),
  random_erasing: part.map((p) => ({ kind: 'random_erasing', p })),
  mixup: fc.record(shares).map((own) => ({ kind: 'mixup', ...own })),
  cutmix: fc.record(shares).map((own) => ({ kind: 'cutmix', ...own })),
};

const cases = fc.record({
  threads: fc.integer({ min: 1, max: 3 }),
  height: fc.integer({ min: 1, max: 9 }),
  width: fc.integer({ min: 1, max: 11 }),
  channels: fc.integer({ min: 1, max: 5 }),
  count: fc.integer({ min: 3 * BATCH, max: 60 }),
  seed: fc.integer({ min: 0, max: 2 ** 40 }),
  shuffle: fc.boolean(),
  augment: fc.uniqueArray(fc.oneof(...(Object.values(augmentations) as fc.Arbitrary<Augmentation>[])), {
    selector: ({ kind }) => kind,
    maxLength: 4,
  }),
  epoch: fc.nat(1000),
  first: fc.nat(2),
});

describe('batches that C puts together', function () {
  this.timeout(120_000);
  let runnable: readonly InstructionSet[] = [];

  before(async function () {
    const compiler = await compilerNamed();
    if (compiler === undefined) skip(this, 'there is no C compiler');
    runnable = await runnableSets(compiler);
  });

  for (const isa of INSTRUCTION_SETS) {
    it(`are the Batcher's, to the bit, with any number of threads, on ${isa}`, async function () {
      if (!runnable.includes(isa)) skip(this, `this processor or compiler has no ${isa}`);
      const echoes = await Promise.all([1, 2, 3].map((threads) => openEcho(isa, threads)));
      try {
        await fc.assert(
          fc.asyncProperty(cases, async ({ threads, height, width, channels, count, seed, shuffle, augment, epoch, first }) => {
            const echo = echoes[threads - 1]!;
            const mean = [0.1, 0.5, 0.9, 0.3, 0.2];
            const batcher = new Batcher(noise(count, [height, width, channels]), { seed, shuffle, augment, mean });
            const batches = Math.floor(count / BATCH);
            const calls = batches - first;
            const got = await runSeries(echo, batcher.select(epoch, first * BATCH, calls * BATCH), calls);
            const image = new Uint8Array(got.image.length);
            const label = new Int32Array(BATCH);
            const target = new Float32Array(BATCH * CLASSES);
            batcher.fill(epoch, (batches - 1) * BATCH, image, label, target);
            assert.deepEqual(got.image, image);
            assert.deepEqual(got.label, label);
            assert.deepEqual(got.target, target);
            for (const [i, [lr, step, filling, seconds]] of got.outputs.entries()) {
              assert.deepEqual([lr, step], [0.5 ** i, 2 ** 20 + i]);
              assert.ok(filling! >= 0 && seconds! >= filling! && Number.isFinite(seconds), 'the call and its batch were timed');
            }
            assert.equal(got.outputs.length, calls);
            const scattered = new Batcher(backwards(batcher.set), batcher.options);
            const again = await runSeries(echo, scattered.select(epoch, first * BATCH, calls * BATCH), calls);
            scattered.fill(epoch, (batches - 1) * BATCH, image, label, target);
            for (const other of [again, { image, label, target }])
              assert.deepEqual([other.image, other.label, other.target], [got.image, got.label, got.target]);
          }),
          { numRuns: 300 },
        );
      } finally {
        for (const echo of echoes) echo.close();
      }
    });
  }

  it('are padded at the end of a test set', async () => {
    const [isa] = runnable as [InstructionSet];
    const echo = await openEcho(isa, 3);
    try {
      const set = noise(2 * BATCH + 5, [3, 4, 3]);
      const got = await runSeries(echo, selectInOrder(set, BATCH, 1, 2), 2);
      const image = new Uint8Array(got.image.length);
      const label = new Int32Array(BATCH);
      fillInOrder(set, BATCH, 2, image, label);
      assert.deepEqual([got.image, got.label], [image, label]);
      const again = await runSeries(echo, selectInOrder(backwards(set), BATCH, 1, 2), 2);
      fillInOrder(backwards(set), BATCH, 2, image, label);
      assert.deepEqual([again.image, again.label, image, label], [got.image, got.label, got.image, got.label]);
    } finally {
      echo.close();
    }
  });
});

describe('a series that does not fit', () => {
  const set = noise(20, [3, 4, 3]);
  const calls = [{ fn: 'train_step' as const, rates: { lr: 0 }, step: 0 }];
  const order = new Uint32Array(BATCH);
  const fit: BatchSelection = { source: set, order, augment: undefined };
  const pack = (selection: BatchSelection, shape: Shape = [3, 4, 3]) =>
    packSeries(selection, calls, [{ index: 0, layout: layoutFor(shape) }]);

  it('is refused before it reaches memory that is not its own', () => {
    pack(fit);
    pack({ ...fit, order: order.with(3, NO_IMAGE) });
    assert.throws(() => pack({ ...fit, order: order.with(3, 20) }), /no image 20 among 20/);
    assert.throws(() => pack({ ...fit, order: order.subarray(1) }), /12 images for 13 places/);
    assert.throws(() => pack(fit, [4, 3, 3]), /takes images \[4,3,3\], not \[3,4,3\]/);
    assert.throws(() => pack({ ...fit, source: { ...set, labels: set.labels.subarray(1) } }), /19 labels do not fit/);
  });

  it('is refused for a function with other inputs', () => {
    const layout = layoutFor([3, 4, 3]);
    const inputs = new Map([...layout.inputs, ['other', layout.inputs.get('lr')!]]);
    assert.throws(() => packSeries(fit, calls, [{ index: 0, layout: { ...layout, inputs } }]), /cannot run in a series/);
  });
});
