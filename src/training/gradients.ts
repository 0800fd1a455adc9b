import { isState } from '../ir/structure.js';
import { elementCount, isFloat, type ValueId } from '../ir/types.js';
import { trainStep } from '../plan/facts.js';
import { observe } from '../plan/observe.js';
import type { Plan } from '../plan/plan.js';
import type { Executable, InputData } from '../runtime/backend.js';
import type { Batcher } from './data/batcher.js';
import { furtherBuffers, furtherInputs, inputNames, planStates, rateInputs, type StateValues, targetBuffer } from './states.js';

export interface GradientsOf {
  readonly plan: Plan;
  readonly states: StateValues;
  /** Loads another plan beside the run's own, which it leaves alone. */
  readonly load: (plan: Plan) => Promise<Executable>;
  readonly batcher: Batcher;
  /** From 0; the gradients are those of its first images. */
  readonly epoch: number;
  /** Steps before, which dropout draws by. */
  readonly step: number;
}

/** The values that hold the gradients of parameters, by the parameters' names: what the last op of the backward pass leaves for each. */
function gradientValues({ nodes }: ReturnType<typeof trainStep>['graph']): ReadonlyMap<string, ValueId> {
  const found = new Map<string, ValueId>();
  for (const { id, gradOf, type } of nodes) {
    const of = gradOf === undefined ? undefined : nodes[gradOf]!;
    if (of !== undefined && isState(of) && of.attrs.role === 'parameter' && isFloat(type.dtype)) found.set(String(of.attrs.name), id);
  }
  return found;
}

/**
 * The gradients of all trained parameters for the first images of an epoch, without the loss scale. With `accumulate` they are those of one
 * micro-batch.
 */
export async function parameterGradients({
  plan,
  states,
  load,
  batcher,
  epoch,
  step,
}: GradientsOf): Promise<ReadonlyMap<string, Float32Array>> {
  const { graph, batch } = trainStep(plan);
  const values = gradientValues(graph);
  const outputs = new Map([...values].map(([name, id], index) => [`gradient_${index}`, { name, id }]));
  const observed = observe(plan, new Map([...outputs].map(([output, { id }]) => [output, id])));
  const only = observed.functions.filter(({ name }) => name === 'train_step');
  const alone = { ...observed, functions: only };
  const known = new Set(planStates(alone).map(({ name }) => name));
  const executable = await load(alone);
  try {
    await executable.writeStates(new Map([...states].filter(([name]) => known.has(name))));
    const [image, label, target] = [new Uint8Array(batch * elementCount(batcher.set.shape)), new Int32Array(batch), targetBuffer(graph)];
    const further = furtherBuffers(graph);
    await batcher.hold(epoch, 0, batch);
    batcher.fill(epoch, 0, image, label, target, further);
    const all: Record<string, InputData> = {
      image,
      label,
      ...(target && { target }),
      ...furtherInputs(further),
      ...rateInputs(graph, 0),
      step: Int32Array.of(step),
    };
    const wanted = inputNames(graph);
    await executable.call('train_step', Object.fromEntries(Object.entries(all).filter(([name]) => wanted.has(name))));
    const [scalars] = await executable.drain();
    const found = new Map<string, Float32Array>();
    for (const [output, { name }] of outputs) {
      const gradient = await executable.readOutput(output);
      found.set(
        name,
        gradient.map((value) => value / (scalars?.scale ?? 1)),
      );
    }
    return found;
  } finally {
    await executable.dispose();
  }
}
