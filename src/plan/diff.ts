import { isCast, isConstant, isState } from '../ir/structure.js';
import { type DType, formatType, isFloat, type Node, precisionName } from '../ir/types.js';
import { whyText } from '../ir/why.js';
import { opDefinition } from '../ops/index.js';
import { isConditioned, type Phase, phaseOf, type ScalingFact, scalingFact, trainStep, valueLabel } from './facts.js';
import { type Footprint, footprint, MEMORY_CLASSES } from './footprint.js';
import { type FunctionName, isOfTail, type Plan, type PlanFunction } from './plan.js';
import { type CastReport, castReports } from './report.js';

/** A fact that has one value before and another after. */
export interface Change<T> {
  readonly name: string;
  readonly before: T;
  readonly after: T;
}

/** What a node is, whatever its number: the same in two plans that compute the same. */
export interface NodeRole {
  readonly function: FunctionName;
  readonly layer: string;
  readonly op: string;
  /** What it works for: `gradient of conv1.weight`; empty where layer and op say it all. */
  readonly role: string;
  readonly phase: Phase;
}

export interface Formats {
  readonly reads: readonly DType[];
  readonly result: DType;
  readonly why: string;
}

export interface FormatChange extends NodeRole {
  readonly before: Formats;
  readonly after: Formats;
}

export interface OpChange extends NodeRole {
  readonly kind: 'added' | 'removed' | 'changed';
  /** The shape or the attributes that differ. */
  readonly detail: string;
}

export interface ReasonChange extends NodeRole {
  readonly before: string;
  readonly after: string;
}

/** What one plan means differently from another. Equal plans with other numbers for their values have no difference. */
export interface PlanDiff {
  readonly settings: readonly Change<string>[];
  readonly formats: readonly FormatChange[];
  readonly castsAdded: readonly CastReport[];
  readonly castsRemoved: readonly CastReport[];
  readonly scaling: readonly Change<string>[];
  /** Bytes by class and in total; only what differs. */
  readonly memory: readonly Change<number>[];
  readonly ops: readonly OpChange[];
  /** The same format for another reason. */
  readonly reasons: readonly ReasonChange[];
}

function roleText({ graph }: PlanFunction, node: Node): string {
  if (isState(node)) return String(node.attrs.name);
  if (node.gradOf !== undefined) return valueLabel(graph, node.id);
  const { writes } = node.attrs;
  if (Array.isArray(writes)) return String(writes[0]);
  return isConditioned(node) ? valueLabel(graph, node.inputs[0]!) : '';
}

/** Nodes of a function by what they are; a number tells those apart that are otherwise the same. */
function byRole(fn: PlanFunction): Map<string, { readonly node: Node; readonly is: NodeRole }> {
  const found = new Map<string, { node: Node; is: NodeRole }>();
  for (const node of fn.graph.nodes) {
    if (isCast(node) || isConstant(node) || isScaling(fn, node)) continue;
    const is: NodeRole = { function: fn.name, layer: node.layer, op: node.op, role: roleText(fn, node), phase: phaseOf(node) };
    const key = `${is.layer}|${is.op}|${is.role}`;
    let unique = key;
    for (let count = 2; found.has(unique); count += 1) unique = `${key}#${count}`;
    found.set(unique, { node, is });
  }
  return found;
}

/** Whether a node exists for loss scaling alone: how that differs is said by `scaling`. What reads nothing but the scale reports it. */
function isScaling({ graph }: PlanFunction, node: Node): boolean {
  const isScaler = (one: Node) => isState(one) && one.attrs.role === 'scaler';
  if (isScaler(node) || opDefinition(node.op).lossScaling === true) return true;
  return node.inputs.length > 0 && node.inputs.every((id) => isScaler(graph.nodes[id]!));
}

function formatsOf({ graph }: PlanFunction, node: Node): Formats {
  return {
    reads: node.inputs.map((id) => graph.nodes[id]!.type.dtype).filter(isFloat),
    result: node.type.dtype,
    why: whyText(node),
  };
}

/** Attributes and shape, with the batch left out of it: a change of batch is one setting, not a change of every op. */
function meaning(fn: PlanFunction, node: Node): string {
  const withoutBatch = (shape: readonly (number | string)[]) =>
    shape.map((size, axis) => (axis === 0 && size === fn.batch ? 'batch' : size));
  const { guarded: _, ...attrs } = node.attrs;
  const shown = Array.isArray(attrs.shape) ? { ...attrs, shape: withoutBatch(attrs.shape as readonly number[]) } : attrs;
  return `${JSON.stringify(shown)} [${withoutBatch(node.type.shape).join(',')}]`;
}

interface FunctionDiff {
  readonly formats: FormatChange[];
  readonly ops: OpChange[];
  readonly reasons: ReasonChange[];
}

function diffFunction(a: PlanFunction, b: PlanFunction): FunctionDiff {
  const formats: FormatChange[] = [];
  const ops: OpChange[] = [];
  const reasons: ReasonChange[] = [];
  const left = byRole(a);
  const right = byRole(b);
  for (const [key, { node, is }] of left) {
    const other = right.get(key);
    if (other === undefined) {
      ops.push({ ...is, kind: 'removed', detail: formatType(node.type) });
      continue;
    }
    const [before, after] = [formatsOf(a, node), formatsOf(b, other.node)];
    // How often a variadic op reads is part of the graph, not of its formats.
    const reads = (formatList: readonly DType[]) => formatList.join(' ');
    if (before.result !== after.result || (before.reads.length === after.reads.length && reads(before.reads) !== reads(after.reads)))
      formats.push({ ...is, before, after });
    else if (before.why !== after.why) reasons.push({ ...is, before: before.why, after: after.why });
    const [old, now] = [meaning(a, node), meaning(b, other.node)];
    if (old !== now) ops.push({ ...is, kind: 'changed', detail: `${old} -> ${now}` });
  }
  for (const [key, { node, is }] of right) if (!left.has(key)) ops.push({ ...is, kind: 'added', detail: formatType(node.type) });
  return { formats, ops, reasons };
}

/** A function that only one of the plans has, as a difference. */
function lonely(fn: PlanFunction, kind: 'added' | 'removed'): OpChange {
  return { function: fn.name, layer: '', op: fn.name, role: '', phase: 'forward', kind, detail: `${fn.graph.nodes.length} lines` };
}

/** Casts of `from` that `other` lacks; the same cast twice needs two. */
function missingCasts(from: readonly CastReport[], other: readonly CastReport[]): CastReport[] {
  const keyOf = (cast: CastReport) => [cast.function, cast.value, cast.from, cast.to].join('|');
  const left = new Map<string, number>();
  for (const cast of other) left.set(keyOf(cast), (left.get(keyOf(cast)) ?? 0) + 1);
  return from.filter((cast) => {
    const count = left.get(keyOf(cast)) ?? 0;
    left.set(keyOf(cast), count - 1);
    return count <= 0;
  });
}

/** The casts of a plan; without those of a last, smaller step that the other one does not have: it casts as the usual one does. */
function sharedCasts(plan: Plan, other: Plan): readonly CastReport[] {
  const both = new Set(other.functions.map(({ name }) => name));
  return castReports(plan).filter((cast) => !isOfTail(cast.function) || both.has(cast.function));
}

function changes<T>(entries: readonly (readonly [name: string, before: T, after: T])[]): Change<T>[] {
  return entries.filter(([, before, after]) => before !== after).map(([name, before, after]) => ({ name, before, after }));
}

function scalingEntries(before: ScalingFact, after: ScalingFact): Change<string>[] {
  const names = ['growth', 'backoff', 'interval', 'floor', 'cap'] as const;
  const value = (scaling: ScalingFact, name: (typeof names)[number]) => String(scaling.constants?.[name] ?? '-');
  return changes([
    ['kind', before.kind, after.kind],
    ['init', String(before.init), String(after.init)],
    ...names.map((name) => [name, value(before, name), value(after, name)] as const),
  ]);
}

/**
 * Compares two plans by what they mean: nodes are matched by function, layer, op and role, never by line. `memory` is what they take, where
 * more is known than the plans say.
 */
export function diffPlans(a: Plan, b: Plan, memory?: { readonly before: Footprint; readonly after: Footprint }): PlanDiff {
  const parts = a.functions.flatMap((fn) => {
    const other = b.functions.find(({ name }) => name === fn.name);
    return other === undefined ? [{ formats: [], reasons: [], ops: [lonely(fn, 'removed')] }] : [diffFunction(fn, other)];
  });
  const added = b.functions.filter((fn) => !a.functions.some(({ name }) => name === fn.name)).map((fn) => lonely(fn, 'added'));
  const [castsA, castsB] = [sharedCasts(a, b), sharedCasts(b, a)];
  const [memoryA, memoryB] = [memory?.before ?? footprint(a), memory?.after ?? footprint(b)];
  const kernels = (plan: Plan) => String(trainStep(plan).groups.length);
  return {
    settings: changes([
      ['model', a.model, b.model],
      ['precision', precisionName(a.precision), precisionName(b.precision)],
      ['policy', a.policy, b.policy],
      ['backend', a.target.backend, b.target.backend],
      ['batch', String(trainStep(a).batch), String(trainStep(b).batch)],
      ['kernels', kernels(a), kernels(b)],
    ]),
    formats: parts.flatMap((part) => part.formats),
    castsAdded: missingCasts(castsB, castsA),
    castsRemoved: missingCasts(castsA, castsB),
    scaling: scalingEntries(scalingFact(a), scalingFact(b)),
    memory: changes([...MEMORY_CLASSES, 'total' as const].map((name) => [name, memoryA[name], memoryB[name]] as const)),
    ops: [...parts.flatMap((part) => part.ops), ...added],
    reasons: parts.flatMap((part) => part.reasons),
  };
}

/** Whether two plans mean the same. */
export function isSamePlan(diff: PlanDiff): boolean {
  return Object.values(diff).every((part) => part.length === 0);
}
