import { findConsumers } from '../ir/consumers.js';
import type { Graph, Node, ValueId } from '../ir/types.js';
import { elementCount, sameShape } from '../ir/types.js';
import { isOfKind, isView, type OpName, opDefinition } from '../ops/index.js';
import type { OpKind } from '../ops/op.js';
import { type AttentionTarget, membersOfAttention } from './attention.js';
import type { Attention } from './attention-pattern.js';
import { anchorOf, nameGroups, type OpenGroup } from './group-names.js';
import type { Group, GroupKind } from './plan.js';
import { isLeftToReader, type PartTarget } from './repeats.js';
import { type Staging, stagedOperand } from './staged.js';
import { isDeclaration, storageRoot } from './storage.js';
import { SumGroups, type SumTarget } from './sums.js';

/** What of a target says which nodes run as one kernel. */
export type FusionTarget = Staging & AttentionTarget & SumTarget & PartTarget;

/**
 * Puts nodes that can run as one kernel into groups, greedily in execution order. A group runs where its first node stands, so a node may
 * only join when all its other operands come from that group or earlier ones.
 */
class Fuser {
  private readonly groups: OpenGroup[] = [];
  private readonly groupOf: (OpenGroup | undefined)[];
  /** By op, operand and window: the group with a pool, where another result of the same loop is computed. */
  private readonly poolOf = new Map<string, OpenGroup>();
  private readonly deferred: Set<ValueId>;
  private readonly updates: Node[] = [];

  private readonly attention: ReadonlyMap<ValueId, Attention>;
  private readonly attentionGroups = new Map<Attention, OpenGroup>();

  private readonly sums: SumGroups;

  private readonly consumers: readonly (readonly ValueId[])[];
  private readonly outputs: ReadonlySet<ValueId>;

  constructor(
    private readonly graph: Graph,
    private readonly target: FusionTarget,
  ) {
    this.groupOf = graph.nodes.map(() => undefined);
    this.consumers = findConsumers(graph);
    this.outputs = new Set(Object.values(graph.outputs));
    this.deferred = findDeferred(graph, this.consumers);
    this.attention = membersOfAttention(graph, target);
    this.sums = new SumGroups(graph, target);
  }

  run(): Group[] {
    for (const node of this.graph.nodes) {
      if (isDeclaration(node) || this.isLeftToReader(node)) continue;
      if (this.deferred.has(node.id)) this.updates.push(node);
      else this.place(node);
    }
    if (this.updates.length > 0) this.open('update').nodes.push(...this.updates);
    return nameGroups(this.graph, this.groups);
  }

  private place(node: Node): void {
    const attention = this.attention.get(node.id);
    if (attention !== undefined) {
      const group = this.attentionGroups.get(attention) ?? this.open('attention');
      this.attentionGroups.set(attention, group);
      group.nodes.push(node);
      this.groupOf[node.id] = group;
      return;
    }
    const { kind } = opDefinition(node.op);
    const producer = this.stagedProducer(node);
    if (producer !== undefined) producer.kind = 'contraction';
    const host = producer ?? this.host(node, kind) ?? this.open(newGroupKind(node, kind));
    for (const member of [...this.repeated(node), node]) {
      host.nodes.push(member);
      this.groupOf[member.id] = host;
    }
    if (kind === 'reduce') this.sums.note(node, host);
    if (kind === 'pool') this.poolOf.set(poolKey(node.op, node), this.groupOf[node.id]!);
  }

  /** The group of an operand that this contraction's kernel makes itself: of an op that nothing else reads and that runs alone so far. */
  private stagedProducer(node: Node): OpenGroup | undefined {
    const operand = stagedOperand(this.graph, node, this.target);
    if (operand === undefined || this.consumers[operand.id]!.length > 1 || this.outputs.has(operand.id)) return undefined;
    const group = this.groupOf[operand.id];
    if (group === undefined || group.nodes.length > 1) return undefined;
    // The kernel runs where the operand's op stands, so its other operands must be there by then.
    const others = node.inputs.filter((id) => id !== operand.id).map((id) => this.groupOf[storageRoot(this.graph, id)]?.index ?? -1);
    return Math.max(...others) < group.index ? group : undefined;
  }

  private open(kind: GroupKind): OpenGroup {
    const group = { index: this.groups.length, kind, nodes: [] };
    this.groups.push(group);
    return group;
  }

  private isLeftToReader(node: Node): boolean {
    return isLeftToReader(this.graph, node, this.consumers, this.target);
  }

  /** The operands that are made in the node's own group. */
  private repeated(node: Node): Node[] {
    return [...new Set(node.inputs)].map((id) => this.graph.nodes[id]!).filter((operand) => this.isLeftToReader(operand));
  }

  /** The group that the node may join, if any. */
  private host(node: Node, kind: OpKind): OpenGroup | undefined {
    const latest = this.latestGroup(node);
    if (kind === 'scalar' || isScalarWork(node)) {
      const open = this.groups.at(-1);
      return open?.kind === 'scalar' ? open : undefined;
    }
    const { computedWith, poolsEpilogue } = opDefinition(node.op);
    if (computedWith !== undefined) return this.poolOf.get(poolKey(computedWith, node));
    if (kind === 'exchange') return this.bucketOf(node);
    if (kind === 'view') return latest;
    if (kind === 'reduce') return this.sums.host(node, latest);
    if (latest === undefined || isSealed(latest)) return undefined;
    if (kind === 'elementwise') return this.acceptsElementwise(latest, node) ? latest : undefined;
    if (poolsEpilogue === true) return isPoolableConvolution(this.graph, latest, node) ? latest : undefined;
    return undefined;
  }

  /** The group of the exchange before this one, where they travel together. */
  private bucketOf({ attrs }: Node): OpenGroup | undefined {
    const open = this.groups.at(-1);
    return open?.kind === 'exchange' && open.nodes[0]!.attrs.bucket === attrs.bucket ? open : undefined;
  }

  /** The last to run of the groups that make the node's operands. */
  private latestGroup(node: Node): OpenGroup | undefined {
    const sources = this.repeated(node).flatMap(({ inputs }) => inputs);
    let latest: OpenGroup | undefined;
    for (const id of [...node.inputs, ...sources]) {
      const group = this.groupOf[id];
      if (group !== undefined && (latest === undefined || group.index > latest.index)) latest = group;
    }
    return latest;
  }

  /** All in-group operands must be of one stage (before or after a fused pool), and the shapes must match element by element. */
  private acceptsElementwise(group: OpenGroup, node: Node): boolean {
    const size = elementCount(node.type.shape);
    const repeated = this.repeated(node);
    if (repeated.some(({ inputs }) => this.groupOf[storageRoot(this.graph, inputs[0]!)] === group)) return false;
    const inside = node.inputs.filter((id) => this.groupOf[id] === group).map((id) => this.graph.nodes[id]!);
    if (inside.some(({ op, type }) => isOfKind(op, 'reduce') || elementCount(type.shape) !== size)) return false;
    // What the group loops over: a reshape within it changes names of elements, not the loop.
    const domain = group.nodes.findLast((n) => opDefinition(n.op).computedWith === undefined && !isView(n));
    if (domain === undefined || elementCount(domain.type.shape) !== size) return false;
    if (group.kind !== 'rows' && opDefinition(node.op).perChannel !== true && repeated.length === 0) return true;
    // What tells channels or other axes apart needs a loop that walks those axes.
    return group.nodes.every(
      ({ op, type: { shape } }) => isView({ op }) || elementCount(shape) !== size || sameShape(shape, node.type.shape),
    );
  }
}

/** Equal for a pool by op `op` and what is computed with it: of the same operand and windows. */
function poolKey(op: OpName, { inputs, attrs }: Node): string {
  return JSON.stringify([op, inputs[0], attrs.window, attrs.stride, attrs.padding]);
}

/** Whether nothing more may follow in the group's registers. */
function isSealed(group: OpenGroup): boolean {
  if (group.kind === 'contraction') return opDefinition(anchorOf(group.nodes).op).epilogue === undefined;
  return group.kind !== 'map' && group.kind !== 'rows';
}

function isScalarWork(node: Node): boolean {
  return node.type.shape.length === 0 && opDefinition(node.op).kind === 'elementwise';
}

/** The kind of the group that a node opens. */
const GROUP_KIND: Readonly<Record<Exclude<OpKind, 'source'>, GroupKind>> = {
  contraction: 'contraction',
  elementwise: 'map',
  pool: 'map',
  reduce: 'reduce',
  total: 'reduce',
  rows: 'rows',
  axes: 'reduce',
  view: 'map',
  copy: 'map',
  update: 'update',
  counter: 'update',
  scalar: 'scalar',
  exchange: 'exchange',
};

function newGroupKind(node: Node, kind: OpKind): GroupKind {
  if (kind === 'source') throw new Error(`${node.op} is no work of a kernel`);
  return isScalarWork(node) ? 'scalar' : GROUP_KIND[kind];
}

/** A pool of non-overlapping, unpadded windows right behind a convolution runs on the convolution's accumulators. */
function isPoolableConvolution(graph: Graph, group: OpenGroup, pool: Node): boolean {
  const [first] = group.nodes;
  if (group.kind !== 'contraction' || opDefinition(first!.op).epilogue !== 'windows') return false;
  if (!sameShape(graph.nodes[pool.inputs[0]!]!.type.shape, first!.type.shape)) return false;
  const window = pool.attrs.window as readonly number[];
  const stride = pool.attrs.stride as readonly number[];
  const padding = pool.attrs.padding as readonly number[];
  const [, h, w] = first!.type.shape as [number, number, number];
  const fits =
    window.every((size, axis) => size === 2 && stride[axis] === 2) && padding.every((p) => p === 0) && h % 2 === 0 && w % 2 === 0;
  return fits && !group.nodes.some((n) => n.op === pool.op);
}

/** Effects, and the elementwise nodes that only effects read: they run together at the end of the step. */
function findDeferred(graph: Graph, consumers: readonly (readonly ValueId[])[]): Set<ValueId> {
  const outputs = new Set(Object.values(graph.outputs));
  const deferred = new Set<ValueId>();
  for (let index = graph.nodes.length - 1; index >= 0; index -= 1) {
    const node = graph.nodes[index]!;
    const { effect, kind, conditionsGradients } = opDefinition(node.op);
    const readers = consumers[node.id]!;
    const onlyEffects = readers.length === 1 && readers.every((id) => deferred.has(id)) && !outputs.has(node.id);
    const conditions = kind === 'elementwise' && conditionsGradients === true;
    if (effect === true || (conditions && onlyEffects)) deferred.add(node.id);
  }
  return deferred;
}

/** Partitions the graph's work into kernels of the target. */
export function fuse(graph: Graph, target: FusionTarget): Group[] {
  return new Fuser(graph, target).run();
}
