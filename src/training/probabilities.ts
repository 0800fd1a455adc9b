import type { Graph } from '../ir/types.js';
import { probabilitiesToTake } from '../plan/facts.js';

function softmax(logits: Float32Array): number[] {
  const greatest = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = Array.from(logits, (value) => Math.exp(value - greatest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** Probabilities of the classes from what the model gives, by how they are to be taken (`probabilitiesToTake`). */
const PROBABILITIES = {
  none: (values: Float32Array) => [...values],
  distribution: softmax,
  independent: (values: Float32Array) => Array.from(values, (value) => 1 / (1 + Math.exp(-value))),
};

/** Makes probabilities of the classes of what the model of `evaluation`, an eval_step, results in for one image. */
export function probabilitiesBy(evaluation: Graph): (values: Float32Array) => readonly number[] {
  return PROBABILITIES[probabilitiesToTake(evaluation)];
}
