import { COMPILE_KEYS, type KeysOf, refuseUnknown } from '../choose/option-keys.js';
import { type CompileOptions, compile } from '../choose/plan-file.js';
import { mergeSettings, pickSettings } from '../choose/settings.js';
import { type Source, userError } from '../diagnostics/diagnostic.js';
import { sourceOf } from '../files/source.js';
import { type PrecisionName, precisionName } from '../ir/types.js';
import { usesHostMemory } from '../memory/memory-fit.js';
import { type BatchForecast, needOf, searchBatch } from '../memory/search-batch.js';
import { parseBytes } from '../numeric/bytes.js';
import type { BackendName } from '../plan/target.js';
import { type FreeMemory, freeMemory } from '../runtime/free-memory.js';
import { describeBackend } from '../runtime/select.js';

export interface LargestBatchOptions extends CompileOptions {
  /** How much may be taken, such as `8 GiB`; default, on backends that compute in the machine's memory: what is free. */
  readonly memory?: string | undefined;
}

/** The largest batch that fits, and the forecasts by which it was found: bytes of training, by `ampc plan`. */
export interface LargestBatch {
  readonly model: string;
  readonly backend: string;
  readonly precision: PrecisionName;
  /** The batch that the file has. */
  readonly present: number;
  /** Null where not even one image fits. */
  readonly batch: number | null;
  /** Images of an epoch: a larger batch than that there is not. */
  readonly images: number;
  /** Bytes that may be taken, and what sets the limit. */
  readonly memory: number;
  readonly limit: string;
  /** Plans that were made on the way, smallest batch first; those that there are none of have no bytes. */
  readonly forecasts: readonly { readonly batch: number; readonly bytes: number | null }[];
}

const SEARCH = { tries: 16, close: 0.005 };

/** Throws UserError AMP6054 for what is no amount, AMP6059 where nobody knows how much there is. */
function limitOf(memory: string | undefined, info: Parameters<typeof usesHostMemory>[0]): FreeMemory {
  if (memory !== undefined) {
    const bytes = parseBytes(memory);
    if (bytes !== undefined && bytes > 0) return { bytes, limit: 'the caller' };
    throw userError('AMP6054', `${memory} is no amount of memory`, 'an amount is a number with its unit', 'write it as 8GiB or 500MB');
  }
  const free = usesHostMemory(info) ? freeMemory() : undefined;
  if (free !== undefined) return free;
  const host = usesHostMemory(info);
  throw userError(
    'AMP6059',
    host ? 'AMPC_MEMORY is unlimited, and so any batch fits' : `how much memory the ${info.name} backend has is not known`,
    host ? undefined : 'its device has a memory of its own, and does not tell how large that is',
    'say how much may be taken: ampc tune FILE --largest-batch 8GiB',
  );
}

/**
 * The largest batch whose training fits in memory, by forecasts alone: plans are made, and nothing is compiled or run. Throws UserError as
 * `compile`, and where the limit is not known.
 */
export async function largestBatch(input: string | Source, options: LargestBatchOptions = {}): Promise<LargestBatch> {
  refuseUnknown('largestBatch', options, { ...COMPILE_KEYS, memory: true } satisfies KeysOf<LargestBatchOptions>);
  const { memory, ...rest } = options;
  const source = await sourceOf(input);
  const { info } = await describeBackend(options.backend ?? 'auto');
  const { bytes: free, limit } = limitOf(memory, info);
  const { lowered, plan: present, formats } = await compile(source, rest);
  const { dataset, train } = lowered.recipe;
  const images = options.images ?? dataset.images?.train ?? train.batch;
  const known = { ...rest, formats, calibration: undefined, strictRanges: undefined, backend: info.name as BackendName };
  const takes = async (batch: number): Promise<number> => {
    const { plan } =
      batch === train.batch ? { plan: present } : await compile(source, { ...known, ...mergeSettings(pickSettings(rest), { batch }) });
    return (await needOf(plan, { use: 'training', dataset }, free)).total;
  };
  const { batch, tried } = await searchBatch(takes, free, Math.max(1, images), SEARCH);
  const forecastOf = ({ batch: of, bytes }: BatchForecast) => ({ batch: of, bytes: Number.isFinite(bytes) ? bytes : null });
  return {
    model: present.model,
    backend: info.name,
    precision: precisionName(present.precision),
    present: train.batch,
    batch: batch ?? null,
    images,
    memory: free,
    limit,
    forecasts: tried.map(forecastOf),
  };
}
