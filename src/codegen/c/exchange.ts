import type { WireType } from '../../ir/ranks.js';
import { elementCount, stringAttr } from '../../ir/types.js';
import { opDefinition } from '../../ops/index.js';
import type { Group, PlanFunction } from '../../plan/plan.js';
import { emit, joined } from '../code.js';
import { rootOf } from './group-values.js';
import type { Kernel, KernelContext } from './kernel.js';
import { head } from './kernel-code.js';

const WIRES: Readonly<Record<WireType, string>> = { f32: 'WIRE_F32', bf16: 'WIRE_BF16', f16: 'WIRE_F16' };

/** A bucket that is on its way when the kernel is done. */
export function emitExchange(context: KernelContext): Kernel {
  const { nodes } = context.group;
  const { attrs } = context.node(nodes[0]!);
  const parts = nodes.map((id) => {
    const [from] = context.node(id).inputs;
    const { shape, dtype } = context.type(from!);
    return emit`    {${context.pointer(from!)}, ${context.output(id)}, ${elementCount(shape)}, ${String(Number(dtype === 'i32'))}},\n`;
  });
  // Text, so that no two buckets share their code.
  const rest = `${String(nodes.length)}, ${WIRES[stringAttr(attrs, 'wire') as WireType]}`;
  const code = emit`${head('static void', context.name, 'ampc_context *ctx, void *const *p')}
  /* Bucket ${String(attrs.bucket)}. */
  const exchange_part parts[] = {
${joined(parts, '')}  };
  exchange_start(ctx, parts, ${rest});
}`;
  return { code, launches: [{ name: context.name, takesContext: true }] };
}

/** By group: how many buckets of the function must have come in before it runs. */
export function awaitedBuckets(fn: PlanFunction): readonly number[] {
  const { graph, groups } = fn;
  const bucketOf = new Map<number, number>();
  let begun = 0;
  return groups.map(({ kind, nodes }: Group) => {
    const reads = nodes.flatMap((id) => graph.nodes[id]!.inputs.map((input) => rootOf(fn, input)));
    const awaited = Math.max(0, ...reads.map((id) => bucketOf.get(id) ?? 0));
    if (kind === 'exchange') begun += 1;
    for (const id of nodes) if (opDefinition(graph.nodes[id]!.op).kind === 'exchange') bucketOf.set(id, begun);
    return awaited;
  });
}
