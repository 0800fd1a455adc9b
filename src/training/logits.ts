import { isInput } from '../ir/structure.js';
import { elementCount, type Shape } from '../ir/types.js';
import type { Plan } from '../plan/plan.js';
import type { Executable } from '../runtime/backend.js';
import { findFunction } from './states.js';

/** What a plan evaluates: images of a shape, so many at once. */
export interface Evaluated {
  readonly batch: number;
  /** [height, width, channels] */
  readonly shape: Shape;
}

export function evaluatedOf(plan: Plan): Evaluated {
  const fn = findFunction(plan, 'eval_step');
  const input = fn?.graph.nodes.find((node) => isInput(node) && node.attrs.name === 'image');
  if (fn === undefined || input === undefined) throw new Error('the plan has no eval_step with an image');
  return { batch: fn.batch, shape: input.type.shape.slice(1) };
}

/** The inputs of an evaluation of at most one batch of images. */
export function inputsOf(
  { batch, shape }: Evaluated,
  images: readonly Uint8Array[],
): { readonly image: Uint8Array; readonly label: Int32Array } {
  const size = elementCount(shape);
  const image = new Uint8Array(batch * size);
  for (const [slot, pixels] of images.entries()) image.set(pixels, slot * size);
  return { image, label: new Int32Array(batch).fill(-1) };
}

/** What the model gives for each of at most one batch of images. */
export async function logitsOf(executable: Executable, plan: Plan, images: readonly Uint8Array[]): Promise<readonly Float32Array[]> {
  const evaluated = evaluatedOf(plan);
  await executable.call('eval_step', inputsOf(evaluated, images));
  const logits = await executable.readOutput('logits');
  await executable.drain();
  const width = logits.length / evaluated.batch;
  return images.map((_, slot) => logits.slice(slot * width, (slot + 1) * width));
}
