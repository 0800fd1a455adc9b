import { refuse } from './tensors.js';
import type { Pixels } from './values.js';

/** The shortest decimal number that is as near as f32 arithmetic comes. */
function shortest(value: number): string {
  for (let digits = 1; digits < 9; digits += 1) {
    const text = Number(value.toPrecision(digits));
    if (Math.abs(text - value) <= 2.5e-7 * Math.max(0.25, Math.abs(value))) return String(text);
  }
  return String(value);
}

function listed(numbers: readonly number[]): string {
  const texts = numbers.map(shortest);
  return texts.every((text) => text === texts[0]) ? texts[0]! : `[${texts.join(', ')}]`;
}

/** Factors below this are of pixels from 0 to 255, others of numbers from 0 to 1. */
const LARGEST_OF_BYTES = 0.05;

/**
 * What the data set does so that layers see pixels as in the model: (pixel / 255 - mean) / std is scale * pixel + shift. A model that takes
 * floats and neither shifts nor scales them was given normalized images, and does not say how.
 */
export function normalizeText({ scale, shift }: Pixels, isBytes: boolean): { readonly text: string; readonly notice?: string } {
  const isUntouched = scale.every((factor) => factor === 1) && shift.every((offset) => offset === 0);
  if (isUntouched && !isBytes)
    return {
      text: 'mean: 0, std: 1',
      notice:
        'the model does not say how its images were normalized: the file has normalize(mean: 0, std: 1), pixels from 0 to 1. ' +
        'Change it to what the model was trained with, such as normalize(imagenet)',
    };
  const unit = isBytes || scale.every((factor) => factor < LARGEST_OF_BYTES) ? 255 : 1;
  const std = scale.map((factor) => 1 / (unit * factor));
  const mean = shift.map((offset, i) => {
    const value = -offset * std[std.length === 1 ? 0 : i]!;
    return Math.abs(value) < 1e-7 ? 0 : value;
  });
  if (![...std, ...mean].every(Number.isFinite) || std.some((value) => value <= 0) || mean.some((value) => value < 0 || value > 1))
    return refuse('it shifts and scales pixels by what is no mean and deviation');
  return { text: `mean: ${listed(mean)}, std: ${listed(std)}` };
}
