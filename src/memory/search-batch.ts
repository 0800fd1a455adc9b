import { UserError } from '../diagnostics/diagnostic.js';
import type { DatasetSpec } from '../ir/program.js';
import { footprint } from '../plan/footprint.js';
import type { Plan } from '../plan/plan.js';
import { workspaceOf } from '../runtime/select.js';
import { besidePlan } from './process-memory.js';

export type Use = 'training' | 'evaluation';

/** Bytes that a process takes beside what it has already: the states with their copy, the images, and everything else. */
export interface Need {
  readonly states: number;
  readonly data: number;
  readonly total: number;
}

/** The C of a plan has to be made to know what it needs beside states and arena: only where that could matter for what is free. */
const NEARLY_FULL = 0.5;

export async function needOf(plan: Plan, { use, dataset }: { readonly use: Use; readonly dataset: DatasetSpec }, free = 0): Promise<Need> {
  const memory = footprint(plan);
  const held = memory.parameters + memory.statistics + memory.optimizer;
  const evaluation = Math.max(0, ...plan.functions.filter(({ name }) => name === 'eval_step').map((fn) => fn.memory.arena));
  const { copy, data } = use === 'evaluation' ? { copy: 0, data: 0 } : besidePlan(plan, dataset);
  const total = (use === 'evaluation' ? held + evaluation : memory.total) + copy + data;
  return { states: held + copy, data, total: total < NEARLY_FULL * free ? total : total + (await workspaceOf(plan)) };
}

/** What training at a batch takes, in bytes; Infinity where there is no such plan: some layers need more than one image. */
export interface BatchForecast {
  readonly batch: number;
  readonly bytes: number;
}

export interface BatchSearch {
  /** The largest that fits, or nearly so; undefined when that of one image does not. */
  readonly batch: number | undefined;
  /** Every batch that was looked at, smallest first. */
  readonly tried: readonly BatchForecast[];
}

/** When a search is over: after so many plans, or when a larger batch would be larger by no more than this share. */
interface SearchLimits {
  readonly tries: number;
  readonly close: number;
}

/**
 * The largest batch up to `most` for which no more than `free` bytes are needed. They grow with the batch, nearly by the same for each
 * image.
 */
export async function searchBatch(
  takes: (batch: number) => Promise<number>,
  free: number,
  most: number,
  { tries, close }: SearchLimits,
): Promise<BatchSearch> {
  const tried = new Map<number, number>();
  const look = async (batch: number): Promise<BatchForecast> => {
    const bytes = await takes(batch).catch((error: unknown) => {
      if (error instanceof UserError) return Number.POSITIVE_INFINITY;
      throw error;
    });
    tried.set(batch, bytes);
    return { batch, bytes };
  };
  const found = (batch: number | undefined): BatchSearch => ({
    batch,
    tried: [...tried].map(([images, bytes]) => ({ batch: images, bytes })).sort((a, b) => a.batch - b.batch),
  });
  let high = await look(most);
  if (high.bytes <= free) return found(most);
  let low = most === 1 ? high : await look(1);
  if (low.bytes > free && Number.isFinite(low.bytes)) return found(undefined);
  while (tried.size < tries && high.batch - low.batch > Math.max(1, close * low.batch)) {
    const share = Number.isFinite(low.bytes) && Number.isFinite(high.bytes) ? (free - low.bytes) / (high.bytes - low.bytes) : 0.5;
    const between = Math.floor(low.batch + share * (high.batch - low.batch));
    const next = await look(Math.min(high.batch - 1, Math.max(low.batch + 1, between)));
    if (next.bytes <= free) low = next;
    else high = next;
  }
  return found(low.bytes <= free ? low.batch : undefined);
}
