import { isInput } from '../ir/structure.js';
import { elementCount } from '../ir/types.js';
import type { FunctionName, Plan } from '../plan/plan.js';
import type { InputData } from '../runtime/backend.js';
import { findFunction, furtherBuffers, furtherInputs, inputNames, rateInputs, targetBuffer } from '../training/states.js';

/** A learning rate, that of all groups too, that leaves the weights in a normal range. */
export const BENCH_RATE = 1e-4;

/** One batch of noise with labels, and a learning rate. */
export function makeInputs(plan: Plan, name: FunctionName, classes: number): Record<string, InputData> {
  const fn = findFunction(plan, name);
  if (fn === undefined) throw new Error(`the plan has no ${name}`);
  const image = fn.graph.nodes.find((node) => isInput(node) && node.attrs.name === 'image');
  if (image === undefined) throw new Error(`${name} has no image`);
  const noise = new Uint8Array(elementCount(image.type.shape));
  for (let i = 0; i < noise.length; i += 1) noise[i] = (Math.imul(i, 2654435761) >>> 13) & 255;
  const label = Int32Array.from({ length: fn.batch }, (_, i) => i % classes);
  const target = targetBuffer(fn.graph);
  target?.forEach((_, i) => {
    target[i] = Number(i % classes === label[Math.floor(i / classes)]);
  });
  const further = furtherBuffers(fn.graph);
  for (const values of Object.values(further)) for (let i = 0; i < values.length; i += 1) values[i] = noise[i % noise.length]! / 255;
  const all: Record<string, InputData> = {
    image: noise,
    label,
    ...(target && { target }),
    ...furtherInputs(further),
    ...rateInputs(fn.graph, BENCH_RATE),
    step: Int32Array.of(0),
  };
  const wanted = inputNames(fn.graph);
  return Object.fromEntries(Object.entries(all).filter(([input]) => wanted.has(input)));
}
