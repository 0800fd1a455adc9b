import type { Program } from '../../src/ir/program.js';
import type { Graph } from '../../src/ir/types.js';
import { elementCount, numberAttr, stringAttr } from '../../src/ir/types.js';
import { type InitialKind, initialState } from '../../src/random/initial.js';
import type { InputData } from '../../src/runtime/backend.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import { namedRandom } from '../ops/random.js';

export type Doubles = Map<string, Float64Array | Int32Array>;

/** First values of the graphs' states, floats in double precision. */
export function initialDoubles(...graphs: readonly Graph[]): Doubles {
  const states: Doubles = new Map();
  for (const { attrs, op, type } of graphs.flatMap((graph) => graph.nodes)) {
    if (op !== 'state') continue;
    const name = stringAttr(attrs, 'name');
    const first = initialState({ name, init: attrs.init as InitialKind, value: numberAttr(attrs, 'value') }, type.shape, 7);
    states.set(name, type.dtype === 'i32' ? Int32Array.from(first) : Float64Array.from(first));
  }
  return states;
}

/** One call in double precision, without any rounding: outputs by name. Written states change in `states`. */
export function callInDoubles(
  graph: Graph,
  inputs: Readonly<Record<string, InputData>>,
  states: Doubles,
): Readonly<Record<string, number>> {
  const { values, writes } = evaluateGraph(graph, inputs, states, { float64: true });
  for (const [name, elements] of writes) states.set(name, (elements as Float64Array).slice());
  return Object.fromEntries(Object.entries(graph.outputs).map(([name, id]) => [name, values.get(id)![0]]));
}

/** A random batch, and the other inputs of a training step. */
export function randomInputs({ recipe }: Program, seed: number, { batch = recipe.train.batch, lr = recipe.train.optimizer.lr } = {}) {
  const random = namedRandom('inputs', seed);
  return {
    image: Uint8Array.from({ length: batch * elementCount(recipe.inputShape) }, () => random.int(0, 255)),
    label: Int32Array.from({ length: batch }, () => random.int(0, recipe.classes - 1)),
    lr: Float32Array.of(lr),
    average: Float32Array.of(0.25),
    step: Int32Array.of(seed),
  };
}
