import { given } from '../given.js';
import { averagedIn, furtherInput, furtherName } from '../ir/graph-names.js';
import { isRate } from '../ir/parameter-groups.js';
import { isCast, isCopy, isInput, isState } from '../ir/structure.js';
import {
  type Attrs,
  byteLength,
  elementCount,
  type Graph,
  isFloat,
  numberAttr,
  type Shape,
  type StateRole,
  stringAttr,
} from '../ir/types.js';
import type { FunctionName, Plan, PlanFunction } from '../plan/plan.js';
import { createHash } from '../platform/hash.js';
import { INITIAL_KINDS, type InitialKind, type InitialValue, initialState } from '../random/initial.js';

export type StateValues = ReadonlyMap<string, Float32Array | Int32Array>;

export interface StateInfo extends InitialValue {
  readonly role: StateRole;
  /** As the host has it: of floats that a device stores in fewer bits, the f32 that they equal. */
  readonly dtype: 'f32' | 'i32';
  readonly shape: Shape;
}

export function findFunction(plan: Plan, name: FunctionName): PlanFunction | undefined {
  return plan.functions.find((fn) => fn.name === name);
}

export function inputNames(graph: Graph): ReadonlySet<string> {
  return new Set(graph.nodes.filter(isInput).map((node) => stringAttr(node.attrs, 'name')));
}

/** The learning rates that a function takes, all of one number, by the inputs that have them. */
export function rateInputs(graph: Graph, rate: number): Readonly<Record<string, Float32Array>> {
  return Object.fromEntries([...inputNames(graph)].filter(isRate).map((name) => [name, Float32Array.of(rate)]));
}

/** Room for the targets of a function's images, where it takes any: f32[batch, classes]. */
export function targetBuffer({ nodes }: Graph): Float32Array | undefined {
  const input = nodes.find((node) => isInput(node) && node.attrs.name === 'target');
  return input && new Float32Array(elementCount(input.type.shape));
}

/** Room for what a function takes of its images besides their pixels, by name. */
export function furtherBuffers({ nodes }: Graph): Readonly<Record<string, Float32Array>> {
  return Object.fromEntries(
    nodes.filter(isInput).flatMap(({ attrs, type }) => {
      const name = furtherName(stringAttr(attrs, 'name'));
      return name === undefined ? [] : [[name, new Float32Array(elementCount(type.shape))] as const];
    }),
  );
}

/** Such values as inputs of a call; `share`: of the first part of the batch alone. */
export function furtherInputs(further: Readonly<Record<string, Float32Array>>, share = 1): Readonly<Record<string, Float32Array>> {
  return Object.fromEntries(
    Object.entries(further).map(([name, values]) => [furtherInput(name), values.subarray(0, Math.round(values.length * share))]),
  );
}

/** Whether the model results in classes, so that there is an accuracy. */
export function countsCorrect(plan: Plan): boolean {
  return plan.functions.some(({ graph }) => graph.outputs.correct !== undefined);
}

function initialKind(word: unknown): InitialKind {
  return INITIAL_KINDS.find((kind) => kind === word) ?? 'constant';
}

/** How a state starts, by its attributes. */
function initialValue(attrs: Attrs): Omit<InitialValue, 'name'> {
  const number = (name: string): number | undefined => (typeof attrs[name] === 'number' ? attrs[name] : undefined);
  const rest = attrs.rest === undefined ? undefined : { init: initialKind(attrs.rest), value: number('rest_value') ?? 0 };
  return {
    init: initialKind(attrs.init),
    value: numberAttr(attrs, 'value'),
    limit: number('limit'),
    ...given({ rest, images: number('images') }),
  };
}

/** Every state of the plan once, in order of first appearance, but for copies, which backends make themselves. */
export function planStates(plan: Plan): readonly StateInfo[] {
  const states = new Map<string, StateInfo>();
  for (const { graph } of plan.functions) {
    for (const node of graph.nodes) {
      if (!isState(node) || isCopy(node)) continue;
      const { attrs, type } = node;
      const name = stringAttr(attrs, 'name');
      if (states.has(name)) continue;
      const role = stringAttr(attrs, 'role') as StateRole;
      states.set(name, { name, role, dtype: isFloat(type.dtype) ? 'f32' : 'i32', shape: type.shape, ...initialValue(attrs) });
    }
  }
  return [...states.values()];
}

/**
 * What another plan of the model starts from: parameters, statistics, averages and the loss scale as they are, and the optimizer too where
 * it goes on; else as at the start.
 */
export function statesFor(plan: Plan, before: StateValues, seed: number, optimizerGoesOn: boolean): StateValues {
  const states = new Map(initialStates(plan, seed));
  for (const { name, role } of planStates(plan)) {
    const value = before.get(name);
    if (value !== undefined && (optimizerGoesOn || role !== 'optimizer')) states.set(name, value);
  }
  return withAverages(plan, states, before);
}

/** The states that make up a model: parameters and running statistics. */
export function modelStates(plan: Plan): readonly StateInfo[] {
  return planStates(plan).filter(({ role }) => role === 'parameter' || role === 'statistic');
}

/** Elements that are infinite or NaN. */
export function countNonFinite(elements: ArrayLike<number>): number {
  let count = 0;
  // Infinity - Infinity is NaN, which differs from everything: several times as fast as a function per element.
  for (let i = 0; i < elements.length; i += 1) if (elements[i]! - elements[i]! !== 0) count += 1;
  return count;
}

/** A parameter or running statistic with an element that is infinite or NaN. */
export function brokenState(plan: Plan, states: StateValues): string | undefined {
  return modelStates(plan).find(({ name }) => countNonFinite(states.get(name) ?? []) > 0)?.name;
}

/** Bytes of all states: parameters, statistics, optimizer state, scale, and the copies that a backend keeps of them. */
export function stateBytes(plan: Plan): number {
  const types = new Map(plan.functions.flatMap(({ graph }) => graph.nodes.filter(isState).map(({ attrs, type }) => [attrs.name, type])));
  return [...types.values()].reduce((sum, type) => sum + byteLength(type), 0);
}

/** Bytes of what is read of a device to keep all states: without the copies, which are made of them. */
export function keptBytes(plan: Plan): number {
  return planStates(plan).reduce((sum, { dtype, shape }) => sum + byteLength({ dtype, shape }), 0);
}

/** Bytes of all averages. */
export function averageBytes(plan: Plan): number {
  const averages = planStates(plan).filter(({ role }) => role === 'average');
  return averages.reduce((sum, { dtype, shape }) => sum + byteLength({ dtype, shape }), 0);
}

/** Bytes of the largest parameter or running statistic. */
export function largestStateBytes(plan: Plan): number {
  return modelStates(plan).reduce((most, { dtype, shape }) => Math.max(most, byteLength({ dtype, shape })), 0);
}

/** Number of trainable numbers. */
export function parameterCount(plan: Plan): number {
  return planStates(plan).reduce((sum, { role, shape }) => sum + (role === 'parameter' ? elementCount(shape) : 0), 0);
}

/** Averages start as what they are averages of: those that `known` does not hold. */
export function withAverages(
  plan: Plan,
  values: Map<string, Float32Array | Int32Array>,
  known?: StateValues,
): Map<string, Float32Array | Int32Array> {
  for (const { name, role } of planStates(plan)) {
    const of = role === 'average' && known?.has(name) !== true ? averagedIn(name) : undefined;
    const value = of === undefined ? undefined : values.get(of);
    if (value !== undefined) values.set(name, value.slice());
  }
  return values;
}

/** States at step 0: drawn from the counter-based generator keyed by seed and name, so adding a layer changes no other's weights. */
export function initialStates(plan: Plan, seed: number): Map<string, Float32Array | Int32Array> {
  const values = new Map<string, Float32Array | Int32Array>();
  for (const info of planStates(plan)) {
    const { name, dtype, shape, value } = info;
    values.set(name, dtype === 'i32' ? new Int32Array(elementCount(shape)).fill(value) : initialState(info, shape, seed));
  }
  return withAverages(plan, values);
}

/** Hash of what the model computes when evaluated, whatever the formats and the backend. */
export function modelHash(plan: Plan): string {
  const graph = findFunction(plan, 'eval_step')?.graph;
  const hash = createHash('sha256');
  for (const node of graph?.nodes ?? []) {
    if (isCast(node) || isCopy(node)) continue;
    const perImage = isState(node) ? node.type.shape : node.type.shape.slice(1);
    // What is frozen changes in a run, and is a setting of its own.
    const attrs = Object.entries(node.attrs).filter(([name]) => name !== 'frozen' && name !== 'trained');
    hash.update(JSON.stringify([node.op, attrs.sort(), perImage]));
  }
  return hash.digest('hex').slice(0, 16);
}
