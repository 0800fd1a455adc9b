import { userError } from '../diagnostics/diagnostic.js';
import type { DType } from '../ir/types.js';
import type { Plan } from '../plan/plan.js';

/** Throws UserError AMP6001 for a plan with values in a format that the backend lacks: before anything is compiled or run. */
export function refuseFormats(plan: Plan, backend: string, has: (dtype: DType) => boolean): void {
  const types = plan.functions.flatMap(({ graph }) => graph.nodes.map(({ type }) => type.dtype));
  const missing = types.find((dtype) => !has(dtype));
  if (missing === undefined) return;
  throw userError('AMP6001', `the ${backend} backend has no ${missing}`, 'the plan has values in that format', 'use another --backend');
}
