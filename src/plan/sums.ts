import type { Graph, Node, ValueId } from '../ir/types.js';
import { sameShape } from '../ir/types.js';
import { isOfKind, opDefinition } from '../ops/index.js';
import { anchorOf, type OpenGroup } from './group-names.js';
import type { PlanTarget } from './target.js';

/** What of a target says where sums over rows are taken. */
export type SumTarget = Pick<PlanTarget, 'channelSums'>;

/**
 * Finds sums over rows (`reduce` ops) a group that has what they add up at hand: the contraction that makes it, or other sums over the same
 * tensor. So it is brought in from memory once, or never.
 */
export class SumGroups {
  /** By tensor: the last group that sums it up. */
  private readonly readerOf = new Map<ValueId, OpenGroup>();

  constructor(
    private readonly graph: Graph,
    private readonly target: SumTarget,
  ) {}

  /** The group that a sum may join; `latest`: the last to run of those that make its operands. */
  host(node: Node, latest: OpenGroup | undefined): OpenGroup | undefined {
    if (this.target.channelSums !== true) return undefined;
    if (latest !== undefined && this.makes(latest, node)) return latest;
    const readers = this.tensors(node).flatMap((id) => this.readerOf.get(id) ?? []);
    return readers.find((group) => (group === latest ? this.readsNoSum(node, group) : latest === undefined || group.index > latest.index));
  }

  /** Says that a group takes a sum. */
  note(node: Node, group: OpenGroup): void {
    for (const id of this.tensors(node)) this.readerOf.set(id, group);
  }

  /** The operands that have rows. */
  private tensors({ inputs }: Node): readonly ValueId[] {
    const { shape } = this.graph.nodes[inputs[0]!]!.type;
    return inputs.filter((id) => sameShape(this.graph.nodes[id]!.type.shape, shape));
  }

  /** Whether a contraction's kernel makes what the node adds up, in the form in which its results stand. */
  private makes(group: OpenGroup, node: Node): boolean {
    if (group.kind !== 'contraction' || !this.readsNoSum(node, group)) return false;
    const anchor = anchorOf(group.nodes);
    const isPooled = group.nodes.some(({ op }) => opDefinition(op).poolsEpilogue === true);
    const made = this.tensors(node).map((id) => this.graph.nodes[id]!);
    const isMade = made.some((operand) => group.nodes.includes(operand)) && sameShape(made[0]!.type.shape, anchor.type.shape);
    return opDefinition(anchor.op).epilogue !== undefined && !isPooled && isMade;
  }

  /** Whether no operand is a sum that the group takes, but for the mean that a variance is about, of the same tensor. */
  private readsNoSum(node: Node, group: OpenGroup): boolean {
    const { aboutMean } = opDefinition(node.op);
    return node.inputs.every((id, i) => {
      const operand = this.graph.nodes[id]!;
      if (!isOfKind(operand.op, 'reduce') || !group.nodes.includes(operand)) return true;
      return i === aboutMean && opDefinition(operand.op).plainMean === true && operand.inputs[0] === node.inputs[0];
    });
  }
}

const REASON = 'added up where it is made';

/** The node as its group has it: a sum that the kernel takes which makes what it adds up says so. */
export function withReason(node: Node, { kind }: Pick<OpenGroup, 'kind'>): Node {
  const { why } = node;
  if (kind !== 'contraction' || !isOfKind(node.op, 'reduce') || why === undefined || why.text.includes(REASON)) return node;
  return { ...node, why: { rule: why.rule, text: `${why.text}, ${REASON}` } };
}
