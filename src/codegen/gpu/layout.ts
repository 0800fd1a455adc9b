import { isConstant, isInput, isState } from '../../ir/structure.js';
import type { DType, TensorType, ValueId } from '../../ir/types.js';
import { elementCount, stringAttr } from '../../ir/types.js';
import { planMemory } from '../../plan/memory.js';
import type { MemoryPlan, Plan, PlanFunction } from '../../plan/plan.js';
import { storageRoot } from '../../plan/storage.js';
import type { Slot, StateLayout } from '../slots.js';
import { formatOf, type GpuFormats } from './formats.js';
import type { GpuLimits } from './target.js';

/**
 * One GPU buffer each, or several where one is too small; `work` holds what a kernel leaves to the next one of its group, and values that
 * are wider than planned.
 */
export type Block = 'inputs' | 'states' | 'arena' | 'work';

/** Bytes [offset, offset + bytes) of a block. */
export interface Place {
  readonly block: Block;
  readonly offset: number;
  readonly bytes: number;
}

/** A result of shape []: its place, or the number that it always is. */
export interface ScalarOutput {
  readonly name: string;
  readonly dtype: DType;
  readonly source: Place | number;
}

export interface TensorOutput {
  readonly type: TensorType;
  readonly place: Place;
}

export interface FunctionLayout {
  readonly name: string;
  readonly inputs: ReadonlyMap<string, Slot>;
  readonly inputBytes: number;
  /** By storage root. */
  readonly places: ReadonlyMap<ValueId, Place>;
  readonly scalars: readonly ScalarOutput[];
  readonly tensors: ReadonlyMap<string, TensorOutput>;
  /** Bytes at the start of `work` that live as long as the call. */
  readonly keptBytes: number;
  readonly arenaBytes: number;
}

/** What the plan's offsets are multiples of. */
const PLAN_ALIGNMENT = 64;

/** Bytes of an element on the device, computed or of an input. */
function elementBytes(formats: GpuFormats, dtype: DType, input: boolean): number {
  const { bytes, inputBytes = bytes } = formatOf(formats, dtype);
  return input ? inputBytes : bytes;
}

export function alignTo(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment;
}

/** Bytes of a device's largest buffer, as far as values can use it: a block beyond that is several buffers. */
export function bufferBytes({ bufferBytes: bytes, offsetAlignment }: GpuLimits): number {
  return Math.max(offsetAlignment, Math.floor(bytes / offsetAlignment) * offsetAlignment);
}

/** Where a value may start at `end` or behind: aligned, and within one buffer. */
export function startBehind(end: number, bytes: number, limits: GpuLimits): number {
  const start = alignTo(end, limits.offsetAlignment);
  const most = bufferBytes(limits);
  return bytes > most || Math.floor(start / most) === Math.floor((start + bytes - 1) / most) ? start : alignTo(start, most);
}

function bytesOf(formats: GpuFormats, { dtype, shape }: TensorType, input = false): number {
  return alignTo(elementCount(shape) * elementBytes(formats, dtype, input), 4);
}

/** Offsets of all states, in the order in which the functions declare them. */
export function layoutStates(plan: Plan, limits: GpuLimits, formats: GpuFormats): StateLayout {
  const slots = new Map<string, Slot>();
  let bytes = 0;
  for (const { graph } of plan.functions) {
    for (const node of graph.nodes) {
      const { attrs, type } = node;
      if (!isState(node) || slots.has(stringAttr(attrs, 'name'))) continue;
      const offset = startBehind(bytes, bytesOf(formats, type), limits);
      slots.set(stringAttr(attrs, 'name'), { type, offset });
      bytes = offset + bytesOf(formats, type);
    }
  }
  return { slots, bytes };
}

/**
 * The plan's own memory, or, where bindings must start at coarser multiples than its offsets do or one buffer does not hold it, the same
 * values laid out anew.
 */
function memoryOf(fn: PlanFunction, limits: GpuLimits): MemoryPlan {
  const { offsetAlignment } = limits;
  const most = bufferBytes(limits);
  return offsetAlignment <= PLAN_ALIGNMENT && fn.memory.arena <= most ? fn.memory : planMemory(fn.graph, fn.groups, offsetAlignment, most);
}

/** Every value of the plan in bytes of its own. */
export function memoryApart({ memory }: PlanFunction): MemoryPlan {
  let arena = 0;
  const allocations = memory.allocations.map((allocation) => {
    const offset = arena;
    arena = alignTo(offset + allocation.size, PLAN_ALIGNMENT);
    return { ...allocation, offset };
  });
  return { arena, allocations };
}

export function layoutFunction(
  fn: PlanFunction,
  states: StateLayout,
  limits: GpuLimits,
  formats: GpuFormats,
  memory: MemoryPlan = memoryOf(fn, limits),
): FunctionLayout {
  const { nodes, outputs } = fn.graph;
  const inputs = new Map<string, Slot>();
  const places = new Map<ValueId, Place>();
  let inputBytes = 0;
  for (const node of nodes) {
    const { id, attrs, type } = node;
    if (isInput(node)) {
      const bytes = bytesOf(formats, type, true);
      const offset = startBehind(inputBytes, bytes, limits);
      inputs.set(stringAttr(attrs, 'name'), { type, offset });
      places.set(id, { block: 'inputs', offset, bytes });
      inputBytes = offset + bytes;
    } else if (isState(node)) {
      const { offset } = states.slots.get(stringAttr(attrs, 'name'))!;
      places.set(id, { block: 'states', offset, bytes: bytesOf(formats, type) });
    }
  }
  let keptBytes = 0;
  for (const { value, offset } of memory.allocations) {
    const { type } = nodes[value]!;
    const bytes = bytesOf(formats, type);
    if (type.dtype === 'u8' && formatOf(formats, type.dtype).bytes !== 1) {
      const start = startBehind(keptBytes, bytes, limits);
      places.set(value, { block: 'work', offset: start, bytes });
      keptBytes = start + bytes;
    } else {
      places.set(storageRoot(fn.graph, value), { block: 'arena', offset, bytes });
    }
  }
  const scalars: ScalarOutput[] = [];
  const tensors = new Map<string, TensorOutput>();
  for (const [name, id] of Object.entries(outputs)) {
    const source = nodes[storageRoot(fn.graph, id)]!;
    const { attrs, type } = source;
    const place = places.get(storageRoot(fn.graph, id));
    if (place === undefined && !isConstant(source)) throw new Error(`output ${name} is not in memory`);
    if (type.shape.length === 0) scalars.push({ name, dtype: type.dtype, source: place ?? Number(attrs.value) });
    else tensors.set(name, { type: nodes[id]!.type, place: place! });
  }
  return { name: fn.name, inputs, inputBytes, places, scalars, tensors, keptBytes, arenaBytes: memory.arena };
}
