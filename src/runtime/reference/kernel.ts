import type { Node, TensorType } from '../../ir/types.js';
import { elementCount, numberAttr, numbersAttr } from '../../ir/types.js';

/**
 * Elements of one value, row-major. Floats of every format are kept as the f32 that they equal (Float64Array when rounding is off);
 * i32 as Int32Array, u8 and bool as Uint8Array.
 */
export type Elements = Float32Array | Float64Array | Int32Array | Uint8Array;

/** What a kernel sees of the node that it computes. */
export interface KernelContext {
  readonly node: Node;
  readonly type: TensorType;
  /** Types and elements of the operands, in order. */
  readonly types: readonly TensorType[];
  readonly inputs: readonly Elements[];
  /**
   * The result, zero at first. Storing rounds to f32; the interpreter then rounds to the node's format. A sum that takes many terms must be
   * kept in a Float64Array and stored once.
   */
  readonly output: Elements;
  /** Rounds a constant or an intermediate to f32, where an op's meaning says so; the identity when rounding is off. */
  readonly f32: (x: number) => number;
  /** Gives state `writes[position]` new elements, once the call ends. */
  write(position: number, elements: Elements): void;
}

/** Computes one node: reads `inputs` exactly, computes in double precision, fills `output`. */
export type ReferenceKernel = (context: KernelContext) => void;

export interface WindowGeometry {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Rows and columns of the result. */
  readonly rows: number;
  readonly columns: number;
  readonly windowRows: number;
  readonly windowColumns: number;
  readonly strideRows: number;
  readonly strideColumns: number;
  readonly dilationRows: number;
  readonly dilationColumns: number;
  readonly top: number;
  readonly left: number;
}

/** The geometry of a pool from image shape, result shape, window and the node's stride and padding. */
export function windowGeometry(node: Node, image: TensorType, result: TensorType, window: readonly number[]): WindowGeometry {
  const [batch, height, width, channels] = image.shape;
  const [, rows, columns] = result.shape;
  const [strideRows, strideColumns] = numbersAttr(node.attrs, 'stride');
  const [top, , left] = numbersAttr(node.attrs, 'padding');
  const [windowRows, windowColumns] = window;
  const dilation = { dilationRows: 1, dilationColumns: 1 };
  return { batch, height, width, channels, rows, columns, windowRows, windowColumns, strideRows, strideColumns, ...dilation, top, left };
}

/**
 * Calls `visit` for every pair of a result position and an image position inside its window, padding left out: result row-major, then
 * window row-major. Positions count pixels from the start of the tensor, so channel c of one is at position * channels + c; `tap` is the
 * position in the window.
 */
export function forEachTap(geometry: WindowGeometry, visit: (result: number, image: number, tap: number) => void): void {
  const { batch, height, width, rows, columns, windowRows, windowColumns, strideRows, strideColumns, top, left } = geometry;
  const { dilationRows, dilationColumns } = geometry;
  let result = 0;
  for (let n = 0; n < batch; n += 1) {
    for (let i = 0; i < rows; i += 1) {
      for (let j = 0; j < columns; j += 1) {
        for (let p = 0; p < windowRows; p += 1) {
          const y = i * strideRows + p * dilationRows - top;
          if (y < 0 || y >= height) continue;
          for (let q = 0; q < windowColumns; q += 1) {
            const x = j * strideColumns + q * dilationColumns - left;
            if (x >= 0 && x < width) visit(result, (n * height + y) * width + x, p * windowColumns + q);
          }
        }
        result += 1;
      }
    }
  }
}

/** Rows and length of a tensor seen as a matrix over its last axis. */
export function asRows(type: TensorType): { rows: number; length: number } {
  const length = type.shape[type.shape.length - 1];
  return { rows: elementCount(type.shape) / length, length };
}

/** `output[i] = f(i)` for all i. */
export function fill(output: Elements, f: (index: number) => number): void {
  for (let i = 0; i < output.length; i += 1) output[i] = f(i);
}

export function attr(context: KernelContext, name: string): number {
  return numberAttr(context.node.attrs, name);
}

/** An op of one operand, element by element. */
export function map(make: (context: KernelContext) => (x: number) => number): ReferenceKernel {
  return (context) => {
    const [x] = context.inputs;
    const f = make(context);
    fill(context.output, (i) => f(x[i]));
  };
}

/** An op of two operands of one shape, element by element. */
export function zip(make: (context: KernelContext) => (a: number, b: number) => number): ReferenceKernel {
  return (context) => {
    const [a, b] = context.inputs;
    const f = make(context);
    fill(context.output, (i) => f(a[i], b[i]));
  };
}

/** An op of three operands of one shape, element by element. */
export function zip3(f: (a: number, b: number, c: number) => number): ReferenceKernel {
  return ({ inputs: [a, b, c], output }) => fill(output, (i) => f(a[i], b[i], c[i]));
}
