import type { Draw, Fill, ImageMix } from '../datasets/augmentation.js';
import type { ImageOp } from '../datasets/image-ops.js';
import type { Shape } from '../ir/types.js';
import type { FunctionName, Plan } from '../plan/plan.js';
import type { PlanTarget } from '../plan/target.js';
import type { KernelMethod } from '../plan/work.js';
import type { Collectives } from './collectives.js';

export { type Collectives, gatherTexts } from './collectives.js';

export interface BackendInfo {
  readonly name: string;
  readonly available: boolean;
  /**
   * Human-readable device: processor or adapter name, with what matters (AVX-512 BF16, shader-f16). Also of one that is there and cannot be
   * used for want of something else.
   */
  readonly device?: string;
  /** An adapter that runs on the processor: taken only when its backend is asked for by name, never by `auto`. */
  readonly software?: boolean;
  /** Why it is not available, and what to install. */
  readonly reason?: string;
  /** What to do about it, where that is not to install what the reason names. */
  readonly fix?: string;
  /** What plans for it are made for: known without a device, so that plans can be made and read anywhere. */
  readonly target: PlanTarget;
  /** Further facts for `ampc backends`, printed as they are. */
  readonly details?: Readonly<Record<string, string>>;
}

export type InputData = Uint8Array | Int32Array | Float32Array;

/** Values of the named inputs of a function: tensors row-major, scalars as arrays of length one. Not kept after `call` resolves. */
export type Inputs = Readonly<Record<string, InputData>>;

/** Labelled images of one size in memory. */
export interface ImageSource {
  /** N*H*W*C bytes, NHWC; not of all images, where a selection says where they lie. */
  readonly images: Uint8Array;
  /** One class index per image. */
  readonly labels: Int32Array;
  /** H, W, C. */
  readonly shape: Shape;
}

/** In the order of a batch: black, with the label -1, which counts for nothing. */
export const NO_IMAGE = 0xffffffff;

/** Of every place of every batch: where its image lies in the source, and the one that it is joined with. */
export interface ImagePlaces {
  readonly own: Uint32Array;
  readonly others: Uint32Array;
}

/** Which images make up batches, one after another, and how each is changed. `Batcher` in src/training defines the pixels. */
export interface BatchSelection {
  readonly source: ImageSource;
  /** The number of the image in every place of every batch, or `NO_IMAGE`. */
  readonly order: Uint32Array;
  /** Where they lie in `source.images`, where that is not by their numbers. */
  readonly places?: ImagePlaces | undefined;
  /** How the image in every place is joined with another. Undefined: none is. */
  readonly mixes?: readonly ImageMix[] | undefined;
  /**
   * How each is changed: by what is drawn from the two words of Threefry with the key (seed, stream) and the counter (number of the image,
   * epoch). Undefined: images as they are.
   */
  readonly augment: ImageAugmentation | undefined;
}

/** What changes the images of an epoch: first what is drawn for the window of each, then the ops, in order. */
export interface ImageAugmentation {
  readonly draws: readonly Draw[];
  readonly fill: Fill;
  /** Each with the stream of its own random words in place of its name. */
  readonly ops: readonly (Omit<ImageOp, 'stream'> & { readonly stream: number })[];
  /** A byte for each channel, in the place of what is blanked. */
  readonly blank: Uint8Array;
  readonly seed: number;
  readonly stream: number;
  readonly epoch: number;
}

/** One call of a series. */
export interface SeriesCall {
  readonly fn: FunctionName;
  /** Learning rates by the inputs that have them. */
  readonly rates: Readonly<Record<string, number>>;
  readonly step: number;
}

/** Scalar results of one call, by output name: `loss`, `correct`, and for training `ok` (0 or 1) and `scale`. */
export type Scalars = Readonly<Record<string, number>>;

/** The first value, in plan order, that reached memory and held an infinity or a NaN: the same on every backend. */
export interface NonFinite {
  readonly function: FunctionName;
  /** The value's node in the plan's graph. */
  readonly node: number;
}

/** Time of one kernel in a profiled call. */
export interface KernelTime {
  /** Name of the plan's group. */
  readonly group: string;
  readonly seconds: number;
  /** How it computes its sums, unless product by product. */
  readonly method?: KernelMethod;
}

/** A rate on one core and on all threads. */
export interface Rate {
  readonly one: number;
  readonly all: number;
}

/** The most that a device can do, as measured on it: 10^9 operations (a multiply and an add are two) or bytes a second. */
export interface MachineLimits {
  /** How many threads `all` means. */
  readonly threads: number;
  readonly f32: Rate;
  /** Dot products of bf16 pairs; undefined where the device has no such instruction. */
  readonly bf16: Rate | undefined;
  /** Bytes read, or read and written, from memory outside the caches: the better of both. */
  readonly memory: Rate;
}

export interface CallOptions {
  /** Look for the first non-finite stored value; slower. */
  readonly trace?: boolean;
}

/** A compiled plan on a device, with its states. Calls run in order; states persist between them. */
export interface Executable {
  readonly compileMs: number;
  /** Bytes that the device holds for this plan: states, arena, workspace. */
  readonly memory: { readonly states: number; readonly arena: number; readonly workspace: number };
  /**
   * Says that a function will be called before long: what it needs besides may be made ready meanwhile. Without it, its first call does
   * that. Resolves when it is ready, and does not reject: a failure surfaces in that call.
   */
  expect?(fn: FunctionName): Promise<void>;
  /** Starts one call; resolves when its inputs may be reused (which may be before the device has finished). */
  call(fn: FunctionName, inputs: Inputs, options?: CallOptions): Promise<void>;
  /**
   * Calls one after another, with batches that the device puts together itself: the same as `call` with what `Batcher` writes. Resolves
   * when the last one is done, to the seconds that each took. Not every backend can; `call` always does.
   */
  series?(batches: BatchSelection, calls: readonly SeriesCall[]): Promise<readonly number[]>;
  /** Whether `series` also carries out the ops of an `ImageAugmentation`; left out: it does. */
  readonly seriesOps?: boolean;
  /** Seconds so far in which the calls of series waited for their batches. */
  readonly dataSeconds?: number;
  /** Scalar outputs of every call since the last drain, oldest first. Waits for the device. */
  drain(): Promise<readonly Scalars[]>;
  /** A tensor output of the last call (`logits` of eval_step), widened to f32. */
  readOutput(name: string): Promise<Float32Array>;
  /** One call with the time of each of its kernels, in execution order. Not every backend can tell. */
  profile?(fn: FunctionName, inputs: Inputs): Promise<readonly KernelTime[]>;
  /** Result of the last traced call. */
  nonFinite(): Promise<NonFinite | undefined>;
  /**
   * States by name: f32 as Float32Array, i32 as Int32Array. All of them, or those named. `into`: arrays that the caller no longer needs,
   * which the backend may fill and give back instead of new ones.
   */
  readStates(
    names?: readonly string[],
    into?: ReadonlyMap<string, Float32Array | Int32Array>,
  ): Promise<ReadonlyMap<string, Float32Array | Int32Array>>;
  writeStates(values: ReadonlyMap<string, Float32Array | Int32Array>): Promise<void>;
  dispose(): Promise<void>;
}

export interface LoadOptions {
  /** Worker threads, where that means something; 0 means all cores. The bits of every result are the same for any number. */
  readonly threads?: number;
  /** The other ranks, where the plan is of several. */
  readonly peers?: Collectives | undefined;
  /** Aborting it ends a compilation; `load` then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Told what a person should know, such as that compiled kernels cannot be kept. */
  readonly onNotice?: ((text: string) => void) | undefined;
}

export interface ProbeOptions {
  /** For `auto`, which takes no software adapter: a backend that has nothing else need not open it. */
  readonly automatic?: boolean;
  /** Aborting it ends a program that is asked, such as a compiler; `probe` then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface Backend {
  readonly name: string;
  probe(options?: ProbeOptions): Promise<BackendInfo>;
  /** Compiles; states start at zero until written. Throws UserError when the backend cannot run here. */
  load(plan: Plan, options?: LoadOptions): Promise<Executable>;
  /**
   * Has the device compute what is known, before `auto` takes it; resolves to why `auto` should not. The outcome is kept. Without it: what
   * can run is taken.
   */
  distrust?(options?: LoadOptions): Promise<string | undefined>;
  /** Bytes beside states and arena that `load` would allocate for the plan here. Without it: none. */
  workspace?(plan: Plan, options?: LoadOptions): Promise<number>;
  /** Measures the device for about `seconds` (default 2). Not every backend can. Throws as `load`. */
  limits?(options?: LoadOptions & { readonly seconds?: number }): Promise<MachineLimits>;
}
