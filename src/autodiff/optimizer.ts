import type { GraphBuilder } from '../ir/builder.js';
import type { OptimizerSpec } from '../ir/optimizer.js';
import { groupOf, groupWhy, rateInput } from '../ir/parameter-groups.js';
import type { ParameterKind } from '../ir/parameter-kinds.js';
import type { ParameterGroup, PrecisionSpec, TrainSpec } from '../ir/program.js';
import type { TensorType, ValueId } from '../ir/types.js';
import { emit } from '../ops/emit.js';
import { opDefinition } from '../ops/index.js';
import { kindsOfParameters } from '../ops/kinds-of-parameters.js';
import { updateRule } from '../ops/update-rules.js';
import type { Written } from './averages.js';
import { addOrthogonal } from './orthogonal.js';
import { type Parameter, placeOf } from './parameter.js';
import { declareState } from './state.js';

const COUNT: TensorType = { dtype: 'i32', shape: [] };
const SCALAR: TensorType = { dtype: 'f32', shape: [] };

type Given = Readonly<Record<'t' | 'lr' | 'ok', ValueId | undefined>>;

/** The update of one parameter by the rule of `spec`, and what it gives. */
function addUpdate(builder: GraphBuilder, { name, node, gradient }: Parameter, spec: OptimizerSpec, given: Given, why: string): Written {
  const rule = updateRule(spec);
  const states = Object.entries(rule.slots(spec)).map(([operand, suffix]) => ({ operand, state: `${name}.${suffix}` }));
  const operands: Record<string, ValueId | undefined> = { ...given, w: node.id, g: gradient };
  for (const { operand, state } of states)
    operands[operand] = declareState(builder, state, node.type, 'optimizer', 0, 'optimizer state, f32');
  const orthogonal = rule.orthogonal?.(spec);
  if (orthogonal !== undefined) Object.assign(operands, addOrthogonal(builder, { name, node, gradient }, orthogonal, operands.buf));
  const inputs = opDefinition(spec.kind).operands.flatMap((operand) => operands[operand.name] ?? []);
  const writes = [name, ...states.map(({ state }) => state)];
  const attrs = { ...rule.attrs(spec, node.type.shape), weight_decay: spec.weightDecay, guarded: given.ok !== undefined, writes };
  return { node, state: name, result: emit(builder, spec.kind, inputs, attrs, { ...placeOf(node), why }) };
}

function countsUpdates({ kind }: OptimizerSpec): boolean {
  return opDefinition(kind).operands.some(({ name }) => name === 't');
}

/** Scales and shifts of norms, biases, slopes and values of `param` do not decay where the file says so, whatever their shapes. */
function withDecay(spec: OptimizerSpec, kind: ParameterKind | undefined): OptimizerSpec {
  return spec.decayNorms === false && kind !== 'weights' ? { ...spec, weightDecay: 0 } : spec;
}

function whyOf(
  group: ParameterGroup | undefined,
  kind: ParameterKind | undefined,
  { masters }: UpdateSettings['precision'],
  isGuarded: boolean,
): string {
  const stored = masters !== undefined && kind === 'weights' ? 'computed in f32, for there is no f32 master' : 'f32 masters';
  const why = isGuarded ? `${stored}; left alone when a gradient overflowed` : stored;
  return group === undefined ? why : `${groupWhy(group)}; ${why}`;
}

interface UpdateSettings {
  readonly train: Pick<TrainSpec, 'optimizer' | 'groups'>;
  readonly precision: Pick<PrecisionSpec, 'masters'>;
}

/**
 * One update of every parameter, by the rule of its group or of the recipe's optimizer, and what each gives; `ok`: whether it takes place,
 * where that is a question. Learning rates are inputs of the graph.
 */
export function addOptimizer(
  builder: GraphBuilder,
  parameters: readonly Parameter[],
  { train: { optimizer, groups = [] }, precision }: UpdateSettings,
  ok: ValueId | undefined,
): readonly Written[] {
  const kinds = kindsOfParameters(builder.nodes);
  const planned = parameters.map((parameter) => {
    const kind = kinds.get(parameter.name);
    const group = groupOf(groups, parameter.name, kind);
    const why = whyOf(group, kind, precision, ok !== undefined);
    return { parameter, group, why, spec: withDecay(group?.optimizer ?? optimizer, kind) };
  });
  const read = new Set(planned.map(({ group }) => rateInput(groups, group)));
  const names = [undefined, ...groups].map((group) => rateInput(groups, group)).filter((name) => read.delete(name));
  const rates = new Map(names.map((name) => [name, builder.add({ op: 'input', attrs: { name }, type: SCALAR })]));
  const isCounted = planned.some(({ spec }) => countsUpdates(spec));
  const t = isCounted ? declareState(builder, 'optimizer.step', COUNT, 'optimizer', 0, 'updates applied so far') : undefined;
  const written = planned.map(({ parameter, group, spec, why }) => {
    const lr = rates.get(rateInput(groups, group));
    return addUpdate(builder, parameter, spec, { t, lr, ok }, why);
  });
  if (t !== undefined)
    emit(builder, 'advance', ok === undefined ? [t] : [t, ok], { writes: ['optimizer.step'] }, { why: 'counts applied updates only' });
  return written;
}
