import type { DType, TensorType } from '../ir/types.js';
import type { SampleRandom } from './op.js';

export function tensor(dtype: DType, ...shape: readonly number[]): TensorType {
  return { dtype, shape };
}

export function f32(...shape: readonly number[]): TensorType {
  return { dtype: 'f32', shape };
}

/** Channel counts around and off the vector widths of the backends. */
const CHANNELS = [1, 2, 3, 5, 8, 16, 17, 33];

export function sampleChannels(random: SampleRandom): number {
  return random.pick(CHANNELS);
}

/** [batch, height, width, channels] with odd sizes and batch 1 among them. */
export function sampleImage(random: SampleRandom): readonly number[] {
  return [random.int(1, 3), random.int(2, 7), random.int(2, 7), sampleChannels(random)];
}

/** [batch, features]. */
export function sampleMatrix(random: SampleRandom): readonly number[] {
  return [random.int(1, 5), sampleChannels(random)];
}

export function sampleShape(random: SampleRandom): readonly number[] {
  return random.pick([sampleImage, sampleMatrix, (r: SampleRandom) => [r.int(1, 40)]])(random);
}
