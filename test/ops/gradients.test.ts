import assert from 'node:assert/strict';
import { GraphBuilder } from '../../src/ir/builder.js';
import type { Graph, ValueId } from '../../src/ir/types.js';
import { elementCount, isFloat } from '../../src/ir/types.js';
import { emit } from '../../src/ops/emit.js';
import { OPS, type OpName, opDefinition } from '../../src/ops/index.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import type { Elements } from '../../src/runtime/reference/kernel.js';
import { operandsOf, SAMPLED_OPS, sampleOf } from './cases.js';
import { namedRandom } from './random.js';

const STEP = 1e-5;
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];
/** Elements of each operand that are checked. */
const CHECKED = 24;

/** Float operands that get no gradient of their own. */
const WITHOUT_GRADIENT: Readonly<Partial<Record<OpName, readonly string[]>>> = {
  scale_loss: ['scale'],
  scale_by: ['factor'],
  batch_norm: ['mean', 'variance'],
  layer_norm: ['statistics'],
  cross_entropy: ['target'],
  mse: ['target'],
  l1: ['target'],
  huber: ['target'],
  binary_cross_entropy: ['target'],
};

/** Where the functions have kinks; values this close are moved away. */
const KINKS: Readonly<Partial<Record<OpName, readonly number[]>>> = {
  relu: [0],
  leaky_relu: [0],
  prelu: [0],
  elu: [0],
  abs: [0],
  clamp: [-1, -0.3, 0.7, 1],
  l1: [0, 1],
  hardswish: [-3, 3],
  hardsigmoid: [-3, 3],
  relu6: [0, 6],
};

interface Differentiated {
  readonly graph: Graph;
  readonly result: ValueId;
  /** Name of the state, and the value that should be the gradient with respect to it. */
  readonly gradients: readonly (readonly [state: string, gradient: ValueId])[];
  readonly inputs: Record<string, Elements>;
  readonly states: Map<string, Elements>;
}

function awayFrom(kinks: readonly number[], x: number): number {
  const near = kinks.find((kink) => Math.abs(x - kink) < 0.01);
  return near === undefined ? x : near + 0.02;
}

/** The op on random states, and its gradient rule applied to the random state `dy`. */
function differentiated(name: OpName, seed: number): Differentiated {
  const op = opDefinition(name);
  const random = namedRandom(`gradient ${name}`, seed);
  const { types, attrs, domains } = sampleOf(name, random);
  const operands = operandsOf(op, types);
  const builder = new GraphBuilder();
  const inputs: Record<string, Elements> = {};
  const states = new Map<string, Elements>();
  const state = (stateName: string, shape: readonly number[], draw: () => number) => {
    states.set(stateName, Float64Array.from({ length: elementCount(shape) }, draw));
    return builder.add({
      op: 'state',
      attrs: { name: stateName, role: 'parameter', init: 'constant', value: 0 },
      type: { dtype: 'f32', shape },
    });
  };

  const ids: ValueId[] = [];
  for (const [i, { unique }] of operands.entries()) {
    const { low, high } = domains?.[i] ?? { low: -2, high: 2 };
    if (name === 'batch_norm' && unique === 'mean') {
      ids.push(emit(builder, 'channel_mean', [ids[0]]));
    } else if (name === 'batch_norm' && unique === 'variance') {
      ids.push(emit(builder, 'channel_variance', [ids[0], ids[1]]));
    } else if (name === 'layer_norm' && unique === 'statistics') {
      ids.push(emit(builder, 'layer_norm_statistics', [ids[0]], { eps: 1e-5, ...attrs }));
    } else if (isFloat(types[i].dtype)) {
      ids.push(state(unique, types[i].shape, () => awayFrom(KINKS[name] ?? [], random.real(low, high))));
    } else {
      inputs[unique] = Int32Array.from({ length: elementCount(types[i].shape) }, () => random.int(low, high));
      ids.push(builder.add({ op: 'input', attrs: { name: unique }, type: types[i] }));
    }
  }
  const result = emit(builder, name, ids, attrs);
  const dy = state('dy', builder.type(result).shape, () => random.real(-1, 1));
  assert.ok(op.gradient !== 'none');
  const gradients = op.gradient({
    builder,
    node: builder.node(result),
    dy,
    needs: (index) => isFloat(types[index].dtype),
    emit: (gradientOp, operandIds, gradientAttrs) => emit(builder, gradientOp, operandIds, gradientAttrs),
  });
  const pairs = operands.flatMap(({ unique }, i) => {
    if (!isFloat(types[i].dtype)) return [];
    const gradient = gradients[i];
    assert.equal(gradient === undefined, WITHOUT_GRADIENT[name]?.includes(unique) === true, `gradient of ${unique}`);
    return gradient === undefined ? [] : [[unique, gradient] as const];
  });
  return { graph: builder.finish('gradient', { result, ...Object.fromEntries(pairs) }), result, gradients: pairs, inputs, states };
}

/** Sum of dy times the op's result. */
function weightedSum({ graph, result, inputs, states }: Differentiated): number {
  const forward: Graph = { ...graph, nodes: graph.nodes.slice(0, result + 1), outputs: { result } };
  const y = evaluateGraph(forward, inputs, states, { float64: true }).values.get(result)!;
  const dy = states.get('dy')!;
  let sum = 0;
  for (let i = 0; i < y.length; i += 1) sum += y[i] * dy[i];
  return sum;
}

describe('gradient rules against central differences', () => {
  for (const name of SAMPLED_OPS.filter((op) => OPS[op].gradient !== 'none')) {
    it(name, () => {
      for (const seed of SEEDS) {
        const built = differentiated(name, seed);
        const { values } = evaluateGraph(built.graph, built.inputs, built.states, { float64: true });
        for (const [state, id] of built.gradients) {
          const gradient = values.get(id)!;
          const operand = built.states.get(state)!;
          assert.equal(gradient.length, operand.length, `gradient of ${state} has the operand's size`);
          const stride = Math.max(1, Math.floor(operand.length / CHECKED));
          for (let i = seed % stride; i < operand.length; i += stride) {
            const kept = operand[i];
            operand[i] = kept + STEP;
            const above = weightedSum(built);
            operand[i] = kept - STEP;
            const below = weightedSum(built);
            operand[i] = kept;
            const expected = (above - below) / (2 * STEP);
            const tolerance = 2e-6 * Math.max(1, Math.abs(expected));
            assert.ok(
              Math.abs(gradient[i] - expected) <= tolerance,
              `seed ${seed}, ${state}[${i}]: ${gradient[i]}, difference ${expected}`,
            );
          }
        }
      }
    });
  }
});
