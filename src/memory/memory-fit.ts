import { userError } from '../diagnostics/diagnostic.js';
import type { DatasetSpec } from '../ir/program.js';
import { formatBytes } from '../numeric/bytes.js';
import type { Plan } from '../plan/plan.js';
import type { BackendInfo } from '../runtime/backend.js';
import { type FreeMemory, freeMemory } from '../runtime/free-memory.js';
import { type Need, needOf, searchBatch, type Use } from './search-batch.js';

/** Backends that compute in the memory of this process. */
const IN_PROCESS = new Set(['cpu', 'reference']);

/** Whether a plan lies in the machine's memory: a GPU has its own. */
export function usesHostMemory({ name, software }: Pick<BackendInfo, 'name' | 'software'>): boolean {
  return IN_PROCESS.has(name) || software === true;
}

export type { Use } from './search-batch.js';

export interface Forecast {
  readonly plan: Plan;
  readonly use: Use;
  /** The data set that it is trained on. */
  readonly dataset: DatasetSpec;
  /** The same plan with another batch. Throws UserError where there is none. */
  readonly withBatch: (batch: number) => Promise<Plan>;
}

/** The largest batch, or nearly so, whose plan fits; undefined when that of one image does not. */
async function largestBatch(batch: number, need: Need, free: number, { withBatch, ...of }: Forecast): Promise<number | undefined> {
  if (batch <= 1) return undefined;
  const takes = async (images: number) => (images === batch ? need : await needOf(await withBatch(images), of)).total;
  return (await searchBatch(takes, free, batch, { tries: 8, close: 0.03 })).batch;
}

function parts({ states, data, total }: Need): string {
  const images = data === 0 ? '' : `, the images ${formatBytes(data)}`;
  return `parameters and other states take ${formatBytes(states)}${images}, a step ${formatBytes(total - states - data)}`;
}

/**
 * Throws UserError AMP6053 when a plan takes more memory than is free: before anything is compiled, with the forecast, what is free and the
 * batch that would fit. `AMPC_MEMORY` overrules it.
 */
export async function refuseUnlessFits(forecast: Forecast, free: FreeMemory | undefined = freeMemory()): Promise<void> {
  if (free === undefined) return;
  const { plan, use } = forecast;
  const need = await needOf(plan, forecast, free.bytes);
  if (need.total <= free.bytes) return;
  const batch = Math.max(...plan.functions.map((fn) => fn.batch));
  const fitting = await largestBatch(batch, need, free.bytes, forecast);
  const smaller =
    fitting === undefined
      ? 'not even a batch of one image fits: make the model smaller, or run it on a machine with more memory'
      : `--batch ${fitting} fits${use === 'training' ? `; train.accumulate puts small batches together to one of ${batch}` : ''}`;
  throw userError(
    'AMP6053',
    `${use} at batch ${batch} needs ${formatBytes(need.total)} of memory, and ${formatBytes(free.bytes)} is free`,
    `${parts(need)}; ${free.limit} sets the limit`,
    `${smaller}; AMPC_MEMORY=unlimited runs it all the same`,
  );
}
