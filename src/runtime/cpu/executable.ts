import type { CSource } from '../../codegen/c/emit.js';
import type { FunctionLayout } from '../../codegen/c/layout.js';
import { seriesOutputs } from '../../codegen/c/series.js';
import type { DType, TensorType } from '../../ir/types.js';
import { byteLength, elementCount } from '../../ir/types.js';
import { decodeHalf } from '../../numeric/half.js';
import type { FunctionName, Plan } from '../../plan/plan.js';
import type { BatchSelection, CallOptions, Executable, Inputs, KernelTime, NonFinite, Scalars, SeriesCall } from '../backend.js';
import { type NativePlan, workspaceBytes } from './native.js';
import { packSeries } from './series.js';

type StateElements = Float32Array | Int32Array;

interface IndexedFunction {
  readonly index: number;
  readonly layout: FunctionLayout;
}

function allocateStateElements({ dtype, shape }: TensorType): StateElements {
  return dtype === 'i32' ? new Int32Array(elementCount(shape)) : new Float32Array(elementCount(shape));
}

function widen(dtype: DType, bytes: Uint8Array): Float32Array {
  const { buffer, byteOffset } = bytes;
  switch (dtype) {
    case 'f32':
      return new Float32Array(buffer, byteOffset, bytes.length / 4);
    case 'i32':
      return Float32Array.from(new Int32Array(buffer, byteOffset, bytes.length / 4));
    case 'f16':
    case 'bf16':
      return decodeHalf(dtype, new Uint16Array(buffer, byteOffset, bytes.length / 2));
    default:
      return Float32Array.from(bytes);
  }
}

/** A compiled plan: one foreign call per step, made on a thread of koffi's pool, in the order of the calls. */
export class CpuExecutable implements Executable {
  readonly memory: Executable['memory'];
  readonly #functions: ReadonlyMap<string, IndexedFunction>;
  /** The inputs of the running call, in its function's layout. */
  readonly #inputs: Uint8Array;
  readonly #outputs: Float64Array;
  #scalars: Scalars[] = [];
  #last: FunctionLayout | undefined;
  #traced: NonFinite | undefined;
  #queue: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(
    private readonly plan: Plan,
    private readonly source: CSource,
    private readonly native: NativePlan,
    readonly compileMs: number,
  ) {
    const { states, arena } = source.memory;
    this.memory = { states, arena, workspace: workspaceBytes(source, native.size) };
    this.#functions = new Map(source.functions.map((layout, index) => [layout.name, { index, layout }]));
    this.#inputs = new Uint8Array(Math.max(64, ...source.functions.map(({ inputBytes }) => inputBytes)));
    this.#outputs = new Float64Array(seriesOutputs(source.functions));
  }

  call(name: FunctionName, inputs: Inputs, options: CallOptions = {}): Promise<void> {
    return this.#enqueue(() => this.#run(name, inputs, options.trace === true ? 1 : 0));
  }

  series(batches: BatchSelection, calls: readonly SeriesCall[]): Promise<readonly number[]> {
    return this.#enqueue(async () => {
      const functions = calls.map(({ fn }) => this.#function(fn));
      const packed = packSeries(batches, calls, functions);
      const width = this.#outputs.length;
      const outputs = new Float64Array(calls.length * width);
      const { images, labels } = batches.source;
      await this.native.series(packed.request, images, labels, batches.order, packed.calls, this.#inputs, outputs);
      for (const [i, { layout }] of functions.entries()) this.#record(layout, outputs.subarray(i * width));
      return calls.map((_, i) => outputs[(i + 1) * width - 1]!);
    });
  }

  /** One call with the time of each kernel, in execution order. */
  profile(name: FunctionName, inputs: Inputs): Promise<readonly KernelTime[]> {
    return this.#enqueue(async () => {
      await this.#run(name, inputs, 2);
      const { groups } = this.plan.functions.find((fn) => fn.name === name)!;
      const seconds = this.native.times(groups.length);
      const methods = this.source.methods[this.#function(name).index]!;
      return groups.map((group, i) => {
        const method = methods[i];
        return { group: group.name, seconds: seconds[i]!, ...(method !== undefined && { method }) };
      });
    });
  }

  drain(): Promise<readonly Scalars[]> {
    return this.#enqueue(async () => {
      const drained = this.#scalars;
      this.#scalars = [];
      return drained;
    });
  }

  readOutput(name: string): Promise<Float32Array> {
    return this.#enqueue(async () => {
      const slot = this.#last?.tensors.get(name);
      if (slot === undefined) throw new Error(`the last call had no tensor output ${name}`);
      const bytes = new Uint8Array(byteLength(slot.type));
      if (slot.block === 'arena') this.native.readArena(slot.offset, bytes);
      else if (slot.block === 'states') this.native.readState(slot.offset, bytes);
      else bytes.set(this.#inputs.subarray(slot.offset, slot.offset + bytes.length));
      return widen(slot.type.dtype, bytes);
    });
  }

  nonFinite(): Promise<NonFinite | undefined> {
    return this.#enqueue(async () => this.#traced);
  }

  readStates(names?: readonly string[]): Promise<ReadonlyMap<string, StateElements>> {
    return this.#enqueue(async () => {
      const { slots } = this.source.states;
      const entries = (names ?? [...slots.keys()]).map((name): [string, StateElements] => {
        const slot = this.#slot(name);
        const elements = allocateStateElements(slot.type);
        this.native.readState(slot.offset, elements);
        return [name, elements];
      });
      return new Map(entries);
    });
  }

  writeStates(values: ReadonlyMap<string, StateElements>): Promise<void> {
    return this.#enqueue(async () => {
      for (const [name, elements] of values) {
        const slot = this.#slot(name);
        const count = elementCount(slot.type.shape);
        if (elements.length !== count) throw new Error(`state ${name} has ${count} elements, not ${elements.length}`);
        if (elements instanceof Int32Array !== (slot.type.dtype === 'i32')) throw new Error(`state ${name} is ${slot.type.dtype}`);
        this.native.writeState(slot.offset, elements);
      }
    });
  }

  async dispose(): Promise<void> {
    if (this.#closed) return;
    await this.#enqueue(async () => {
      this.#closed = true;
      this.native.close();
    });
  }

  async #run(name: FunctionName, inputs: Inputs, trace: number): Promise<void> {
    const { index, layout } = this.#function(name);
    this.#copyInputs(layout, inputs);
    const result = await this.native.call(index, this.#inputs, this.#outputs, trace);
    if (trace === 1) this.#traced = result === 0 ? undefined : { function: name, node: result - 1 };
    this.#record(layout, this.#outputs);
  }

  /** Keeps the scalar outputs of a call that is done. */
  #record(layout: FunctionLayout, outputs: Float64Array): void {
    this.#scalars.push(Object.fromEntries(layout.scalars.map((scalar, i) => [scalar, outputs[i]!])));
    this.#last = layout;
  }

  #copyInputs(layout: FunctionLayout, inputs: Inputs): void {
    for (const [name, slot] of layout.inputs) {
      const given = inputs[name];
      if (given === undefined) throw new Error(`input ${name} of ${layout.name} is missing`);
      if (given.byteLength !== byteLength(slot.type))
        throw new Error(`input ${name} has ${given.byteLength} bytes, not ${byteLength(slot.type)}`);
      this.#inputs.set(new Uint8Array(given.buffer, given.byteOffset, given.byteLength), slot.offset);
    }
  }

  #function(name: FunctionName): IndexedFunction {
    const fn = this.#functions.get(name);
    if (fn === undefined) throw new Error(`the plan has no function ${name}`);
    return fn;
  }

  #slot(name: string) {
    const slot = this.source.states.slots.get(name);
    if (slot === undefined) throw new Error(`the plan has no state ${name}`);
    return slot;
  }

  /** Everything that touches the context waits for the calls before it. */
  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(() => {
      if (this.#closed) throw new Error('the plan was disposed of');
      return work();
    });
    this.#queue = result.then(
      () => {},
      () => {},
    );
    return result;
  }
}
