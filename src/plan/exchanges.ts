import type { WireType } from '../ir/ranks.js';
import { BYTES, elementCount, type Node, numberAttr, stringAttr } from '../ir/types.js';
import { whyText } from '../ir/why.js';
import { isOfKind } from '../ops/index.js';
import { valueLabel } from './facts.js';
import type { FunctionName, Plan, PlanFunction } from './plan.js';
import { storageRoot } from './storage.js';

/** Values that ranks exchange together. */
export interface ExchangeReport {
  readonly function: FunctionName;
  readonly bucket: number;
  readonly kernel: string;
  readonly ranks: number;
  readonly wire: WireType;
  /** What decides the sum's bits: `rank`, from rank 0 on. */
  readonly order: string;
  readonly values: readonly string[];
  /** Of each rank's part, on the wire. */
  readonly bytes: number;
  /** That each rank sends, and as many come in: its part of every other rank's share, and of its own sum to every other. */
  readonly sentBytes: number;
  /** The kernel behind which it starts, and the first one that waits for it; null: the end of the step. */
  readonly after: string | null;
  readonly awaitedBy: string | null;
  /** Position of both among the function's kernels. */
  readonly start: number;
  readonly end: number;
  readonly why: string;
}

export function isExchange({ op }: Pick<Node, 'op'>): boolean {
  return isOfKind(op, 'exchange');
}

/** Bytes that one rank's part of an exchange takes on the wire. */
export function wireBytes({ type, attrs }: Node): number {
  return elementCount(type.shape) * BYTES[stringAttr(attrs, 'wire') as WireType];
}

/** Each rank sends the others what they add up, and then its own sums: twice all parts but its own. */
export function sentBytes(bytes: number, ranks: number): number {
  return ranks === 1 ? 0 : Math.ceil((2 * bytes * (ranks - 1)) / ranks);
}

function exchangesOf(fn: PlanFunction): readonly ExchangeReport[] {
  const { graph, groups, name } = fn;
  return groups.flatMap((group): ExchangeReport[] => {
    if (group.kind !== 'exchange') return [];
    const nodes = group.nodes.map((id) => graph.nodes[id]!).filter(isExchange);
    const { attrs } = nodes[0]!;
    const made = new Set(nodes.map(({ id }) => id));
    const readsIt = groups.find((later) =>
      later.nodes.some((id) => graph.nodes[id]!.inputs.some((input) => made.has(storageRoot(graph, input)))),
    );
    const bytes = nodes.reduce((sum, node) => sum + wireBytes(node), 0);
    const ranks = numberAttr(attrs, 'ranks');
    return [
      {
        function: name,
        bucket: numberAttr(attrs, 'bucket'),
        kernel: group.name,
        ranks,
        wire: stringAttr(attrs, 'wire') as WireType,
        order: stringAttr(attrs, 'order'),
        values: nodes.map(({ inputs }) => valueLabel(graph, inputs[0]!)),
        bytes,
        sentBytes: sentBytes(bytes, ranks),
        after: groups[group.index - 1]?.name ?? null,
        awaitedBy: readsIt?.name ?? null,
        start: group.index,
        end: readsIt?.index ?? groups.length,
        why: [...new Set(nodes.map(whyText))].join('; '),
      },
    ];
  });
}

/** What ranks exchange in each function of a plan, bucket by bucket; empty where there is one rank. */
export function exchangeReports(plan: Plan): readonly ExchangeReport[] {
  return plan.functions.flatMap(exchangesOf);
}
