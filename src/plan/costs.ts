import type { FoundPin, Pin } from '../ir/pin.js';
import { isCast, isState } from '../ir/structure.js';
import type { ComputeType, Graph, LowType, Node } from '../ir/types.js';
import { elementCount, isFloat } from '../ir/types.js';
import { isOpName, opDefinition } from '../ops/index.js';
import type { FormatCost, FormatProblem, SharedCast } from '../precision/min-cut.js';
import { findPin } from '../precision/pins.js';
import { castBytes } from './cost-table.js';
import { phaseOf, readersOf } from './facts.js';
import type { Group, PlanFunction } from './plan.js';

/** Measured seconds of each kernel of a plan's training step, by name. */
export type GroupTimes = ReadonlyMap<string, number>;

/** The name under which the times of a step hold what no kernel takes: copying inputs, the call itself. */
export const OUTSIDE = '';

/** Seconds of one training step by layer; what belongs to no layer (the optimizer, the finite check, the call) is under the empty name. */
export function layerTimes(fn: PlanFunction, times: GroupTimes): ReadonlyMap<string, number> {
  const byLayer = new Map<string, number>([['', times.get(OUTSIDE) ?? 0]]);
  for (const group of fn.groups) {
    if (isActivationCast(fn.graph, group)) continue;
    const layer = ownerOf(fn.graph, group);
    byLayer.set(layer, (byLayer.get(layer) ?? 0) + (times.get(group.name) ?? 0));
  }
  return byLayer;
}

/** A kernel belongs to the layer of its contraction, else of its first op; what is fused to it comes for free. */
export function ownerOf(graph: Graph, group: Group): string {
  if (group.kind === 'update' || group.kind === 'scalar') return '';
  const nodes = group.nodes.map((id) => graph.nodes[id]!);
  const contraction = nodes.find(({ op }) => opDefinition(op).kind === 'contraction');
  return contraction?.layer ?? nodes.find(({ layer }) => layer !== '')?.layer ?? '';
}

/** Casts between layers have their own price, which depends on both; the casts of weights are part of their layer. */
function isActivationCast(graph: Graph, group: Group): boolean {
  return group.nodes.every((id) => {
    const node = graph.nodes[id]!;
    return isCast(node) && !isState(graph.nodes[node.inputs[0]!]!);
  });
}

/** Whether a layer may be in the low format: losses and softmax may not, and a pin of the file has the last word. */
function allowed(nodes: readonly Node[], pins: readonly Pin[]): { readonly low: boolean; readonly full: boolean } {
  const pin = nodes.map((node) => findPin(node, pins)).find((found) => found !== undefined);
  if (pin !== undefined) return { low: pin.dtype !== 'f32', full: pin.dtype === 'f32' };
  const isFull = nodes.some((node) => {
    const { precision, operands } = opDefinition(node.op);
    return precision === 'full' && operands.some(({ format }) => format === 'class');
  });
  return { low: !isFull, full: true };
}

export interface CostInput {
  /** The training step with every value in f32, and with the low format wherever `mixed` puts it. */
  readonly full: PlanFunction;
  readonly low: PlanFunction;
  readonly fullTimes: GroupTimes;
  readonly lowTimes: GroupTimes;
  readonly pins: readonly Pin[];
  /** Bytes a second that a cast moves. */
  readonly bandwidth: number;
}

export interface LayerCosts {
  readonly problem: FormatProblem;
  /** The layers by the problem's units. */
  readonly layers: readonly string[];
  /** Seconds that belong to no layer, in f32 and with low formats. */
  readonly rest: FormatCost;
}

/** Seconds of a cast: it reads one format and writes the other. */
function castSeconds(elements: number, bandwidth: number): number {
  return castBytes(elements) / bandwidth;
}

/**
 * The time of the training step as a function of each layer's format: what its kernels take in either, and the casts where neighbours
 * differ, of the value in the forward pass and of its gradient in the backward pass. A value is cast once for all who read it, its gradient
 * once for each.
 */
export function layerCosts({ full, low, fullTimes, lowTimes, pins, bandwidth }: CostInput): LayerCosts {
  const [slow, fast] = [layerTimes(full, fullTimes), layerTimes(low, lowTimes)];
  const { graph } = full;
  const forward = graph.nodes.filter((node) => node.layer !== '' && phaseOf(node) === 'forward' && opDefinition(node.op).kind !== 'source');
  const byLayer = new Map<string, Node[]>();
  for (const node of forward) byLayer.set(node.layer, [...(byLayer.get(node.layer) ?? []), node]);
  const layers = [...byLayer.keys()];
  const unitOf = new Map(layers.map((layer, unit) => [layer, unit]));
  const units = [...byLayer].map(([layer, nodes]): FormatCost => {
    const may = allowed(nodes, pins);
    return { low: may.low ? (fast.get(layer) ?? 0) : Infinity, full: may.full ? (slow.get(layer) ?? 0) : Infinity };
  });
  const hasGradient = new Set(graph.nodes.flatMap(({ gradOf }) => (gradOf === undefined ? [] : [gradOf])));
  const readersOfValue = readersOf(graph);
  const casts = forward.flatMap((node): SharedCast[] => {
    if (!isFloat(node.type.dtype) || node.type.shape.length < 2) return [];
    const maker = unitOf.get(node.layer)!;
    const own = (readersOfValue.get(node.id) ?? []).filter((reader) => phaseOf(reader) === 'forward').map(({ layer }) => unitOf.get(layer));
    const readers = [...new Set(own)].filter((reader) => reader !== undefined && reader !== maker) as number[];
    if (readers.length === 0) return [];
    const seconds = castSeconds(elementCount(node.type.shape), bandwidth);
    const shared = { maker, readers, widen: seconds, narrow: seconds };
    return hasGradient.has(node.id) ? [shared, ...readers.map((reader) => ({ ...shared, readers: [reader] }))] : [shared];
  });
  return { problem: { units, casts }, layers, rest: { low: fast.get('') ?? 0, full: slow.get('') ?? 0 } };
}

export function milliseconds(seconds: number): string {
  const ms = seconds * 1000;
  return `${ms < 1 ? ms.toFixed(3) : ms < 100 ? ms.toPrecision(3) : ms.toFixed(0)} ms`;
}

/** A pin of a layer, and why the layer has the format that the cut gave it. */
function chosenPin({ problem, layers }: LayerCosts, pattern: string, dtype: ComputeType, format: LowType): FoundPin {
  const { low, full } = problem.units[layers.indexOf(pattern)]!;
  const faster = dtype === 'f32' ? full < low : low < full;
  const times = `${milliseconds(full)} in f32, ${milliseconds(low)} in ${format}`;
  // A layer without kernels of its own is fused behind its neighbour.
  const text = faster ? times : full === low ? 'as its neighbours' : `fewer casts (alone ${times})`;
  return { pattern, dtype, origin: { kind: 'fastest', text } };
}

/** Layers with a result of their forward pass in f32. Statistics are f32 whatever the layer's format is. */
function layersInF32({ graph }: PlanFunction): ReadonlySet<string> {
  const found = graph.nodes.filter((node) => {
    if (node.type.dtype !== 'f32' || node.type.shape.length < 2 || isCast(node)) return false;
    return phaseOf(node) === 'forward' && opDefinition(node.op).kind !== 'source';
  });
  return new Set(found.map(({ layer }) => layer));
}

/**
 * The fewest pins that give every layer its chosen format: first those of layers that would be low, then those of layers that would follow
 * one of these. `compile` gives the training step of `mixed` with some pins.
 */
export function pinsOfChoice(
  costs: LayerCosts,
  low: readonly boolean[],
  format: LowType,
  compile: (pins: readonly FoundPin[]) => PlanFunction,
): readonly FoundPin[] {
  const { layers, problem } = costs;
  const pinsFor = (chosen: readonly string[], dtype: ComputeType) => chosen.map((layer) => chosenPin(costs, layer, dtype, format));
  /** A layer that is called like an op comes first: its pin means that op elsewhere too, and the pins behind it decide there. */
  const names = (wanted: (layer: string, unit: number) => boolean) => {
    const found = layers.filter(wanted);
    return [...found.filter(isOpName), ...found.filter((layer) => !isOpName(layer))];
  };
  const free = (unit: number) => problem.units[unit]!.low !== Infinity && problem.units[unit]!.full !== Infinity;
  const usual = layersInF32(compile([]));
  const full = pinsFor(
    names((layer, unit) => free(unit) && !low[unit] && !usual.has(layer)),
    'f32',
  );
  const held = layersInF32(compile(full));
  const lowered = pinsFor(
    names((layer, unit) => free(unit) && low[unit]! && held.has(layer)),
    format,
  );
  if (lowered.length === 0) return full;
  // A layer that was in f32 because of what it follows may now follow a lowered one.
  const loose = layersInF32(compile([...full, ...lowered]));
  const kept = pinsFor(
    names((layer, unit) => free(unit) && !low[unit] && !loose.has(layer)),
    'f32',
  );
  return [...full, ...lowered, ...kept];
}
