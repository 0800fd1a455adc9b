import assert from 'node:assert/strict';
import type { OptimizerSpec } from '../../src/ir/optimizer.js';
import { RATE, rateInput } from '../../src/ir/parameter-groups.js';
import type { ParameterGroup, ScheduleSpec } from '../../src/ir/program.js';
import type { Plan } from '../../src/plan/plan.js';
import type { Executable } from '../../src/runtime/backend.js';
import { initialStates, type StateValues } from '../../src/training/states.js';
import { OPTIMIZERS } from './configurations.js';
import { type Model, planOf } from './network.js';

/** Odd sizes, and every kind of parameters. */
const model: Model = ({ image, call }) => {
  const x = call('conv2d', image, { channels: 5, kernel: 3 }, { as: 'conv' });
  const y = call('prelu', call('group_norm', call('batch_norm', x, {}, { as: 'bn' }), { groups: 5 }, { as: 'gn' }), {}, { as: 'slope' });
  return call('linear', call('layer_norm', call('global_avg_pool', y), {}, { as: 'ln' }), { features: 10 }, { as: 'fc' });
};

const CONSTANT: ScheduleSpec = { kind: 'constant' };
const group = (optimizer: OptimizerSpec, of: Pick<ParameterGroup, 'parameters' | 'pattern'>, ownRate = true): ParameterGroup => {
  return { of: of.parameters ?? of.pattern!, ...of, line: 1, optimizer, schedule: CONSTANT, warmup: 0, ownRate };
};

const MAIN = OPTIMIZERS.momentum!;
const GROUPS: readonly ParameterGroup[] = [
  group(OPTIMIZERS.adamw!, { parameters: 'norm_shifts' }),
  group(OPTIMIZERS.lion!, { pattern: 'fc' }),
  group({ ...MAIN, weightDecay: 0 }, { parameters: 'norm_scales' }, false),
  group(OPTIMIZERS.adam!, { parameters: 'params' }),
  group(OPTIMIZERS.sgd!, { parameters: 'biases', pattern: 'fc' }),
];

/** By parameter the line that counts; none: it is as all others. */
const LINES: Readonly<Record<string, number | undefined>> = {
  'conv.weight': undefined,
  'conv.bias': undefined,
  'bn.weight': 2,
  'bn.bias': 0,
  'gn.weight': 2,
  'gn.bias': 0,
  'slope.weight': 3,
  'ln.weight': 2,
  'ln.bias': 0,
  'fc.weight': 1,
  'fc.bias': 4,
};

const OPTIONS = { batch: 3, image: [7, 9, 3], precision: { compute: 'f32' } } as const;
const INPUTS = { image: Uint8Array.from({ length: 3 * 7 * 9 * 3 }, (_, i) => (i * 37) % 256), label: Int32Array.of(1, 9, 4) };

async function step(load: (plan: Plan) => Promise<Executable>, plan: Plan, rates: Readonly<Record<string, number>>): Promise<StateValues> {
  const executable = await load(plan);
  try {
    await executable.writeStates(initialStates(plan, 7));
    const inputs = Object.entries(rates).map(([name, rate]) => [name, Float32Array.of(rate)]);
    await executable.call('train_step', { ...INPUTS, ...Object.fromEntries(inputs) });
    await executable.drain();
    return await executable.readStates();
  } finally {
    await executable.dispose();
  }
}

/**
 * Checks that the first step updates each parameter as a program does in which all have the optimizer of its group, and that each has the
 * states of that one alone.
 */
export async function assertGroups(load: (plan: Plan) => Promise<Executable>): Promise<void> {
  const once = async (optimizer: OptimizerSpec) => {
    const plan = planOf(model, { ...OPTIONS, train: { optimizer } });
    return step(load, plan, { [RATE]: optimizer.lr });
  };
  const plan = planOf(model, { ...OPTIONS, train: { optimizer: MAIN, groups: GROUPS } });
  const own = GROUPS.filter(({ ownRate }) => ownRate).map((one) => [rateInput(GROUPS, one), one.optimizer.lr]);
  const grouped = await step(load, plan, { [RATE]: MAIN.lr, ...Object.fromEntries(own) });
  const parameters = [...initialStates(plan, 7).keys()].filter((name) => name in LINES);
  assert.deepEqual(parameters.sort(), Object.keys(LINES).sort());
  for (const spec of new Set([MAIN, ...GROUPS.map(({ optimizer }) => optimizer)])) {
    const alone = await once(spec);
    for (const name of parameters) {
      const line = LINES[name];
      if ((line === undefined ? MAIN : GROUPS[line]!.optimizer) !== spec) continue;
      const statesOf = (states: StateValues) =>
        [...states].filter(([state]) => [name, `${name}.m`, `${name}.v`, `${name}.momentum`].includes(state));
      const [here, there] = [statesOf(grouped), statesOf(alone)];
      assert.deepEqual(
        here.map(([state]) => state),
        there.map(([state]) => state),
      );
      for (const [index, [state, values]] of here.entries()) {
        const far = values.findIndex((value, i) => Math.abs(value - there[index]![1][i]!) > 1e-7);
        assert.equal(far, -1, `${state} is not as where all are updated by ${spec.kind}`);
      }
      assert.notDeepEqual(grouped.get(name), initialStates(plan, 7).get(name), `${name} moves`);
    }
  }
}
