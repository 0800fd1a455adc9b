import { CUDA_FORMATS } from '../../codegen/cuda/formats.js';
import { formatOf } from '../../codegen/gpu/formats.js';
import { elementCount, type TensorType } from '../../ir/types.js';
import { narrow, widen } from '../../numeric/encoding.js';
import { isNarrow } from '../../numeric/formats.js';
import type { FunctionName } from '../../plan/plan.js';
import type { BatchSelection, CallOptions, Executable, Inputs, KernelTime, NonFinite, Scalars, SeriesCall } from '../backend.js';
import { copiesOf, ownStates } from '../copies.js';
import { checkSelection } from '../selection.js';
import { checkElements, decodeElements, encodeElements, type StateElements } from '../state-elements.js';
import { behind } from './device.js';
import type { Functions, PlanOnDevice, ReadyFunction } from './functions.js';
import { InputSlots } from './input-slots.js';
import { DeviceQueue } from './queue.js';

const NONE = 0xffffffff;

/** On the device. */
function byteLength({ dtype, shape }: TensorType): number {
  return elementCount(shape) * formatOf(CUDA_FORMATS, dtype).bytes;
}

function bytesOf({ buffer, byteOffset, byteLength: length }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length);
}

/** A plan on a GPU of NVIDIA. Calls are asked for ahead of the device, each as one graph; only `drain` and the other readers read it. */
export class CudaExecutable implements Executable {
  /** Those of `ImageAugmentation.ops` are the host's. */
  readonly seriesOps = false;
  readonly memory: Executable['memory'];
  readonly #queue = new DeviceQueue();
  readonly #functions: Functions;
  readonly #slots: InputSlots;
  readonly #copies: ReturnType<typeof copiesOf>;
  #early: Scalars[] = [];
  #last: ReadyFunction | undefined;
  #traced: NonFinite | undefined;

  constructor(
    private readonly parts: PlanOnDevice,
    functions: Functions,
    readonly compileMs: number,
  ) {
    const { states, arena, inputs, workspace } = parts.program.memory;
    this.memory = { states, arena, workspace: workspace + inputs };
    this.#functions = functions;
    this.#slots = new InputSlots(parts.device, inputs);
    this.#copies = copiesOf(parts.plan);
  }

  /** Times that the host has read from the device. */
  get readbacks(): number {
    return this.parts.device.reads;
  }

  async expect(name: FunctionName): Promise<void> {
    if (!this.#queue.isClosed) await this.#functions.of(name).catch(() => undefined);
  }

  call(name: FunctionName, inputs: Inputs, { trace = false }: CallOptions = {}): Promise<void> {
    return this.#queue.enqueue(async () => {
      const ready = await this.#ready(name);
      await this.#slots.fill(ready.fn.layout, inputs, this.parts.at.inputs);
      if (trace) await this.#trace(name, ready);
      else ready.run('call');
      this.#last = ready;
    });
  }

  series(batches: BatchSelection, calls: readonly SeriesCall[]): Promise<readonly number[]> {
    return this.#queue.enqueue(async () => {
      const { device, feed, rates } = this.parts;
      const ready: ReadyFunction[] = [];
      for (const { fn } of calls) ready.push(await this.#functions.of(fn));
      const layouts = ready.map(({ fn }) => fn.layout);
      checkSelection(batches, layouts);
      const firsts = new Uint32Array(calls.length);
      for (let i = 1; i < calls.length; i += 1) firsts[i] = firsts[i - 1]! + layouts[i - 1]!.inputs.get('image')!.type.shape[0]!;
      await feed.put(batches, calls, firsts, rates);
      const events = Array.from({ length: calls.length + 1 }, () => device.event(true));
      try {
        device.record(events[0]!);
        for (const [i, one] of ready.entries()) {
          await this.#makeRoom();
          one.run('series');
          device.record(events[i + 1]!);
        }
        this.#last = ready.at(-1);
        await device.settled();
        return calls.map((_, i) => device.seconds(events[i]!, events[i + 1]!));
      } finally {
        for (const event of events) device.forget('destroyEvent', event);
      }
    });
  }

  drain(): Promise<readonly Scalars[]> {
    return this.#queue.enqueue(async () => {
      const scalars = [...this.#early, ...(await this.parts.ring.drain())];
      this.#early = [];
      return scalars;
    });
  }

  readOutput(name: string): Promise<Float32Array> {
    return this.#queue.enqueue(async () => {
      const output = this.#last?.fn.layout.tensors.get(name);
      if (output === undefined) throw new Error(`the last call had no tensor output ${name}`);
      const { type, place } = output;
      return widen(type.dtype, await this.parts.device.read(behind(this.parts.at[place.block], place.offset), byteLength(type)));
    });
  }

  nonFinite(): Promise<NonFinite | undefined> {
    return this.#queue.enqueue(async () => this.#traced);
  }

  /** One call with the device's time for each group of kernels. */
  profile(name: FunctionName, inputs: Inputs): Promise<readonly KernelTime[]> {
    return this.#queue.enqueue(async () => {
      const ready = await this.#ready(name);
      await this.#slots.fill(ready.fn.layout, inputs, this.parts.at.inputs);
      const seconds = await ready.time();
      this.#last = ready;
      return ready.fn.groups.map(({ name: group }, i) => ({ group, seconds: seconds[i]! }));
    });
  }

  readStates(names?: readonly string[]): Promise<ReadonlyMap<string, StateElements>> {
    return this.#queue.enqueue(async () => {
      const { plan, device, at, program } = this.parts;
      // All of them lie together: one copy.
      const whole = names === undefined ? await device.read(at.states, program.memory.states) : undefined;
      const found = new Map<string, StateElements>();
      for (const name of names ?? ownStates(plan)) {
        const { type, offset } = this.#slot(name);
        const bytes = whole?.slice(offset, offset + byteLength(type)) ?? (await device.read(behind(at.states, offset), byteLength(type)));
        found.set(name, decodeElements(type, bytes));
      }
      return found;
    });
  }

  writeStates(values: ReadonlyMap<string, StateElements>): Promise<void> {
    return this.#queue.enqueue(async () => {
      const { device, at } = this.parts;
      for (const [name, elements] of values) {
        const { offset, type } = this.#slot(name);
        checkElements(name, type, elements);
        await device.write(behind(at.states, offset), bytesOf(encodeElements(type, elements)));
        for (const copy of this.#copies.get(name) ?? []) {
          if (!isNarrow(copy.dtype)) continue;
          await device.write(behind(at.states, this.#slot(copy.name).offset), bytesOf(narrow(copy.dtype, elements as Float32Array)));
        }
      }
    });
  }

  async dispose(): Promise<void> {
    const { device, modules } = this.parts;
    await this.#queue.close(async () => {
      await device.settled().catch(() => undefined);
      for (const ready of await this.#functions.settle()) ready.free();
      await modules.unload();
      this.#slots.free();
      device.close();
    });
  }

  async #trace(name: FunctionName, ready: ReadyFunction): Promise<void> {
    const { device } = this.parts;
    const first = device.allocate(4);
    try {
      await device.write(first, bytesOf(Uint32Array.of(NONE)));
      ready.trace(first);
      const [node] = new Uint32Array((await device.read(first, 4)).buffer);
      this.#traced = node === NONE ? undefined : { function: name, node: node! };
    } finally {
      device.free(first);
    }
  }

  async #ready(name: FunctionName): Promise<ReadyFunction> {
    await this.#makeRoom();
    return this.#functions.of(name);
  }

  /** Takes the scalars of earlier calls where there is no room for those of another. */
  async #makeRoom(): Promise<void> {
    const { ring } = this.parts;
    if (ring.room === 0) this.#early.push(...(await ring.drain()));
  }

  #slot(name: string) {
    const slot = this.parts.program.states.slots.get(name);
    if (slot === undefined) throw new Error(`the plan has no state ${name}`);
    return slot;
  }
}
