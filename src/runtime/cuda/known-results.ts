import type { LowType } from '../../ir/types.js';
import { round } from '../../numeric/encoding.js';
import type { StateElements } from '../state-elements.js';

/** Sizes of the network of `check-plan.ts`: a convolution of 3x3 and a linear layer, all of whose numbers are whole. */
const [BATCH, SIDE, CHANNELS, FILTERS, CLASSES] = [16, 8, 3, 16, 16];
const PLACES = SIDE * SIDE;
const FEATURES = PLACES * FILTERS;

/** What the scale is where nothing overflows, and one that makes every gradient overflow. */
export const SCALE = 1024;
export const TOO_LARGE = 2 ** 127;

/** Whole numbers from -limit to limit that look random. */
function whole(length: number, limit: number, seed: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => ((Math.imul(i + 1, 2654435761) ^ Math.imul(seed, 40503)) >>> 11) % (2 * limit + 1)).map(
    (x) => x - limit,
  );
}

/** Black or white: -1 or 1, normalised. */
const PIXELS = Uint8Array.from(whole(BATCH * PLACES * CHANNELS, 3, 5), (x) => (x > 0 ? 255 : 0));
const SIGNS = Float32Array.from(PIXELS, (pixel) => (pixel === 0 ? -1 : 1));

/** Each class but the last once; it twice, so that biases and the linear layer's weights have gradients. */
const LABELS = Int32Array.from({ length: BATCH }, (_, i) => Math.max(1, i));

export const INPUTS = { image: PIXELS, label: LABELS, lr: Float32Array.of(1) } as const;

/** Calls `visit` with each product of the convolution: of an image's element with a weight, which is added to an element of the result. */
function eachProduct(visit: (element: number, weight: number, result: number) => void): void {
  for (let image = 0; image < BATCH; image += 1)
    for (let at = 0; at < PLACES; at += 1)
      for (let tap = 0; tap < 9; tap += 1) {
        const y = Math.floor(at / SIDE) + Math.floor(tap / 3) - 1;
        const x = (at % SIDE) + (tap % 3) - 1;
        if (y < 0 || y >= SIDE || x < 0 || x >= SIDE) continue;
        for (let channel = 0; channel < CHANNELS; channel += 1)
          for (let filter = 0; filter < FILTERS; filter += 1)
            visit(
              (image * PLACES + y * SIDE + x) * CHANNELS + channel,
              (tap * CHANNELS + channel) * FILTERS + filter,
              (image * PLACES + at) * FILTERS + filter,
            );
      }
}

/** Calls `visit` with each product of the linear layer. */
function eachFeature(visit: (feature: number, weight: number, result: number) => void): void {
  for (let image = 0; image < BATCH; image += 1)
    for (let feature = 0; feature < FEATURES; feature += 1)
      for (let c = 0; c < CLASSES; c += 1) visit(image * FEATURES + feature, feature * CLASSES + c, image * CLASSES + c);
}

type States = Readonly<Record<'conv.weight' | 'conv.bias' | 'fc.weight' | 'fc.bias', Float32Array>>;

/** Logits of whole weights: sums of thousands, most of which lie between two numbers of the low format, many in the middle. */
export function logitsCase(low: LowType): { readonly states: States; readonly logits: Float32Array } {
  const states = {
    'conv.weight': whole(9 * CHANNELS * FILTERS, 3, 1),
    'conv.bias': whole(FILTERS, 8, 2),
    'fc.weight': whole(FEATURES * CLASSES, 9, 3),
    'fc.bias': whole(CLASSES, 100, 4),
  };
  const hidden = Float32Array.from({ length: BATCH * FEATURES }, (_, i) => states['conv.bias'][i % FILTERS]!);
  eachProduct((element, weight, result) => {
    hidden[result]! += SIGNS[element]! * states['conv.weight'][weight]!;
  });
  const sums = Float32Array.from({ length: BATCH * CLASSES }, (_, i) => states['fc.bias'][i % CLASSES]!);
  eachFeature((feature, weight, result) => {
    sums[result]! += hidden[feature]! * states['fc.weight'][weight]!;
  });
  return { states, logits: sums.map((sum) => round(low, sum)) };
}

/**
 * A step of SGD with the rate 1. The convolution's results are all 1 and the biases of the linear layer make every logit 0: each class
 * has a probability of 1/16, and gradients are whole numbers over the scale.
 */
export function stepCase(): { readonly before: States; readonly after: States; readonly loss: number } {
  const weights = whole(FEATURES * CLASSES, 2, 6);
  const bias = new Float32Array(CLASSES);
  for (const [i, weight] of weights.entries()) bias[i % CLASSES]! -= weight;
  const before = {
    'conv.weight': new Float32Array(9 * CHANNELS * FILTERS),
    'conv.bias': new Float32Array(FILTERS).fill(1),
    'fc.weight': weights,
    'fc.bias': bias,
  };
  const after = Object.fromEntries(Object.entries(before).map(([name, values]) => [name, values.slice()])) as States;
  // Of the mean of the losses.
  const ofLogits = Float32Array.from({ length: BATCH * CLASSES }, (_, i) => {
    const isLabel = LABELS[Math.floor(i / CLASSES)] === i % CLASSES;
    return (1 / CLASSES - (isLabel ? 1 : 0)) / BATCH;
  });
  for (const [i, gradient] of ofLogits.entries()) after['fc.bias'][i % CLASSES]! -= gradient;
  const ofHidden = new Float32Array(BATCH * FEATURES);
  eachFeature((feature, weight, result) => {
    after['fc.weight'][weight]! -= ofLogits[result]!;
    ofHidden[feature]! += ofLogits[result]! * weights[weight]!;
  });
  for (const [i, gradient] of ofHidden.entries()) after['conv.bias'][i % FILTERS]! -= gradient;
  eachProduct((element, weight, result) => {
    after['conv.weight'][weight]! -= SIGNS[element]! * ofHidden[result]!;
  });
  return { before, after, loss: Math.log(CLASSES) };
}

/** Whether two lists of numbers are the same, zeros of either sign alike. */
export function isSame(got: StateElements | undefined, want: Float32Array): boolean {
  return got?.length === want.length && want.every((x, i) => x === got[i]);
}
