import { plainOutput } from '../ir/graph-names.js';
import type { LossScaling } from '../ir/program.js';
import { isCast, isInput, isState } from '../ir/structure.js';
import type { Graph, Node, ValueId } from '../ir/types.js';
import { byteLength } from '../ir/types.js';
import { writesOf } from '../ir/validate.js';
import { isView, opDefinition } from '../ops/index.js';
import type { Group, Plan, PlanFunction } from './plan.js';
import { storageRoot } from './storage.js';

export const PHASES = ['forward', 'backward', 'update'] as const;
/** The part of a step that a node belongs to; `update` is everything from the finite check to the written states. */
export type Phase = (typeof PHASES)[number];

const UPDATE_ROLES = new Set<unknown>(['average', 'optimizer', 'scaler', 'gradient', 'pending']);

export function phaseOf(node: Node): Phase {
  if (node.gradOf !== undefined) return 'backward';
  if (node.updateOf !== undefined) return 'update';
  const { effect, conditionsGradients } = opDefinition(node.op);
  if (effect === true || conditionsGradients === true) return 'update';
  return isState(node) && UPDATE_ROLES.has(node.attrs.role) ? 'update' : 'forward';
}

/** Whether a node is a gradient on its way to the optimizer: unscaled, clipped. */
export function isConditioned({ op }: Node): boolean {
  const { kind, conditionsGradients } = opDefinition(op);
  return kind === 'elementwise' && conditionsGradients === true;
}

/** What a value is, in words that do not depend on its number: `conv1.weight`, `image`, `conv2d of conv1`, `gradient of conv1.weight`. */
export function valueLabel(graph: Graph, id: ValueId): string {
  const node = graph.nodes[id]!;
  if (isState(node) || isInput(node)) return String(node.attrs.name);
  if (node.gradOf !== undefined) return `gradient of ${valueLabel(graph, node.gradOf)}`;
  if (isCast(node)) return valueLabel(graph, node.inputs[0]!);
  if (node.updateOf !== undefined) return `${node.op} of the update of ${valueLabel(graph, node.updateOf)}`;
  if (isConditioned(node)) return `${node.op} of ${valueLabel(graph, node.inputs[0]!)}`;
  return node.layer === '' ? node.op : `${node.op} of ${node.layer}`;
}

/**
 * How probabilities of the classes are taken of what the model results in: as its loss takes them of logits, by a softmax where it takes
 * none, and not at all where the model has done so itself.
 */
export function probabilitiesToTake({ nodes, outputs }: Graph): 'none' | 'distribution' | 'independent' {
  let last = nodes[outputs[plainOutput('logits')] ?? outputs.logits!]!;
  while (isCast(last) || isView(last)) last = nodes[last.inputs[0]!]!;
  const { probabilities } = opDefinition(last.op);
  if (probabilities === 'distribution' || probabilities === 'independent') return 'none';
  const loss = outputs.loss === undefined ? undefined : opDefinition(nodes[outputs.loss]!.op);
  return loss?.takesProbabilities ?? 'distribution';
}

/** The function that trains; a plan always has it. */
export function trainStep(plan: Plan): PlanFunction {
  const found = plan.functions.find((fn) => fn.name === 'train_step');
  if (found === undefined) throw new Error(`the plan of ${plan.model} has no train_step`);
  return found;
}

/** Which kernel computes a value and whether it reaches memory. */
export interface Placement {
  readonly group: Group;
  readonly stored: boolean;
}

/** By value; declarations have no placement, and a `reshape` has that of the value that it views. */
export function placements(fn: PlanFunction): ReadonlyMap<ValueId, Placement> {
  const groupOf = new Map(fn.groups.flatMap((group) => group.nodes.map((id) => [id, group] as const)));
  const stored = new Set(fn.memory.allocations.map(({ value }) => value));
  return new Map(
    fn.graph.nodes.flatMap((node) => {
      const group = groupOf.get(node.id);
      return group === undefined ? [] : [[node.id, { group, stored: stored.has(storageRoot(fn.graph, node.id)) }] as const];
    }),
  );
}

/** All readers of each value. */
export function readersOf(graph: Graph): ReadonlyMap<ValueId, readonly Node[]> {
  const readers = new Map<ValueId, Node[]>();
  for (const node of graph.nodes) {
    for (const input of new Set(node.inputs)) {
      const list = readers.get(input);
      if (list === undefined) readers.set(input, [node]);
      else list.push(node);
    }
  }
  return readers;
}

/** One cast of a plan. */
export interface CastFact {
  readonly node: Node;
  /** What is cast, as `valueLabel`. */
  readonly value: string;
  readonly phase: Phase;
  readonly kernel: string;
  /** Bytes that the cast alone moves to and from memory: nothing for an operand or a result that stays in registers. */
  readonly bytesMoved: number;
}

/** The casts of a function in execution order. */
export function castFacts(fn: PlanFunction): readonly CastFact[] {
  const { graph } = fn;
  const places = placements(fn);
  return graph.nodes.filter(isCast).map((node): CastFact => {
    const operand = graph.nodes[node.inputs[0]!]!;
    const { group, stored } = places.get(node.id)!;
    const root = graph.nodes[storageRoot(graph, operand.id)]!;
    const read = places.get(root.id)?.group === group ? 0 : byteLength(operand.type);
    return {
      node,
      value: valueLabel(graph, operand.id),
      phase: phaseOf(node),
      kernel: group.name,
      bytesMoved: read + (stored ? byteLength(node.type) : 0),
    };
  });
}

/** The loss scaling that a plan contains. */
export interface ScalingFact {
  readonly kind: LossScaling['kind'];
  /** The first scale; 1 without scaling. */
  readonly init: number;
  /** GradScaler's constants, of a dynamic scale. */
  readonly constants?: Readonly<Record<'growth' | 'backoff' | 'interval' | 'floor' | 'cap', number>>;
}

export function scalingFact(plan: Plan): ScalingFact {
  const { nodes } = trainStep(plan).graph;
  const scale = nodes.find((node) => isState(node) && node.attrs.name === 'scaler.scale');
  if (scale === undefined) return { kind: 'none', init: 1 };
  const init = Number(scale.attrs.value);
  const update = nodes.find((node) => writesOf(node).includes('scaler.scale'));
  if (update === undefined) return { kind: 'static', init };
  const constant = (name: string) => Number(update.attrs[name]);
  return {
    kind: 'dynamic',
    init,
    constants: {
      growth: constant('growth'),
      backoff: constant('backoff'),
      interval: constant('interval'),
      floor: constant('floor'),
      cap: constant('cap'),
    },
  };
}
