import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drawChanges } from '../../../src/datasets/augmentation.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import { divideEpoch } from '../../../src/ir/epoch.js';
import type { Recipe } from '../../../src/ir/program.js';
import type { Graph, StateRole } from '../../../src/ir/types.js';
import type { FunctionName, Plan, PlanFunction } from '../../../src/plan/plan.js';
import { defaultTarget } from '../../../src/plan/target.js';
import { threefry2x32 } from '../../../src/random/threefry.js';
import {
  type BatchSelection,
  type CallOptions,
  type Executable,
  type Inputs,
  NO_IMAGE,
  type NonFinite,
  type Scalars,
  type SeriesCall,
} from '../../../src/runtime/backend.js';
import type { Dataset, ImageSet } from '../../../src/training/data/dataset.js';

export const FEATURES = 12;
export const CLASSES = 3;

interface FakeState {
  readonly name: string;
  readonly role: StateRole;
  readonly shape: readonly number[];
  readonly init: 'uniform' | 'constant';
  readonly value: number;
  readonly dtype?: 'i32';
}

const STATES: readonly FakeState[] = [
  { name: 'fc.weight', role: 'parameter', shape: [FEATURES, CLASSES], init: 'uniform', value: 0.1 },
  { name: 'fc.bias', role: 'parameter', shape: [CLASSES], init: 'constant', value: 0 },
  { name: 'bn.running_mean', role: 'statistic', shape: [FEATURES], init: 'constant', value: 0 },
  { name: 'fc.weight.momentum', role: 'optimizer', shape: [FEATURES, CLASSES], init: 'constant', value: 0 },
  { name: 'optimizer.step', role: 'optimizer', shape: [], init: 'constant', value: 0, dtype: 'i32' },
  { name: 'fc.weight.grad', role: 'gradient', shape: [FEATURES, CLASSES], init: 'constant', value: 0 },
  { name: 'scaler.scale', role: 'scaler', shape: [], init: 'constant', value: 1024 },
];

export interface FakeOptions {
  readonly batch?: number;
  readonly evalBatch?: number;
  readonly accumulate?: number;
  readonly scaled?: boolean;
  /** Of an epoch: what is left of them has functions of its own. By default nothing is. */
  readonly images?: number;
}

function graph(name: FunctionName, batch: number, scaled: boolean): Graph {
  const builder = new GraphBuilder();
  builder.add({ op: 'input', attrs: { name: 'image' }, type: { dtype: 'u8', shape: [batch, 2, 2, 3] } });
  builder.add({ op: 'input', attrs: { name: 'label' }, type: { dtype: 'i32', shape: [batch] } });
  const updates = name === 'train_step' || name === 'tail_step';
  if (updates) builder.add({ op: 'input', attrs: { name: 'lr' }, type: { dtype: 'f32', shape: [] } });
  if (name !== 'eval_step') builder.add({ op: 'input', attrs: { name: 'step' }, type: { dtype: 'i32', shape: [] } });
  for (const { name: state, role, shape, init, value, dtype } of STATES) {
    if (name === 'eval_step' && role !== 'parameter' && role !== 'statistic') continue;
    builder.add({ op: 'state', attrs: { name: state, role, init, value }, type: { dtype: dtype ?? 'f32', shape } });
  }
  const results = { loss: 0, correct: 0 };
  if (name === 'eval_step') return builder.finish(name, { logits: 0, ...results });
  return builder.finish(name, updates && scaled ? { ...results, ok: 0, scale: 0 } : results);
}

export function fakePlan({ batch = 4, evalBatch = 4, accumulate = 1, scaled = true, images = 0 }: FakeOptions = {}): Plan {
  const fn = (name: FunctionName, size: number): PlanFunction => ({
    name,
    batch: size,
    graph: graph(name, size, scaled),
    groups: [],
    memory: { arena: 0, allocations: [] },
  });
  const functions = [fn('train_step', batch), fn('eval_step', evalBatch)];
  if (accumulate > 1) functions.push(fn('accumulate_step', batch));
  const { tail } = divideEpoch(images, batch, accumulate, false);
  if (tail !== undefined && tail.before > 0) functions.push(fn('tail_accumulate_step', batch));
  if (tail !== undefined) functions.push(fn('tail_step', tail.last));
  return { model: 'Fake', policy: 'mixed', precision: 'f16', target: defaultTarget('fake'), functions };
}

export function fakeRecipe(train: Partial<Recipe['train']> = {}): Recipe {
  return {
    model: 'Fake',
    inputShape: [2, 2, 3],
    classes: CLASSES,
    dataset: {
      name: 'shapes',
      source: { kind: 'known', name: 'shapes' },
      image: [2, 2, 3],
      mean: [0.5],
      std: [0.5],
      augment: [{ kind: 'flip' }, { kind: 'crop', padding: 1 }],
    },
    precision: { compute: 'f16', policy: 'mixed', lossScaling: undefined, pins: [] },
    train: {
      loss: { kind: 'cross_entropy', labelSmoothing: 0, reduction: 'mean' },
      optimizer: { kind: 'sgd', lr: 0.1, momentum: 0.9, nesterov: false, weightDecay: 0 },
      schedule: { kind: 'cosine', min: 0.1 },
      warmup: 0.5,
      clip: 0,
      batch: 4,
      accumulate: 1,
      dropLast: true,
      epochs: 3,
      seed: 7,
      onLostLoss: 'stop',
      ...train,
    },
  };
}

function images(count: number, salt: number): ImageSet {
  const bytes = new Uint8Array(count * FEATURES);
  const labels = new Int32Array(count);
  for (let index = 0; index < count; index++) {
    labels[index] = (index * 7 + salt) % CLASSES;
    for (let byte = 0; byte < FEATURES; byte++)
      bytes[index * FEATURES + byte] = ((index * 31 + byte * 17 + salt) % 150) + (byte % CLASSES === labels[index] ? 90 : 0);
  }
  return { images: bytes, labels, count, shape: [2, 2, 3] };
}

export function fakeDataset(train = 43, test = 10): Dataset {
  return { name: 'fake', classes: ['a', 'b', 'c'], train: images(train, 1), test: images(test, 5) };
}

export interface Call {
  readonly fn: FunctionName;
  readonly lr: number | undefined;
  readonly step: number | undefined;
  readonly labels: readonly number[];
  readonly traced: boolean;
}

/** The images and labels of places `first` to `first + count - 1` of a selection, pixel by pixel. */
function selected({ source, order, augment }: BatchSelection, first: number, count: number): { image: Uint8Array; label: Int32Array } {
  const [height, width, channels] = source.shape as [number, number, number];
  const image = new Uint8Array(count * height * width * channels);
  const label = new Int32Array(count).fill(-1);
  for (let slot = 0; slot < count; slot++) {
    const number = order[first + slot];
    if (number === NO_IMAGE) continue;
    label[slot] = source.labels[number];
    const words = augment && threefry2x32(augment.seed, augment.stream, number, augment.epoch);
    const { down, right, mirrored } = drawChanges(augment?.draws ?? [], words ?? [0, 0]);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const [row, column] = [y + down, (mirrored % 2 === 0 ? x : width - 1 - x) + right];
        if (row < 0 || row >= height || column < 0 || column >= width) continue;
        const from = ((number * height + row) * width + column) * channels;
        image.set(source.images.subarray(from, from + channels), ((slot * height + y) * width + x) * channels);
      }
  }
  return { image, label };
}

/**
 * Softmax regression with momentum, in f32 steps. Reads its inputs as late as the interface allows, so that a loop which reuses a buffer
 * too early computes something else.
 */
export class FakeExecutable implements Executable {
  readonly compileMs = 0;
  readonly memory = { states: 0, arena: 0, workspace: 0 };
  readonly calls: Call[] = [];
  drains = 0;
  /** The most calls that came as one series. */
  longestSeries = 0;
  /** Steps (values of the `step` input) whose gradients overflow. */
  overflow: (step: number) => boolean = () => false;
  /** The norm that the gradients of a step are clipped by; none is reported where this is undefined. */
  norm: ((step: number) => number) | undefined;
  private readonly states = new Map<string, Float32Array | Int32Array>();
  private readonly results: Scalars[] = [];
  private queue: Promise<void> = Promise.resolve();
  private logits = new Float32Array(0);
  private traced: NonFinite | undefined;

  /** Several calls in one, with batches that are put together here, as `cpu` has it. A test of the other way sets it to undefined. */
  series: Executable['series'];

  /** `plan`: says how many images the batches of a series have. */
  constructor(
    plan: Plan = fakePlan(),
    private readonly scaled = true,
  ) {
    const sizes = new Map(plan.functions.map(({ name, batch }) => [name, batch]));
    this.series = (batches, calls) => this.runSeries(batches, calls, sizes);
    for (const { name, shape, dtype } of STATES) {
      const count = shape.reduce((a, b) => a * b, 1);
      this.states.set(name, dtype === 'i32' ? new Int32Array(count) : new Float32Array(count));
    }
  }

  call(fn: FunctionName, inputs: Inputs, options?: CallOptions): Promise<void> {
    this.queue = this.queue.then(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      this.run(fn, inputs, options?.trace === true);
    });
    return this.queue;
  }

  private runSeries(batches: BatchSelection, calls: readonly SeriesCall[], sizes: ReadonlyMap<string, number>): Promise<readonly number[]> {
    const places = calls.reduce((sum, { fn }) => sum + sizes.get(fn)!, 0);
    if (places !== batches.order.length) throw new Error(`an order of ${batches.order.length} images for ${places} places`);
    this.longestSeries = Math.max(this.longestSeries, calls.length);
    let first = 0;
    for (const { fn, rates, step } of calls) {
      const { lr = 0 } = rates;
      const start = first;
      first += sizes.get(fn)!;
      this.queue = this.queue.then(async () => {
        await new Promise((resolve) => setImmediate(resolve));
        const updates = fn === 'train_step' || fn === 'tail_step';
        this.run(
          fn,
          {
            ...selected(batches, start, sizes.get(fn)!),
            ...(updates && { lr: Float32Array.of(lr) }),
            ...(fn !== 'eval_step' && { step: Int32Array.of(step) }),
          },
          false,
        );
      });
    }
    return this.queue.then(() => calls.map(() => 0));
  }

  /** Makes a running statistic infinite, which changes no loss. */
  breakStatistic(): void {
    this.float('bn.running_mean')[1] = Number.POSITIVE_INFINITY;
  }

  private float(name: string): Float32Array {
    return this.states.get(name) as Float32Array;
  }

  private run(fn: FunctionName, inputs: Inputs, trace: boolean): void {
    const step = inputs.step?.[0];
    const labels = Array.from(inputs.label ?? []);
    this.calls.push({ fn, lr: inputs.lr?.[0], step, labels, traced: trace });
    const overflow = fn !== 'eval_step' && this.overflow(step ?? 0);
    if (trace) this.traced = overflow ? { function: fn, node: 5 } : undefined;
    const { loss, correct, gradient } = this.forward(inputs.image as Uint8Array, labels, (step ?? 0) * 1e-3);
    if (fn === 'eval_step') {
      this.results.push({ loss, correct });
      return;
    }
    const sum = this.float('fc.weight.grad');
    for (const [index, value] of gradient.entries()) sum[index] += value;
    if (fn === 'accumulate_step' || fn === 'tail_accumulate_step') {
      this.results.push({ loss, correct });
      return;
    }
    const scale = this.float('scaler.scale')[0];
    const skip = overflow && this.scaled;
    if (!skip) this.update(sum, inputs.lr?.[0] ?? 0);
    else this.float('scaler.scale')[0] /= 2;
    sum.fill(0);
    this.results.push({
      loss: overflow ? Number.NaN : loss,
      correct,
      ...(this.scaled && { ok: skip ? 0 : 1, scale }),
      ...(this.norm && { norm: this.norm(step ?? 0) }),
    });
  }

  private update(gradient: Float32Array, lr: number): void {
    const [weight, momentum] = [this.float('fc.weight'), this.float('fc.weight.momentum')];
    for (const [index, value] of gradient.entries()) {
      momentum[index] = 0.9 * momentum[index] + value;
      weight[index] -= lr * momentum[index];
    }
    (this.states.get('optimizer.step') as Int32Array)[0] += 1;
    this.float('bn.running_mean')[0] += 1;
  }

  private forward(image: Uint8Array, labels: readonly number[], noise: number) {
    const weight = this.float('fc.weight');
    const gradient = new Float64Array(weight.length);
    this.logits = new Float32Array(labels.length * CLASSES);
    let loss = 0;
    let correct = 0;
    for (const [row, label] of labels.entries()) {
      const x = Array.from({ length: FEATURES }, (_, index) => image[row * FEATURES + index] / 255 - 0.5 + noise);
      const scores = Array.from({ length: CLASSES }, (_, to) =>
        x.reduce((sum, value, from) => sum + value * weight[from * CLASSES + to], 0),
      );
      this.logits.set(scores, row * CLASSES);
      if (label < 0) continue;
      const total = scores.reduce((sum, score) => sum + Math.exp(score), 0);
      loss += (Math.log(total) - scores[label]) / labels.length;
      if (scores.indexOf(Math.max(...scores)) === label) correct++;
      for (const [to, score] of scores.entries()) {
        const error = (Math.exp(score) / total - (to === label ? 1 : 0)) / labels.length;
        for (const [from, value] of x.entries()) gradient[from * CLASSES + to] += error * value;
      }
    }
    return { loss: Math.fround(loss), correct, gradient };
  }

  async drain(): Promise<readonly Scalars[]> {
    this.drains++;
    await this.queue;
    return this.results.splice(0);
  }

  async readOutput(): Promise<Float32Array> {
    await this.queue;
    return this.logits;
  }

  async nonFinite(): Promise<NonFinite | undefined> {
    return this.traced;
  }

  async readStates(): Promise<ReadonlyMap<string, Float32Array | Int32Array>> {
    await this.queue;
    return new Map([...this.states].map(([name, data]) => [name, data.slice()]));
  }

  async writeStates(values: ReadonlyMap<string, Float32Array | Int32Array>): Promise<void> {
    await this.queue;
    for (const [name, data] of values) this.states.get(name)?.set(data);
  }

  async dispose(): Promise<void> {}
}

/** Runs `body` with a new folder that is removed afterwards. */
export async function inTemporaryFolder<T>(body: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'ampc-test-'));
  try {
    return await body(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Hash of every file in a folder, to show that nothing in it changed. */
export async function snapshot(dir: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of (await readdir(dir)).sort())
    files[name] = createHash('sha256')
      .update(await readFile(join(dir, name)))
      .digest('hex');
  return files;
}

/** Lines of metrics.jsonl without what depends on the clock. */
export async function readMetrics(run: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(join(run, 'metrics.jsonl'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const {
        seconds: _seconds,
        images_per_second: _rate,
        data_share: _share,
        run: _run,
        ...rest
      } = JSON.parse(line) as Record<string, unknown>;
      return rest;
    });
}
