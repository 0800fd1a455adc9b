import type { Plan, PlanFunction } from '../../src/plan/plan.js';
import type { Executable, Inputs, Scalars } from '../../src/runtime/backend.js';
import { initialStates } from '../../src/training/states.js';

/** Made-up inputs of a function, different at every step. */
export function inputsAt({ graph }: PlanFunction, step: number): Inputs {
  const shapeOf = (name: string) => graph.nodes.find((node) => node.op === 'input' && node.attrs.name === name)?.type.shape;
  const image = shapeOf('image')!;
  const pixels = image.reduce((product, size) => product * size, 1);
  const all: Record<string, Uint8Array | Int32Array | Float32Array> = {
    image: Uint8Array.from({ length: pixels }, (_, i) => (Math.imul(i + 31 * step, 2654435761) >>> 13) & 255),
    label: Int32Array.from({ length: image[0]! }, (_, i) => (i + step) % 10),
    lr: Float32Array.of(1e-3),
    'lr.1': Float32Array.of(1e-3),
    average: Float32Array.of(0.25),
    step: Int32Array.of(step),
  };
  return Object.fromEntries(Object.entries(all).filter(([name]) => shapeOf(name) !== undefined));
}

export interface Outcome {
  readonly scalars: readonly Scalars[];
  readonly states: ReadonlyMap<string, Float32Array | Int32Array>;
}

/** Trains from the initial states for some steps on made-up inputs, and disposes of the executable. */
export async function train(executable: Executable, plan: Plan, steps: number): Promise<Outcome> {
  try {
    await executable.writeStates(initialStates(plan, 3));
    const functions = plan.functions.filter((fn) => fn.name !== 'eval_step');
    // Micro-batches come before the step that uses them.
    for (let step = 0; step < steps; step += 1)
      for (const fn of [...functions].reverse()) await executable.call(fn.name, inputsAt(fn, step));
    return { scalars: await executable.drain(), states: await executable.readStates() };
  } finally {
    await executable.dispose();
  }
}

function bytesOf(values: ArrayBufferView): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

/** Names of the states whose bits differ, and of the scalars of some step that differ. */
export function differences(a: Outcome, b: Outcome): string[] {
  const scalars = a.scalars.flatMap((step, i) =>
    Object.entries(step).flatMap(([name, value]) => (Object.is(value, b.scalars[i]?.[name]) ? [] : [`${name} of step ${i}`])),
  );
  const states = [...a.states].flatMap(([name, elements]) => (bytesOf(elements).equals(bytesOf(b.states.get(name)!)) ? [] : [name]));
  return [...scalars, ...states];
}
