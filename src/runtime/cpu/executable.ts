import type { CSource } from '../../codegen/c/emit.js';
import { fileOf } from '../../codegen/c/files.js';
import type { FunctionLayout } from '../../codegen/c/layout.js';
import type { TensorType } from '../../ir/types.js';
import { byteLength, elementCount } from '../../ir/types.js';
import { narrow } from '../../numeric/encoding.js';
import { isNarrow } from '../../numeric/formats.js';
import type { FunctionName, Plan } from '../../plan/plan.js';
import type { BatchSelection, CallOptions, Executable, Inputs, KernelTime, NonFinite, Scalars, SeriesCall } from '../backend.js';
import { CallQueue } from '../call-queue.js';
import { copiesOf, ownStates } from '../copies.js';
import { checkElements, decodeElements, encodeElements, type StateElements } from '../state-elements.js';
import type { BuildOptions } from './cache.js';
import { type IndexedFunction, LoadedLibrary } from './library.js';
import type { NativePlan } from './native.js';

/** Builds and loads the library of a file behind the first (its place in `filesOf`), beside the first one. */
export type LoadLater = (file: number, beside: NativePlan, options: BuildOptions) => Promise<LoadedLibrary>;

function allocateStateElements({ dtype, shape }: TensorType): StateElements {
  return dtype === 'i32' ? new Int32Array(elementCount(shape)) : new Float32Array(elementCount(shape));
}

/** The array, if it can hold a state of that type. */
function reusable(elements: StateElements | undefined, { dtype, shape }: TensorType): StateElements | undefined {
  return elements?.length === elementCount(shape) && elements instanceof Int32Array === (dtype === 'i32') ? elements : undefined;
}

/** A function with the library that has it. */
interface Found extends IndexedFunction {
  readonly library: LoadedLibrary;
}

function selectionPart({ order, places, mixes, ...batches }: BatchSelection, from: number, to: number): BatchSelection {
  return {
    ...batches,
    order: order.subarray(from, to),
    places: places && { own: places.own.subarray(from, to), others: places.others.subarray(from, to) },
    mixes: mixes?.slice(from, to),
  };
}

/** A compiled plan: one foreign call per step, made on a thread of koffi's pool, in the order of the calls. */
export class CpuExecutable implements Executable {
  readonly #first: LoadedLibrary;
  /** The libraries of the plan's other files, once they are asked for. */
  readonly #later = new Map<number, Promise<LoadedLibrary>>();
  #laterWorkspace = 0;
  /** Files that nobody waits for are compiled one behind the other. */
  #background: Promise<unknown> = Promise.resolve();
  readonly #stop = new AbortController();
  readonly #copies: ReturnType<typeof copiesOf>;
  #scalars: Scalars[] = [];
  #last: { readonly library: LoadedLibrary; readonly layout: FunctionLayout } | undefined;
  #traced: NonFinite | undefined;
  /** Everything that touches the context waits for the calls before it. */
  readonly #queue = new CallQueue();
  dataSeconds = 0;

  constructor(
    private readonly plan: Plan,
    source: CSource,
    native: NativePlan,
    readonly compileMs: number,
    private readonly loadLater?: LoadLater,
  ) {
    this.#first = new LoadedLibrary(source, native);
    this.#copies = copiesOf(plan);
  }

  get memory(): Executable['memory'] {
    const { states, arena } = this.#first.source.memory;
    return { states, arena, workspace: this.#first.workspace + this.#laterWorkspace };
  }

  async expect(name: FunctionName): Promise<void> {
    if (this.#first.find(name) === undefined && !this.#queue.isClosed)
      await this.#load(fileOf(this.plan, name), true).catch(() => undefined);
  }

  call(name: FunctionName, inputs: Inputs, options: CallOptions = {}): Promise<void> {
    return this.#queue.enqueue(() => this.#run(name, inputs, options.trace === true ? 1 : 0));
  }

  series(batches: BatchSelection, calls: readonly SeriesCall[]): Promise<readonly number[]> {
    return this.#queue.enqueue(async () => {
      const found: Found[] = [];
      for (const { fn } of calls) found.push(await this.#function(fn));
      const last = found.at(-1);
      if (last === undefined) return [];
      if (found.every(({ library }) => library === last.library)) return this.#series(last.library, batches, calls, found);
      // Each library makes its own batches: the order is cut where the library changes.
      const seconds: number[] = [];
      let place = 0;
      for (const [i, one] of found.entries()) {
        const images = one.layout.inputs.get('label')?.type.shape[0] ?? 0;
        const part = selectionPart(batches, place, place + images);
        seconds.push(...(await this.#series(one.library, part, [calls[i]!], [one])));
        place += images;
      }
      return seconds;
    });
  }

  async #series(library: LoadedLibrary, batches: BatchSelection, calls: readonly SeriesCall[], found: readonly Found[]): Promise<number[]> {
    const { scalars, seconds, dataSeconds } = await library.series(batches, calls, found);
    this.dataSeconds += dataSeconds;
    this.#scalars.push(...scalars);
    this.#last = { library, layout: found.at(-1)!.layout };
    return seconds;
  }

  /** One call with the time of each kernel, in execution order. */
  profile(name: FunctionName, inputs: Inputs): Promise<readonly KernelTime[]> {
    return this.#queue.enqueue(async () => {
      await this.#run(name, inputs, 2);
      const { groups } = this.plan.functions.find((fn) => fn.name === name)!;
      const { library, index } = await this.#function(name);
      const seconds = library.native.times(groups.length);
      const methods = library.source.methods[index]!;
      return groups.map((group, i) => {
        const method = methods[i];
        return { group: group.name, seconds: seconds[i]!, ...(method !== undefined && { method }) };
      });
    });
  }

  drain(): Promise<readonly Scalars[]> {
    return this.#queue.enqueue(async () => {
      const drained = this.#scalars;
      this.#scalars = [];
      return drained;
    });
  }

  readOutput(name: string): Promise<Float32Array> {
    return this.#queue.enqueue(async () => {
      const slot = this.#last?.layout.tensors.get(name);
      if (slot === undefined) throw new Error(`the last call had no tensor output ${name}`);
      return this.#last!.library.read(slot);
    });
  }

  nonFinite(): Promise<NonFinite | undefined> {
    return this.#queue.enqueue(async () => this.#traced);
  }

  readStates(names?: readonly string[], into?: ReadonlyMap<string, StateElements>): Promise<ReadonlyMap<string, StateElements>> {
    return this.#queue.enqueue(async () => {
      const entries = (names ?? ownStates(this.plan)).map((name): [string, StateElements] => {
        const slot = this.#slot(name);
        if (isNarrow(slot.type.dtype)) {
          const bytes = new Uint8Array(byteLength(slot.type));
          this.#first.native.readState(slot.offset, bytes);
          return [name, decodeElements(slot.type, bytes)];
        }
        const elements = reusable(into?.get(name), slot.type) ?? allocateStateElements(slot.type);
        this.#first.native.readState(slot.offset, elements);
        return [name, elements];
      });
      return new Map(entries);
    });
  }

  writeStates(values: ReadonlyMap<string, StateElements>): Promise<void> {
    return this.#queue.enqueue(async () => {
      for (const [name, elements] of values) {
        const slot = this.#slot(name);
        checkElements(name, slot.type, elements);
        this.#first.native.writeState(slot.offset, encodeElements(slot.type, elements));
        for (const copy of this.#copies.get(name) ?? [])
          this.#first.native.writeState(this.#slot(copy.name).offset, narrow(copy.dtype, elements as Float32Array));
      }
    });
  }

  async dispose(): Promise<void> {
    await this.#queue.close(async () => {
      this.#stop.abort();
      // A build that was stopped, or failed and was never needed, is no failure of the run.
      for (const loading of this.#later.values()) (await loading.catch(() => undefined))?.native.close();
      this.#first.native.close();
    });
  }

  async #run(name: FunctionName, inputs: Inputs, trace: number): Promise<void> {
    const { library, ...fn } = await this.#function(name);
    const { result, scalars } = await library.call(fn, inputs, trace);
    if (trace === 1) this.#traced = result === 0 ? undefined : { function: name, node: result - 1 };
    this.#scalars.push(scalars);
    this.#last = { library, layout: fn.layout };
  }

  async #function(name: FunctionName): Promise<Found> {
    const known = this.#first.find(name);
    if (known !== undefined) return { ...known, library: this.#first };
    const library = await this.#load(fileOf(this.plan, name), false);
    return { ...library.find(name)!, library };
  }

  #load(file: number, background: boolean): Promise<LoadedLibrary> {
    const known = this.#later.get(file);
    if (known !== undefined) return known;
    const options = { background, signal: this.#stop.signal };
    const load = async (): Promise<LoadedLibrary> => {
      if (this.loadLater === undefined) throw new Error('the plan was loaded without its other files');
      const library = await this.loadLater(file, this.#first.native, options);
      this.#laterWorkspace += library.workspace;
      return library;
    };
    const loading = background ? this.#background.then(load) : load();
    // A failure surfaces where a function of it is called.
    const settled = loading.catch(() => undefined);
    if (background) this.#background = settled;
    this.#later.set(file, loading);
    return loading;
  }

  #slot(name: string) {
    const slot = this.#first.source.states.slots.get(name);
    if (slot === undefined) throw new Error(`the plan has no state ${name}`);
    return slot;
  }
}
