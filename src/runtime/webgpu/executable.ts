import type { Block, FunctionLayout } from '../../codegen/gpu/layout.js';
import type { WgslFunction, WgslProgram } from '../../codegen/wgsl/emit.js';
import { storageType } from '../../codegen/wgsl/formats.js';
import { byteLength, type DType, elementCount } from '../../ir/types.js';
import { narrow, widen } from '../../numeric/encoding.js';
import type { FunctionName, Plan } from '../../plan/plan.js';
import type { CallOptions, Executable, InputData, Inputs, KernelTime, NonFinite, Scalars } from '../backend.js';
import { copiesOf, ownStates } from '../copies.js';
import { checkElements, decodeElements, encodeElements, type StateElements } from '../state-elements.js';
import { type Blocks, Reader } from './buffers.js';
import { encodeDispatches, type Pipelines } from './pipelines.js';
import { timeGroups } from './profile.js';
import { DeviceQueue } from './queue.js';
import { ScalarRing } from './ring.js';
import { Tracer } from './trace.js';

/** Calls that may wait on the device before the host does: enough to keep it busy, few enough to bound the copies of their inputs. */
const CALLS_AHEAD = 32;

export interface LoadedProgram {
  readonly plan: Plan;
  readonly program: WgslProgram;
  readonly device: GPUDevice;
  readonly blocks: Blocks;
  readonly pipelines: Pipelines;
  readonly compileMs: number;
}

/** A plan on a GPU. Calls are submitted ahead of the device; it is read only by `drain` and the other readers. */
export class WebGpuExecutable implements Executable {
  readonly compileMs: number;
  readonly memory: Executable['memory'];
  readonly #loaded: LoadedProgram;
  readonly #queue: DeviceQueue;
  readonly #reader: Reader;
  readonly #ring: ScalarRing;
  readonly #copies: ReturnType<typeof copiesOf>;
  #tracer: Tracer | undefined;
  #early: Scalars[] = [];
  #ahead = 0;
  #last: FunctionLayout | undefined;
  #traced: NonFinite | undefined;

  constructor(loaded: LoadedProgram) {
    const { device, program, compileMs } = loaded;
    this.#loaded = loaded;
    this.#queue = new DeviceQueue(device);
    this.#reader = new Reader(device);
    this.#ring = new ScalarRing(device);
    this.#copies = copiesOf(loaded.plan);
    this.compileMs = compileMs;
    const { states, arena, inputs, workspace } = program.memory;
    this.memory = { states, arena, workspace: workspace + inputs };
  }

  /** Times that the host has read from the device. */
  get readbacks(): number {
    return this.#reader.count;
  }

  async expect(name: FunctionName): Promise<void> {
    if (!this.#queue.isClosed) await this.#loaded.pipelines.of(name).catch(() => undefined);
  }

  call(name: FunctionName, inputs: Inputs, options: CallOptions = {}): Promise<void> {
    return this.#queue.enqueue(() => this.#submit(name, inputs, options.trace === true));
  }

  drain(): Promise<readonly Scalars[]> {
    return this.#queue.enqueue(async () => {
      const scalars = [...this.#early, ...(await this.#ring.drain(this.#reader))];
      this.#early = [];
      this.#ahead = 0;
      return scalars;
    });
  }

  readOutput(name: string): Promise<Float32Array> {
    return this.#queue.enqueue(async () => {
      const output = this.#last?.tensors.get(name);
      if (output === undefined) throw new Error(`the last call had no tensor output ${name}`);
      const { block, bytes } = output.place;
      const [elements] = await this.#reader.read([{ ...this.#loaded.blocks.at(output.place), bytes }]);
      return read(output.type.dtype, elements!, block).slice(0, elementCount(output.type.shape));
    });
  }

  nonFinite(): Promise<NonFinite | undefined> {
    return this.#queue.enqueue(async () => this.#traced);
  }

  /** One call with the device's time for each kernel. Throws UserError where the adapter has no timestamps. */
  profile(name: FunctionName, inputs: Inputs): Promise<readonly KernelTime[]> {
    return this.#queue.enqueue(async () => {
      const { device, pipelines } = this.#loaded;
      const fn = this.#function(name);
      const dispatches = await pipelines.of(name);
      this.#upload(fn.layout, inputs);
      const seconds = await timeGroups(device, this.#reader, dispatches);
      return fn.groups.map(({ group }, i) => ({ group: group.name, seconds: seconds[i]! }));
    });
  }

  readStates(names?: readonly string[]): Promise<ReadonlyMap<string, StateElements>> {
    return this.#queue.enqueue(async () => {
      const { plan, blocks } = this.#loaded;
      const wanted = names ?? ownStates(plan);
      const slots = wanted.map((name) => this.#slot(name));
      const parts = slots.map(({ offset, type }) => ({ ...blocks.at({ block: 'states', offset }), bytes: byteLength(type) }));
      const elements = await this.#reader.read(parts);
      return new Map(wanted.map((name, i) => [name, decodeElements(slots[i]!.type, elements[i]!)]));
    });
  }

  writeStates(values: ReadonlyMap<string, StateElements>): Promise<void> {
    return this.#queue.enqueue(async () => {
      const { device, blocks } = this.#loaded;
      for (const [name, elements] of values) {
        const { offset, type } = this.#slot(name);
        checkElements(name, type, elements);
        writeBytes(device, blocks.at({ block: 'states', offset }), encodeElements(type, elements));
        for (const copy of this.#copies.get(name) ?? []) {
          const place = blocks.at({ block: 'states', offset: this.#slot(copy.name).offset });
          writeBytes(device, place, narrow(copy.dtype, elements as Float32Array));
        }
      }
    });
  }

  async dispose(): Promise<void> {
    const { device, blocks, pipelines } = this.#loaded;
    const free = async () => {
      if (this.#queue.hasFailed) return;
      await device.queue.onSubmittedWorkDone();
      await pipelines.settle();
      this.#ring.destroy();
      this.#tracer?.destroy();
      blocks.destroy();
    };
    await this.#queue.close(async () => {
      await free().catch(() => {});
      device.destroy();
    });
  }

  async #submit(name: FunctionName, inputs: Inputs, trace: boolean): Promise<void> {
    const { device, blocks, pipelines } = this.#loaded;
    const fn = this.#function(name);
    const dispatches = await pipelines.of(name);
    if (this.#ring.isFull) this.#early.push(...(await this.#ring.drain(this.#reader)));
    this.#upload(fn.layout, inputs);
    if (trace) this.#tracer ??= new Tracer(device, blocks);
    const tracer = trace ? this.#tracer : undefined;
    tracer?.begin();
    const encoder = device.createCommandEncoder();
    this.#ring.record(encoder, fn.layout, blocks, 'before');
    const pass = encoder.beginComputePass();
    const { graph } = this.#loaded.plan.functions.find((other) => other.name === name)!;
    for (const [i, { stores }] of fn.groups.entries()) {
      encodeDispatches(pass, dispatches[i]!);
      if (tracer !== undefined) for (const value of stores) tracer.check(pass, graph, fn.layout, value);
    }
    pass.end();
    this.#ring.record(encoder, fn.layout, blocks, 'after');
    device.queue.submit([encoder.finish()]);
    this.#last = fn.layout;
    if (tracer !== undefined) {
      const node = await tracer.result(this.#reader);
      this.#traced = node === undefined ? undefined : { function: name, node };
    }
    this.#ahead += 1;
    if (this.#ahead >= CALLS_AHEAD) {
      await device.queue.onSubmittedWorkDone();
      this.#ahead = 0;
    }
  }

  #upload(layout: FunctionLayout, inputs: Inputs): void {
    const { device, blocks } = this.#loaded;
    for (const [name, { type, offset }] of layout.inputs) {
      const given: InputData | undefined = inputs[name];
      if (given === undefined) throw new Error(`input ${name} of ${layout.name} is missing`);
      if (given.length !== elementCount(type.shape))
        throw new Error(`input ${name} has ${given.length} elements, not ${elementCount(type.shape)}`);
      writeBytes(device, blocks.at({ block: 'inputs', offset }), given);
    }
  }

  #function(name: FunctionName): WgslFunction {
    const fn = this.#loaded.program.functions.find((other) => other.name === name);
    if (fn === undefined) throw new Error(`the plan has no function ${name}`);
    return fn;
  }

  #slot(name: string) {
    const slot = this.#loaded.program.states.slots.get(name);
    if (slot === undefined) throw new Error(`the plan has no state ${name}`);
    return slot;
  }
}

/** The queue takes whole words; what is written behind the last element is padding. */
function writeBytes(device: GPUDevice, { buffer, offset }: ReturnType<Blocks['at']>, data: InputData): void {
  const whole = data.byteLength - (data.byteLength % 4);
  if (whole > 0) device.queue.writeBuffer(buffer, offset, data.buffer, data.byteOffset, whole);
  if (whole === data.byteLength) return;
  const rest = new Uint8Array(4);
  rest.set(new Uint8Array(data.buffer, data.byteOffset + whole, data.byteLength - whole));
  device.queue.writeBuffer(buffer, offset + whole, rest);
}

function read(dtype: DType, bytes: Uint8Array, block: Block): Float32Array {
  // A computed byte has a word.
  const isWord = block !== 'inputs' && storageType(dtype) === 'u32';
  return isWord ? Float32Array.from(new Uint32Array(bytes.buffer)) : widen(dtype, bytes);
}
