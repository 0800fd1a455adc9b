import { promisify } from 'node:util';
import koffi from 'koffi';
import type { CSource } from '../../codegen/c/emit.js';
import { LEAST_STACK, THREAD_STACK } from '../../codegen/c/stack.js';
import { ownScratch } from '../../codegen/c/workspace.js';
import { userError } from '../../diagnostics/diagnostic.js';
import { loadLibrary } from './library-file.js';

/** A loaded plan: the functions that its library exports, on one context. All but `call` are immediate. */
export interface NativePlan {
  readonly size: ContextSize;
  /** The context, for another library of the same plan. */
  readonly context: unknown;
  /** Runs a function on a thread of its own, off the event loop. See `ampc_call` for `trace` and the result. */
  call(fn: number, inputs: Uint8Array, outputs: Float64Array, trace: number): Promise<number>;
  /** Runs calls one after another off the event loop; the arguments are those of `ampc_series`, and must outlive it. */
  series(...blocks: SeriesBlocks): Promise<void>;
  readState(offset: number, destination: ArrayBufferView): void;
  writeState(offset: number, source: ArrayBufferView): void;
  readArena(offset: number, destination: ArrayBufferView): void;
  times(count: number): Float64Array;
  /** Lets calls exchange with other ranks, through a table of functions in memory. */
  join(functions: unknown): void;
  /** Frees the context and unloads the library. */
  close(): void;
}

/** The arguments of `ampc_series` behind the context. */
export type SeriesBlocks = readonly [
  request: ArrayBuffer,
  images: Uint8Array,
  labels: Int32Array,
  order: Uint32Array,
  places: Uint32Array | null,
  others: Uint32Array | null,
  draws: ArrayBuffer,
  mixes: ArrayBuffer,
  ops: ArrayBuffer,
  rows: ArrayBuffer,
  blank: Uint8Array,
  calls: ArrayBuffer,
  rates: Float32Array,
  inputs: Uint8Array,
  outputs: Float64Array,
];

type AsyncSeries = (context: unknown, ...blocks: SeriesBlocks) => Promise<void>;
type AsyncCall = (context: unknown, fn: number, inputs: Uint8Array, outputs: Float64Array, trace: number) => Promise<number>;

export interface ContextSize {
  readonly threads: number;
  /** Bytes of each thread's own scratch. */
  readonly scratch: number;
}

/** The context that a plan needs to run on so many threads. */
export function contextFor({ memory }: CSource, threads: number): ContextSize {
  return { threads, scratch: ownScratch(memory.scratch, threads) };
}

/** Bytes that such a context has beside states and the plan's arena. */
export function workspaceBytes({ memory }: CSource, { threads, scratch }: ContextSize): number {
  return memory.workspace + threads * scratch;
}

/** Gives the threads on which koffi makes calls a stack of known size. Throws UserError when they have one that kernels could overflow. */
export function reserveStack(): void {
  try {
    koffi.config({ async_stack_size: THREAD_STACK });
  } catch {
    // Another part of the program has loaded a library with koffi: its stacks stay as they are.
  }
  const { async_stack_size: size } = koffi.config() as { readonly async_stack_size: number };
  if (size >= LEAST_STACK) return;
  throw userError(
    'AMP6058',
    `the threads that kernels run on have a stack of ${size >> 10} KiB`,
    `this program gave koffi that async_stack_size; kernels take up to ${LEAST_STACK >> 10} KiB`,
    'set a larger one, or none, before the first library is loaded',
  );
}

/** What every library that is built from a generated file exports. */
export const NATIVE_FUNCTIONS = [
  'ampc_create',
  'ampc_destroy',
  'ampc_call',
  'ampc_read',
  'ampc_write',
  'ampc_read_value',
  'ampc_times',
] as const;

/**
 * Loads a library that was built from a generated file and makes a context; `beside` another one of the same plan, which is closed after
 * it, on the same states. Throws UserError when memory is short, or stacks are.
 */
export function openLibrary(path: string, size: ContextSize, beside?: NativePlan): NativePlan {
  reserveStack();
  const library = loadLibrary(path);
  const create = library.func('void *ampc_create(int threads, int64_t scratch, void *beside)');
  const destroy = library.func('void ampc_destroy(void *ctx)');
  const callFunction = library.func('int ampc_call(void *ctx, int function, const void *inputs, void *outputs, int trace)');
  const read = library.func('void ampc_read(void *ctx, int64_t offset, void *destination, int64_t bytes)');
  const write = library.func('void ampc_write(void *ctx, int64_t offset, const void *source, int64_t bytes)');
  const readValue = library.func('void ampc_read_value(void *ctx, int64_t offset, void *destination, int64_t bytes)');
  const readTimes = library.func('void ampc_times(void *ctx, void *seconds, int count)');
  const context = create(size.threads, size.scratch, beside?.context ?? null);
  if (context === null)
    throw userError(
      'AMP6056',
      'the system gives no memory for the states and the arena of the plan',
      'other programs hold it, or a limit (ulimit, a container) is lower than what the plan takes',
      '`ampc plan FILE` says what it takes: use a smaller batch, or end other programs',
    );
  // Not in every library: that which measures the machine has no batches.
  let seriesAsync: AsyncSeries | undefined;
  const series = (): AsyncSeries => {
    const given = ['request', 'images', 'labels', 'order', 'places', 'others', 'draws', 'mixes', 'ops', 'rows', 'blank', 'calls', 'rates'];
    const blocks = given.map((name) => `const void *${name}`).join(', ');
    seriesAsync ??= promisify(library.func(`void ampc_series(void *ctx, ${blocks}, void *inputs, void *outputs)`).async) as AsyncSeries;
    return seriesAsync;
  };
  const callAsync = promisify(callFunction.async) as AsyncCall;
  return {
    size,
    context,
    call: (fn, inputs, outputs, trace) => callAsync(context, fn, inputs, outputs, trace),
    series: (...blocks) => series()(context, ...blocks),
    readState: (offset, destination) => read(context, offset, destination, destination.byteLength),
    writeState: (offset, source) => write(context, offset, source, source.byteLength),
    readArena: (offset, destination) => readValue(context, offset, destination, destination.byteLength),
    times: (count) => {
      const seconds = new Float64Array(count);
      readTimes(context, seconds, count);
      return seconds;
    },
    join: (functions) => library.func('void ampc_join(void *ctx, const void *functions)')(context, functions),
    close: () => {
      destroy(context);
      library.unload();
    },
  };
}
