import type { Node, TensorType } from '../../ir/types.js';
import { elementCount, isFloat, numberAttr } from '../../ir/types.js';
import type { Tensor } from './binding.js';
import type { Calls } from './calls.js';
import { CODES } from './device.js';

/** What a kernel sees of the node that it computes. */
export interface KernelContext {
  readonly tf: Calls;
  readonly node: Node;
  readonly type: TensorType;
  /** Types and tensors of the operands, in order. */
  readonly types: readonly TensorType[];
  readonly inputs: readonly Tensor[];
  /**
   * Whether contractions of half operands may run in half kernels. Those of a GPU accumulate in f32; on a processor they are slow, and some
   * accumulate in half.
   */
  readonly nativeHalf: boolean;
  /** The tensor of the input or state that a source node names. */
  source(): Tensor;
  /** The resource handle of state `writes[position]`. */
  variable(position: number): Tensor;
  /** Gives state `writes[position]` a new value. */
  write(position: number, value: Tensor): void;
  /** Operand `index`, a float, in f32: made once for readers that lie close together. */
  widened(index: number): Tensor;
  /** Frees operand `index` now if no later node reads it. */
  finish(index: number): void;
  /** The number that operand `index` holds: from the caller's input where it is one, else read from the device. */
  hostNumber(index: number): number;
  /** Tensors made from operand `index`, shared by the nodes that read it and kept as long as it is. */
  shared(index: number, key: string, make: () => readonly Tensor[]): readonly Tensor[];
}

/**
 * Computes one node from its operands. A float result may be wider than the node's format: the executor rounds it. Temporary tensors are
 * freed by the executor.
 */
export type Kernel = (context: KernelContext) => Tensor;

/** A kernel on operands widened to f32; what is not a float stays as it is. */
export function wide(compute: (tf: Calls, inputs: readonly Tensor[], context: KernelContext) => Tensor): Kernel {
  return (context) => {
    const { tf, types, inputs } = context;
    const widened = inputs.map((tensor, i) => (isFloat(types[i]!.dtype) ? context.widened(i) : tensor));
    return compute(tf, widened, context);
  };
}

/**
 * A kernel of one TensorFlow operation that reads its operands exactly and rounds once in any format: on the operands as they are where all
 * floats among them have the result's format, else on f32.
 */
export function exact(compute: (tf: Calls, inputs: readonly Tensor[], context: KernelContext) => Tensor): Kernel {
  const widened = wide(compute);
  return (context) => {
    const same = context.types.every(({ dtype }) => !isFloat(dtype) || dtype === context.type.dtype);
    return same ? compute(context.tf, context.inputs, context) : widened(context);
  };
}

export function attr(context: KernelContext, name: string): number {
  return numberAttr(context.node.attrs, name);
}

/** A tensor as a matrix over its last axis. */
export function asMatrix(tf: Calls, x: Tensor): Tensor {
  const channels = x.shape[x.shape.length - 1]!;
  return tf.reshape(x, [elementCount(x.shape) / channels, channels]);
}

/** Zeros where the condition is false, whatever `x` holds there. */
export function keepWhere(tf: Calls, condition: Tensor, x: Tensor): Tensor {
  return tf.choose(condition, x, tf.zerosLike(x));
}

/** 0 or 1 in format f32. */
export function asNumber(tf: Calls, condition: Tensor): Tensor {
  return tf.cast(condition, CODES.f32);
}
