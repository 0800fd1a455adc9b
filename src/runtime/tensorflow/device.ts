import type { DType, Shape } from '../../ir/types.js';
import type { OpAttr, Tensor, TfjsBinding } from './binding.js';

/**
 * DataType codes of TensorFlow. An i32 is kept as int64 on the device: TensorFlow's int32 kernels work in host memory, so that on a GPU
 * every counter would make the host wait for the device.
 */
export const CODES: Readonly<Record<DType, number>> = { f32: 1, f16: 19, bf16: 14, f8_e4m3: 25, f8_e5m2: 24, i32: 9, u8: 4, bool: 10 };
/** int32, the type of shapes and axes, which TensorFlow reads on the host. */
export const INT32 = 3;
export const RESOURCE = 20;
/** Double precision, in which sums are made. */
export const F64 = 2;

/** Calls TensorFlow through the addon: counts the uses of every tensor, tidies up what a computation made, and keeps constants. */
export class Device {
  readonly onGpu: boolean;
  readonly #constants = new Map<string, Tensor>();
  readonly #uses = new Map<number, number>();
  readonly #trials = new Map<string, boolean>();
  #made: Tensor[] | undefined;

  constructor(
    private readonly binding: TfjsBinding,
    /** Whether kernels may be called that TensorFlow documents nowhere (`onednn.ts`). */
    private readonly internalKernels: boolean,
  ) {
    this.onGpu = binding.isUsingGpuDevice();
  }

  /** Tensors that the addon holds, of all devices in the process. */
  get tensorCount(): number {
    return this.binding.getNumOfTensors();
  }

  /** Runs an operation with one result of type `dtype`. Throws when TensorFlow refuses it or answers in another type. */
  execute(op: string, attrs: readonly OpAttr[], inputs: readonly Tensor[], dtype: number): Tensor {
    return this.executeMany(op, attrs, inputs, [dtype])[0]!;
  }

  executeMany(op: string, attrs: readonly OpAttr[], inputs: readonly Tensor[], dtypes: readonly number[]): readonly Tensor[] {
    const results = this.binding.executeOp(
      op,
      attrs,
      inputs.map(({ id }) => id),
      dtypes.length,
    );
    for (const [i, tensor] of results.entries()) {
      this.#own(tensor);
      if (tensor.dtype !== dtypes[i]) throw new Error(`TensorFlow's ${op} gave a tensor of type ${tensor.dtype}, not ${dtypes[i]}`);
    }
    return results;
  }

  /** Uploads elements. The device may go on using the array, so nobody may write to it afterwards. */
  upload(shape: Shape, dtype: number, elements: Float32Array | Int32Array | Uint8Array): Tensor {
    const tensor = { id: this.binding.createTensor(shape, dtype, elements), shape, dtype };
    this.#own(tensor);
    return tensor;
  }

  /** Elements of an f32, int32 or bool tensor; waits for the device. */
  download(tensor: Tensor): Float32Array | Int32Array | Uint8Array {
    return this.binding.tensorDataSync(tensor.id);
  }

  /** The constant called `key`, made once and kept until `dispose`. */
  constant(key: string, make: () => Tensor): Tensor {
    let tensor = this.#constants.get(key);
    if (tensor === undefined) {
      tensor = this.tidy(make);
      this.#constants.set(key, tensor);
    }
    return tensor;
  }

  /** Whether the internal kernel called `key` does what `trial` asks of it: tried once. One that TensorFlow lacks or refuses does not. */
  passes(key: string, trial: () => boolean): boolean {
    if (!this.internalKernels) return false;
    let passed = this.#trials.get(key);
    if (passed === undefined) {
      passed = false;
      try {
        this.tidyMany(() => {
          passed = trial();
          return [];
        });
      } catch {
        // No such kernel, or not for these shapes.
      }
      this.#trials.set(key, passed);
    }
    return passed;
  }

  /** Runs `make` and frees every tensor that it made, but not its result, which then has one use more. */
  tidy(make: () => Tensor): Tensor {
    return this.tidyMany(() => [make()])[0]!;
  }

  tidyMany(make: () => readonly Tensor[]): readonly Tensor[] {
    const outer = this.#made;
    const made: Tensor[] = [];
    this.#made = made;
    try {
      const results = make();
      for (const tensor of results) this.retain(tensor);
      return results;
    } finally {
      this.#made = outer;
      for (const tensor of made) this.release(tensor);
    }
  }

  retain(tensor: Tensor): void {
    this.#uses.set(tensor.id, (this.#uses.get(tensor.id) ?? 0) + 1);
  }

  /** Ends one use; the last one frees the tensor. */
  release(tensor: Tensor): void {
    const uses = this.#uses.get(tensor.id);
    if (uses === undefined) throw new Error(`tensor ${tensor.id} was freed already`);
    if (uses > 1) {
      this.#uses.set(tensor.id, uses - 1);
    } else {
      this.#uses.delete(tensor.id);
      this.binding.deleteTensor(tensor.id);
    }
  }

  /** Frees the constants. Everything else belongs to those who made it. */
  dispose(): void {
    for (const tensor of this.#constants.values()) this.release(tensor);
    this.#constants.clear();
  }

  /** Whoever makes a tensor outside any `tidy` has its first use. */
  #own(tensor: Tensor): void {
    this.retain(tensor);
    this.#made?.push(tensor);
  }
}
