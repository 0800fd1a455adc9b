import assert from 'node:assert/strict';
import { compileProgram } from '../../src/compile.js';
import type { Node, PrecisionName } from '../../src/ir/types.js';
import { lowerProgram } from '../../src/lower/lower.js';
import type { Plan } from '../../src/plan/plan.js';
import { type BackendName, defaultTarget } from '../../src/plan/target.js';
import type { Executable } from '../../src/runtime/backend.js';
import { differences, train } from './steps.js';

/** Frozen weights of every kind, and a value of `param`, which is repeated; one layer trains. */
const TEXT = `
  model Net(image: [32, 32, 3]) -> [10] {
    let scale = param([4], init: constant(0.7)) as scale
    image |> conv2d(4, kernel: 4, stride: 4) as stem |> mul(scale) |> depthwise_conv2d(3, padding: 1) as depth
    |> conv2d(5, kernel: 1) as point |> relu |> flatten |> linear(7) as body |> relu |> linear(10) as head
  }
  precision { compute bf16 }
  train { freeze "stem" freeze "scale" freeze "depth.*" freeze "point.weight" freeze "body"  optimizer sgd(lr: 0.1)
    batch 6  accumulate 2  drop_last true }
`;
const FROZEN = ['stem.weight', 'scale', 'depth.weight', 'point.weight', 'body.weight'];

function planFor(backend: BackendName, precision: PrecisionName, copies: boolean): Plan {
  const program = lowerProgram({ path: 'net.amp', text: TEXT }, { overrides: { precision } });
  return compileProgram(program, { ...defaultTarget(backend), copies });
}

/** Nodes of the functions that train. */
const trained = ({ functions }: Plan) => functions.filter(({ name }) => name !== 'eval_step').map(({ graph }) => graph.nodes);

function castsOfFrozen(nodes: readonly Node[]): readonly string[] {
  const casts = nodes.filter(({ op }) => op === 'cast');
  return casts.map(({ inputs: [of] }) => String(nodes[of!]!.attrs.name)).filter((name) => FROZEN.includes(name));
}

/**
 * That frozen weights have copies in place of casts wherever the plan trains, that only the backend sees these, and that training with them
 * gives the same bits.
 */
export async function assertCopies(
  backend: BackendName,
  precision: PrecisionName,
  load: (plan: Plan) => Promise<Executable>,
): Promise<void> {
  const [kept, cast] = [true, false].map((copies) => planFor(backend, precision, copies));
  for (const nodes of trained(cast!)) assert.deepEqual(castsOfFrozen(nodes).toSorted(), FROZEN.toSorted());
  for (const nodes of trained(kept!)) {
    assert.deepEqual(castsOfFrozen(nodes), []);
    const copied = nodes.filter(({ attrs }) => attrs.role === 'copy').map(({ attrs }) => String(attrs.of));
    assert.deepEqual(copied.toSorted(), FROZEN.toSorted());
  }
  const [with_, without] = [await train(await load(kept!), kept!, 3), await train(await load(cast!), cast!, 3)];
  assert.deepEqual([...with_.states.keys()].toSorted(), [...without.states.keys()].toSorted());
  assert.deepEqual(differences(with_, without), []);
}
