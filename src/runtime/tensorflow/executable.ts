import { userError } from '../../diagnostics/diagnostic.js';
import type { FunctionName, Plan } from '../../plan/plan.js';
import type { CallOptions, Executable, Inputs, NonFinite, Scalars } from '../backend.js';
import { CallQueue } from '../call-queue.js';
import type { StateElements } from '../state-elements.js';
import type { Tensor, TfjsBinding } from './binding.js';
import { Calls } from './calls.js';
import { Device } from './device.js';
import { type Program, prepare, Run, type RunResult, readElements } from './run.js';
import { States } from './states.js';

export interface ExecutableOptions {
  /** Run contractions of half operands in TensorFlow's half kernels. */
  readonly nativeHalf: boolean;
  /** Call internal kernels of TensorFlow that pass a trial. */
  readonly internalKernels: boolean;
}

/** A plan on TensorFlow, operation by operation. On a processor a call blocks the thread; on a GPU it returns once all are issued. */
export class TensorflowExecutable implements Executable {
  readonly compileMs: number;
  readonly memory: Executable['memory'];
  readonly #tf: Calls;
  readonly #states: States;
  readonly #programs: ReadonlyMap<FunctionName, Program>;
  /** Scalar outputs of the calls since the last drain, still on the device. */
  #scalars: ReadonlyMap<string, Tensor>[] = [];
  #tensors: ReadonlyMap<string, Tensor> = new Map();
  #traced: NonFinite | undefined;
  /** Everything that touches the device waits for the calls before it. */
  readonly #queue = new CallQueue();

  constructor(
    plan: Plan,
    binding: TfjsBinding,
    private readonly options: ExecutableOptions,
  ) {
    const started = performance.now();
    this.#tf = new Calls(new Device(binding, options.internalKernels));
    this.#programs = new Map(plan.functions.map((fn) => [fn.name, prepare(fn)]));
    this.#states = new States(plan, this.#tf);
    this.memory = { states: this.#states.bytes, arena: Math.max(0, ...plan.functions.map((fn) => fn.memory.arena)), workspace: 0 };
    this.compileMs = performance.now() - started;
  }

  /** Tensors that TensorFlow holds for this process. */
  get tensorCount(): number {
    return this.#tf.device.tensorCount;
  }

  call(name: FunctionName, inputs: Inputs, options: CallOptions = {}): Promise<void> {
    return this.#queue.enqueue(async () => {
      const program = this.#programs.get(name);
      if (program === undefined) throw new Error(`the plan has no function ${name}`);
      // The operations block; signals and timers get their turn first.
      await new Promise((resolve) => setImmediate(resolve));
      const trace = options.trace === true;
      const { outputs, nonFinite } = this.#run(program, inputs, trace);
      if (trace) this.#traced = nonFinite === undefined ? undefined : { function: name, node: nonFinite };
      this.#keep(outputs);
    });
  }

  drain(): Promise<readonly Scalars[]> {
    return this.#queue.enqueue(async () => {
      const calls = this.#scalars;
      this.#scalars = [];
      return calls.map((tensors) => {
        const scalars: Record<string, number> = {};
        for (const [name, tensor] of tensors) scalars[name] = readElements(this.#tf, tensor)[0]!;
        this.#release(tensors);
        return scalars;
      });
    });
  }

  readOutput(name: string): Promise<Float32Array> {
    return this.#queue.enqueue(async () => {
      const tensor = this.#tensors.get(name);
      if (tensor === undefined) throw new Error(`the last call had no tensor output ${name}`);
      return Float32Array.from(readElements(this.#tf, tensor));
    });
  }

  nonFinite(): Promise<NonFinite | undefined> {
    return this.#queue.enqueue(async () => this.#traced);
  }

  readStates(names: readonly string[] = this.#states.names): Promise<ReadonlyMap<string, StateElements>> {
    return this.#queue.enqueue(async () => new Map(names.map((name) => [name, this.#states.download(name)])));
  }

  writeStates(values: ReadonlyMap<string, StateElements>): Promise<void> {
    return this.#queue.enqueue(async () => {
      for (const [name, elements] of values) this.#states.upload(name, elements);
    });
  }

  async dispose(): Promise<void> {
    await this.#queue.close(async () => {
      for (const tensors of [...this.#scalars, this.#tensors]) this.#release(tensors);
      this.#scalars = [];
      this.#states.dispose();
      this.#tf.device.dispose();
    });
  }

  #run(program: Program, inputs: Inputs, trace: boolean): RunResult {
    try {
      return new Run(program, this.#tf, this.#states, inputs, this.options.nativeHalf).execute(trace);
    } catch (error) {
      const { message } = error as Error;
      if (!/OOM when allocating|out of memory/i.test(message)) throw error;
      throw userError('AMP6043', 'TensorFlow ran out of memory', message, 'use a smaller batch, or close other programs that use the GPU');
    }
  }

  /** Scalars wait for the next drain, tensors for the next call. */
  #keep(outputs: ReadonlyMap<string, Tensor>): void {
    const isScalar = ([, { shape }]: readonly [string, Tensor]) => shape.length === 0;
    const all = [...outputs];
    this.#release(this.#tensors);
    this.#tensors = new Map(all.filter((output) => !isScalar(output)));
    this.#scalars.push(new Map(all.filter(isScalar)));
  }

  #release(tensors: ReadonlyMap<string, Tensor>): void {
    for (const tensor of tensors.values()) this.#tf.device.release(tensor);
  }
}
