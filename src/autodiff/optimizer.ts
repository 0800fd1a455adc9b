import type { GraphBuilder } from '../ir/builder.js';
import type { OptimizerSpec } from '../ir/program.js';
import { isState } from '../ir/structure.js';
import type { TensorType, ValueId } from '../ir/types.js';
import { emit } from '../ops/emit.js';
import { isOfKind, opDefinition } from '../ops/index.js';
import { updateRule } from '../ops/update-rules.js';
import { type Parameter, placeOf } from './parameter.js';
import { declareState } from './state.js';

const COUNT: TensorType = { dtype: 'i32', shape: [] };

/**
 * The weights: matrices and windows that convolutions and linear layers multiply with. Scales and shifts of norms, biases, slopes and
 * values of `param`, whatever their shapes, are none.
 */
function weightsIn({ nodes }: GraphBuilder): ReadonlySet<ValueId> {
  const isWeight = (id: ValueId) => isState(nodes[id]!) && nodes[id]!.type.shape.length >= 2;
  return new Set(nodes.filter(({ op }) => isOfKind(op, 'contraction')).flatMap(({ inputs }) => inputs.filter(isWeight)));
}

/** One update of every parameter, by the rule of the recipe's optimizer; `ok`: whether it takes place, where that is a question. */
export function addOptimizer(
  builder: GraphBuilder,
  parameters: readonly Parameter[],
  spec: OptimizerSpec,
  lr: ValueId,
  ok: ValueId | undefined,
): void {
  const rule = updateRule(spec);
  const slots = Object.entries(rule.slots(spec));
  const operands = opDefinition(spec.kind).operands.map(({ name }) => name);
  const guarded = ok !== undefined;
  const why = guarded ? 'f32 masters; left alone when a gradient overflowed' : 'f32 masters';
  const weights = spec.decayNorms === false ? weightsIn(builder) : undefined;
  const t = operands.includes('t') ? declareState(builder, 'optimizer.step', COUNT, 'optimizer', 0, 'updates applied so far') : undefined;
  for (const parameter of parameters) {
    const { name, node, gradient } = parameter;
    const states = slots.map(([operand, suffix]) => ({ operand, state: `${name}.${suffix}` }));
    const given: Record<string, ValueId | undefined> = { w: node.id, g: gradient, lr, t, ok };
    for (const { operand, state } of states)
      given[operand] = declareState(builder, state, node.type, 'optimizer', 0, 'optimizer state, f32');
    const inputs = operands.flatMap((operand) => given[operand] ?? []);
    const writes = [name, ...states.map(({ state }) => state)];
    const attrs = { ...rule.attrs(spec), weight_decay: weights?.has(node.id) === false ? 0 : spec.weightDecay, guarded, writes };
    emit(builder, spec.kind, inputs, attrs, { ...placeOf(node), why });
  }
  if (t === undefined) return;
  emit(builder, 'advance', guarded ? [t, ok] : [t], { writes: ['optimizer.step'] }, { why: 'counts applied updates only' });
}
