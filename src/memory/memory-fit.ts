import { UserError, userError } from '../diagnostics/diagnostic.js';
import type { DatasetSpec } from '../ir/program.js';
import { formatBytes } from '../numeric/bytes.js';
import { footprint } from '../plan/footprint.js';
import type { Plan } from '../plan/plan.js';
import type { BackendInfo } from '../runtime/backend.js';
import { type FreeMemory, freeMemory } from '../runtime/free-memory.js';
import { workspaceOf } from '../runtime/select.js';
import { besidePlan } from './process-memory.js';

/** Backends that compute in the memory of this process. */
const IN_PROCESS = new Set(['cpu', 'reference']);

/** Whether a plan lies in the machine's memory: a GPU has its own. */
export function usesHostMemory({ name, software }: Pick<BackendInfo, 'name' | 'software'>): boolean {
  return IN_PROCESS.has(name) || software === true;
}

export type Use = 'training' | 'evaluation';

export interface Forecast {
  readonly plan: Plan;
  readonly use: Use;
  /** The data set that it is trained on. */
  readonly dataset: DatasetSpec;
  /** The same plan with another batch. Throws UserError where there is none. */
  readonly withBatch: (batch: number) => Promise<Plan>;
}

/** Bytes that a process takes beside what it has already: the states with their copy, the images, and everything else. */
interface Need {
  readonly states: number;
  readonly data: number;
  readonly total: number;
}

/** The C of a plan has to be made to know what it needs beside states and arena: only where that could matter for what is free. */
const NEARLY_FULL = 0.5;

async function needOf(plan: Plan, { use, dataset }: Pick<Forecast, 'use' | 'dataset'>, free = 0): Promise<Need> {
  const memory = footprint(plan);
  const held = memory.parameters + memory.statistics + memory.optimizer;
  const evaluation = Math.max(0, ...plan.functions.filter(({ name }) => name === 'eval_step').map((fn) => fn.memory.arena));
  const { copy, data } = use === 'evaluation' ? { copy: 0, data: 0 } : besidePlan(plan, dataset);
  const total = (use === 'evaluation' ? held + evaluation : memory.total) + copy + data;
  return { states: held + copy, data, total: total < NEARLY_FULL * free ? total : total + (await workspaceOf(plan)) };
}

/** Plans that are made in search of a batch, at most. */
const TRIES = 6;

/** A share of a batch that is not worth another plan. */
const CLOSE = 0.03;

/** The largest batch, or nearly so, whose plan fits; undefined when that of one image does not. */
async function largestBatch(batch: number, need: Need, free: number, { withBatch, ...of }: Forecast): Promise<number | undefined> {
  /** Infinite where there is no such plan: some layers need more than one image. */
  const takes = async (images: number) => {
    try {
      return (await needOf(await withBatch(images), of)).total;
    } catch (error) {
      if (error instanceof UserError) return Number.POSITIVE_INFINITY;
      throw error;
    }
  };
  if (batch <= 1) return undefined;
  const one = await takes(1);
  if (one > free && Number.isFinite(one)) return undefined;
  let [low, high] = [
    { images: 1, total: one },
    { images: batch, total: need.total },
  ];
  for (let i = 0; i < TRIES && high.images - low.images > Math.max(1, CLOSE * low.images); i += 1) {
    const share = Number.isFinite(low.total) ? (free - low.total) / (high.total - low.total) : 0.5;
    const images = Math.min(high.images - 1, Math.max(low.images + 1, Math.floor(low.images + share * (high.images - low.images))));
    const total = await takes(images);
    if (total <= free) low = { images, total };
    else high = { images, total };
  }
  return low.total <= free ? low.images : undefined;
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
