import { formatAttrs } from '../ir/print.js';
import { isCast, isConstant, isInput } from '../ir/structure.js';
import { type Attr, type ComputeType, elementCount, formatType, type Node, type ValueId } from '../ir/types.js';
import { createHash } from '../platform/hash.js';
import type { FunctionName, Group, Plan, PlanFunction } from './plan.js';
import { storageRoot } from './storage.js';
import { groupWork } from './work.js';

/** Rough speeds of a device, for what was not measured: seconds, and operations or bytes a second. */
export interface CostRates {
  /** Of a kernel that does nothing. */
  readonly launch: number;
  readonly memory: number;
  /** Bytes a second that a cast moves. */
  readonly cast: number;
  /** Operations of contractions, by the format that they read. */
  readonly flops: Readonly<Record<ComputeType, number>>;
}

/** One measured kernel. */
export interface KernelCost {
  /** What it computes, for a reader: `conv2d max_pool2d relu f16[64,16,16,32]`. */
  readonly kernel: string;
  readonly seconds: number;
}

/** What the kernels of some plans take on one device; schemas/costs.schema.json describes its file. */
export interface CostTable {
  readonly format: typeof COSTS_FORMAT;
  /** Everything that a time depends on besides the kernel: backend, device, instruction set, threads, ampc. */
  readonly machine: Readonly<Record<string, string>>;
  readonly rates: CostRates;
  /** By `kernelKey`; by `callKey` for what a call takes besides its kernels; by `functionKey` for functions as a whole. */
  readonly kernels: Readonly<Record<string, KernelCost>>;
}

export const COSTS_FORMAT = 'ampc-costs-1';

function keyOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 20);
}

/** Attributes that name states: the kernel is the same whatever they are called. */
function nameless(attrs: Readonly<Record<string, Attr>>): string {
  return formatAttrs(Object.entries(attrs).filter(([name]) => name !== 'writes' && name !== 'name'));
}

/**
 * The content of a kernel: its nodes in order, with operands from outside numbered as they first occur, and which results reach memory.
 * Equal for kernels that are the same code on values in other places, whatever plan or layer they belong to.
 */
export function kernelKey({ graph }: PlanFunction, group: Group): string {
  const names = new Map<ValueId, string>(group.nodes.map((id, index) => [id, `%${index}`]));
  let outside = 0;
  const operand = (id: ValueId): string => {
    const node = graph.nodes[id]!;
    if (isConstant(node)) return `constant${formatAttrs(node.attrs)}`;
    let name = names.get(id);
    if (name === undefined) {
      const root = storageRoot(graph, id);
      name = names.get(root) ?? `$${outside++}`;
      names.set(id, name);
      names.set(root, name);
    }
    return `${name}:${formatType(node.type)}`;
  };
  const stored = new Set(group.stores);
  const lines = group.nodes.map((id) => {
    const { op, inputs, attrs, type } = graph.nodes[id]!;
    return `${op} ${inputs.map(operand).join(' ')}${nameless(attrs)} ${formatType(type)}${stored.has(id) ? ' stored' : ''}`;
  });
  return keyOf([group.kind, ...lines].join('\n'));
}

const shownType = (node: Node): string => formatType(node.type);

/** What a kernel computes, in a few words. */
export function describeKernel({ graph }: PlanFunction, group: Group): string {
  const nodes = group.nodes.map((id) => graph.nodes[id]!);
  const counts = new Map<string, number>();
  for (const { op } of nodes) counts.set(op, (counts.get(op) ?? 0) + 1);
  const ops = [...counts].map(([op, count]) => (count === 1 ? op : `${count} ${op}`));
  const largest = [...nodes].sort((a, b) => elementCount(b.type.shape) - elementCount(a.type.shape))[0]!;
  const reads = nodes[0]!.inputs.map((id) => graph.nodes[id]!.type.dtype);
  return `${ops.join(' ')} ${reads[0] ?? ''} -> ${shownType(largest)}`;
}

function inputsOf({ graph }: PlanFunction): string {
  return graph.nodes.flatMap((node) => (isInput(node) ? [shownType(node)] : [])).join(' ');
}

/** What a call takes besides its kernels depends on the inputs that it copies. */
export function callKey(fn: PlanFunction): string {
  return keyOf(`call ${inputsOf(fn)}`);
}

export function describeCall(fn: PlanFunction): string {
  return `the call itself, with ${inputsOf(fn)}`;
}

/** A function as a whole: its kernels in order. What they leave for each other in the caches is part of its time, and of no kernel's. */
export function functionKey(fn: PlanFunction): string {
  return keyOf(['function', inputsOf(fn), ...fn.groups.map((group) => kernelKey(fn, group))].join('\n'));
}

export function describeFunction(fn: PlanFunction): string {
  return `the whole ${fn.name}, ${fn.groups.length} kernels, with ${inputsOf(fn)}`;
}

/** Times of a function's kernels by their names. */
export interface FunctionTimes {
  readonly groups: ReadonlyMap<string, number>;
  /** What the call takes besides. */
  readonly outside: number;
  /** As measured, where the function was measured as a whole: kernels and call then are their shares of it. */
  readonly total: number;
  /** Whether it was. */
  readonly whole: boolean;
  /** Kernels whose time was not measured but estimated by the table's rates. */
  readonly estimated: number;
}

function estimate(fn: PlanFunction, group: Group, { launch, memory, cast, flops }: CostRates): number {
  const work = groupWork(fn, group);
  const casts = group.nodes.map((id) => fn.graph.nodes[id]!).filter(isCast);
  const cast6 = casts.reduce((sum, { type }) => sum + castBytes(elementCount(type.shape)), 0);
  return launch + Math.max(work.flops / flops[work.format], work.bytes / memory) + cast6 / cast;
}

/** A cast reads one format and writes the other: 4 bytes and 2. */
export function castBytes(elements: number): number {
  return 6 * elements;
}

/** What a function would take by a table. */
export function functionTimes(fn: PlanFunction, { rates, kernels }: CostTable): FunctionTimes {
  const known = fn.groups.map((group) => kernels[kernelKey(fn, group)]?.seconds);
  const call = kernels[callKey(fn)]?.seconds;
  const alone = fn.groups.map((group, index) => known[index] ?? estimate(fn, group, rates));
  const outside = call ?? rates.launch;
  const sum = alone.reduce((total, seconds) => total + seconds, outside);
  const total = kernels[functionKey(fn)]?.seconds;
  const scale = total === undefined || sum === 0 ? 1 : total / sum;
  return {
    groups: new Map(fn.groups.map(({ name }, index) => [name, alone[index]! * scale])),
    outside: outside * scale,
    total: total ?? sum,
    whole: total !== undefined,
    estimated: [...known, call].filter((seconds) => seconds === undefined).length,
  };
}

/** The functions that one whole optimizer step calls, and how often. */
export function stepCalls(
  { functions }: Pick<Plan, 'functions'>,
  accumulate: number,
): readonly (readonly [fn: PlanFunction, calls: number])[] {
  const calls = {
    train_step: 1,
    accumulate_step: accumulate - 1,
    tail_accumulate_step: 0,
    tail_step: 0,
    eval_step: 0,
  } as const satisfies Readonly<Record<FunctionName, number>>;
  return functions.flatMap((fn) => (calls[fn.name] === 0 ? [] : [[fn, calls[fn.name]] as const]));
}

/** What a table says of one optimizer step. */
export interface StepCost {
  readonly seconds: number;
  /** Kernels that had to be estimated. */
  readonly estimated: number;
  /** Whether its functions were measured as they are, not only their kernels. */
  readonly whole: boolean;
}

export function stepCost(plan: Pick<Plan, 'functions'>, accumulate: number, table: CostTable): StepCost {
  const calls = stepCalls(plan, accumulate).map(([fn, count]) => ({ count, ...functionTimes(fn, table) }));
  return {
    seconds: calls.reduce((sum, { count, total }) => sum + count * total, 0),
    estimated: calls.reduce((sum, { estimated }) => sum + estimated, 0),
    whole: calls.every(({ whole }) => whole),
  };
}
