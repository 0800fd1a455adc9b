import type { DType } from '../numeric/formats.js';
import { BYTES } from '../numeric/formats.js';
import type { OpName } from './op-names.js';
import type { Why } from './why.js';

export type { ComputeType, DType, FloatType, LowType, PrecisionName } from '../numeric/formats.js';
export { BYTES, COMPUTE_TYPES, DTYPES, FLOAT_TYPES, isComputeType, isFloat, isLow, precisionName } from '../numeric/formats.js';

export type Shape = readonly number[];

/** Shape is row-major; activations are NHWC, convolution weights HWIO, linear weights [in, out]. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

export type Attr = number | string | boolean | readonly number[] | readonly string[];
export type Attrs = Readonly<Record<string, Attr>>;

/** One-based place in the `.amp` source. */
export interface Loc {
  readonly line: number;
  readonly column: number;
}

/** Index of a node in its graph; a node has exactly one result, so it names the value too. */
export type ValueId = number;

/** One SSA instruction. Every field is data; passes build new nodes and never change old ones. */
export interface Node {
  readonly id: ValueId;
  readonly op: OpName;
  readonly inputs: readonly ValueId[];
  readonly attrs: Attrs;
  readonly type: TensorType;
  /** Path of the layer that the node belongs to, e.g. `stage1.0.conv1`; empty for the step's own bookkeeping. */
  readonly layer: string;
  readonly loc?: Loc | undefined;
  /** The rule that decided the node's format, or the reason why it exists. */
  readonly why?: Why | undefined;
  /** On a node of the backward pass: the forward value whose gradient this is (a part of). */
  readonly gradOf?: ValueId | undefined;
  /** On a node that prepares an optimizer's update: the parameter that is updated. */
  readonly updateOf?: ValueId | undefined;
}

/** A function in SSA form: nodes in execution order, each input defined before its use. */
export interface Graph {
  readonly name: string;
  readonly nodes: readonly Node[];
  /** Results by name, in order. */
  readonly outputs: Readonly<Record<string, ValueId>>;
}

/**
 * What a `state` node stands for; decides how it is saved, counted and initialised. An `average` is that of another state over the steps,
 * and starts as that does. A `gradient` and a `pending` gather what the micro-batches of one step add up to, and are zero between steps.
 */
export type StateRole = 'parameter' | 'statistic' | 'average' | 'optimizer' | 'gradient' | 'pending' | 'scaler' | 'copy';

export function elementCount(shape: Shape): number {
  let count = 1;
  for (const size of shape) count *= size;
  return count;
}

export function byteLength(type: TensorType): number {
  return elementCount(type.shape) * BYTES[type.dtype];
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let axis = 0; axis < a.length; axis += 1) if (a[axis] !== b[axis]) return false;
  return true;
}

/** `f16[64,32,32,3]`, the notation of the plan's text form. */
export function formatType(type: TensorType): string {
  return `${type.dtype}[${type.shape.join(',')}]`;
}

export function assertNever(value: never): never {
  throw new Error(`unexpected value ${JSON.stringify(value)}`);
}

/** Number attribute `name` of a node; throws on a graph that validation would refuse. */
export function numberAttr(attrs: Attrs, name: string): number {
  const value = attrs[name];
  if (typeof value !== 'number') throw new Error(`attribute ${name} is not a number`);
  return value;
}

export function stringAttr(attrs: Attrs, name: string): string {
  const value = attrs[name];
  if (typeof value !== 'string') throw new Error(`attribute ${name} is not a string`);
  return value;
}

/** As `numberAttr`, of an attribute that may be left out. */
export function optionalNumberAttr(attrs: Attrs, name: string, missing: number): number {
  return attrs[name] === undefined ? missing : numberAttr(attrs, name);
}

export function numbersAttr(attrs: Attrs, name: string): readonly number[] {
  const value = attrs[name];
  if (!Array.isArray(value)) throw new Error(`attribute ${name} is not a list of numbers`);
  return value as readonly number[];
}

export function stringsAttr(attrs: Attrs, name: string): readonly string[] {
  const value = attrs[name];
  if (!Array.isArray(value)) throw new Error(`attribute ${name} is not a list of strings`);
  return value as readonly string[];
}
