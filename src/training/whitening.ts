import type { DatasetSpec } from '../ir/program.js';
import { eigenOf } from '../numeric/eigen.js';
import type { Plan } from '../plan/plan.js';
import { signed } from '../random/initial.js';
import { Batcher } from './data/batcher.js';
import type { ImageSet } from './data/dataset.js';
import { planStates, type StateInfo } from './states.js';

/** Images that are looked at together. */
const PART = 250;

/** Sums over the patches of images: of each number of a patch, and of the products of each two. Exact, since they are sums of bytes. */
class PatchSums {
  readonly size: number;
  readonly sums: Float64Array;
  readonly products: Float64Array;
  count = 0;

  constructor(
    private readonly window: readonly [rows: number, columns: number],
    private readonly shape: readonly [height: number, width: number, channels: number],
  ) {
    this.size = window[0] * window[1] * shape[2];
    this.sums = new Float64Array(this.size);
    this.products = new Float64Array(this.size * this.size);
  }

  /** Takes in all patches of an image of bytes. */
  add(image: Uint8Array): void {
    const { size, sums, products, window, shape } = this;
    const [height, width, channels] = shape;
    const length = window[1] * channels;
    const patch = new Float64Array(size);
    for (let y = 0; y + window[0] <= height; y += 1) {
      for (let x = 0; x + window[1] <= width; x += 1) {
        for (let row = 0; row < window[0]; row += 1) {
          const from = ((y + row) * width + x) * channels;
          for (let i = 0; i < length; i += 1) patch[row * length + i] = image[from + i]!;
        }
        for (let i = 0; i < size; i += 1) {
          const value = patch[i]!;
          sums[i]! += value;
          for (let j = i; j < size; j += 1) products[i * size + j]! += value * patch[j]!;
        }
        this.count += 1;
      }
    }
  }

  /** The uncentred covariance of the patches once `a * byte - b` is taken of each byte, by channel. */
  covariance(a: readonly number[], b: readonly number[]): Float64Array {
    const { size, sums, products, count } = this;
    const channels = a.length;
    return Float64Array.from({ length: size * size }, (_, at) => {
      const [i, j] = [Math.floor(at / size), at % size];
      const [c, d] = [i % channels, j % channels];
      const product = products[Math.min(i, j) * size + Math.max(i, j)]!;
      return (a[c]! * a[d]! * product - a[c]! * b[d]! * sums[i]! - b[c]! * a[d]! * sums[j]!) / count + b[c]! * b[d]!;
    });
  }
}

/** The filters [rows, columns, in, out] that make patches of such a covariance white, and their negatives, largest variance first. */
export function whiteningFilters(covariance: ArrayLike<number>, eps: number): Float32Array {
  const { values, vectors } = eigenOf(covariance);
  const size = values.length;
  return signed(
    Float64Array.from({ length: size * size }, (_, at) => {
      const [place, filter] = [Math.floor(at / size), at % size];
      return vectors[filter]![place]! / Math.sqrt(Math.max(0, values[filter]!) + eps);
    }),
  );
}

/** Sums over the patches of the first images of a set, as many as there are, as the model is given them but for what training changes. */
async function sumPatches(set: ImageSet, window: readonly [number, number], images: number): Promise<PatchSums> {
  const sums = new PatchSums(window, set.shape as readonly [number, number, number]);
  const batcher = new Batcher(set, { seed: 0, shuffle: false });
  const bytes = set.shape.reduce((product, length) => product * length, 1);
  const count = Math.min(images, set.count);
  const part = Math.min(PART, batcher.room);
  for (let first = 0; first < count; first += part) {
    const labels = new Int32Array(Math.min(part, count - first));
    const pixels = new Uint8Array(labels.length * bytes);
    await batcher.hold(0, first, labels.length);
    batcher.fill(0, first, pixels, labels);
    for (let i = 0; i < labels.length; i += 1) sums.add(pixels.subarray(i * bytes, (i + 1) * bytes));
  }
  return sums;
}

/** The states of a plan that start as whitening filters. */
function whitened(plan: Plan): readonly StateInfo[] {
  return planStates(plan).filter(({ init }) => init === 'whiten');
}

/**
 * Those states of a plan that start as whitening filters, of the first training images: the same bits for any number of threads and on any
 * backend. `known` names those that have a value already. Rejects as `Supply.hold`.
 */
export async function whitenedStates(
  plan: Plan,
  set: ImageSet,
  { mean, std }: Pick<DatasetSpec, 'mean' | 'std'>,
  known: ReadonlySet<string> = new Set(),
): Promise<ReadonlyMap<string, Float32Array>> {
  const found = new Map<string, Float32Array>();
  const factors = std.map((deviation) => 1 / (255 * deviation));
  const offsets = std.map((deviation, channel) => mean[channel]! / deviation);
  for (const { name, shape, value, images = set.count } of whitened(plan)) {
    if (known.has(name)) continue;
    const sums = await sumPatches(set, [shape[0]!, shape[1]!], images);
    found.set(name, whiteningFilters(sums.covariance(factors, offsets), value));
  }
  return found;
}
