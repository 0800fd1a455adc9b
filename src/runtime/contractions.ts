import { userError } from '../diagnostics/diagnostic.js';
import { notPlain } from '../ops/contraction-geometry.js';
import { contractionGeometry, isOfKind } from '../ops/index.js';
import type { Plan } from '../plan/plan.js';

/** Backends whose kernels are right for plain contractions alone. */
export const PLAIN_ALONE: readonly string[] = ['webgpu', 'tensorflow'];

/** Refuses a plan with a contraction that the kernels of a backend are wrong for. Throws UserError AMP6011. */
export function checkContractions({ functions }: Plan, backend: string): void {
  if (!PLAIN_ALONE.includes(backend)) return;
  for (const { graph } of functions) {
    for (const node of graph.nodes) {
      if (!isOfKind(node.op, 'contraction')) continue;
      const types = node.inputs.map((id) => graph.nodes[id]!.type);
      const what = notPlain(contractionGeometry(node, types));
      if (what === '') continue;
      throw userError(
        'AMP6011',
        `the ${backend} backend has no kernel for ${node.op} with ${what}${node.layer === '' ? '' : ` (${node.layer})`}`,
        'it computes contractions without groups, dilation and batch axes',
        'choose another --backend',
      );
    }
  }
}
