import type { DType } from '../../ir/types.js';
import type { Renderer } from '../formula/render.js';
import type { ElementType, GpuFormats } from './formats.js';
import type { HelperName } from './helper.js';
import type { Place } from './layout.js';
import type { GpuLimits } from './target.js';

export { indent } from './text.js';

export interface Binding {
  readonly place: Place;
  readonly type: ElementType;
  /** Bound as vectors of four. */
  readonly vector: boolean;
  /** `read_write` for every binding of a block of which any is written: one dispatch may not see a buffer both ways. */
  readonly access: 'read' | 'read_write';
}

/** One kernel and one run of it. Dispatches run one after the other; each sees what those before it wrote. */
export interface Dispatch {
  readonly code: string;
  readonly bindings: readonly Binding[];
  readonly workgroups: readonly [number, number, number];
  /** Invocations of a workgroup. */
  readonly size: number;
  /** What it computes, for readers of the source. */
  readonly label: string;
  /** What it writes, no other dispatch of its group writes that says so: they need not wait for each other. */
  readonly apart?: boolean;
  /** Registers that an invocation needs at most, where that is more than a few. */
  readonly registers?: number;
}

/** A function inside a kernel, which sees its arrays and what it keeps: name and type of each parameter, and of what it returns. */
export interface KernelFunction {
  readonly name: string;
  readonly parameters: readonly (readonly [name: string, type: string])[];
  readonly result?: string;
}

/** Neighbouring invocations that exchange numbers by themselves: they share a row of an op along rows. */
export interface Team {
  readonly lanes: number;
  /** Statement after which each has what a variable comes to in all: a sum with what its additions rounded off, or the largest. */
  join(by: 'sum' | 'largest', variable: string): string;
  /** The same of the largest numbers and their columns: the first column of the largest, or -1 where one of them is -1. */
  joinFirst(largest: string, column: string): string;
}

/**
 * What a language supplies to write one kernel. The statements of kernels that languages share are those of WGSL, of which a language
 * reads its own: declarations (`let x = ..;` of what stays, `var x = ..;` of what changes), `for`, `if` and assignments, expressions with
 * literals `1u` and `1.0f`, conversions by the name of a type, `select`, vectors `vec2f` to `vec4f`. What is written otherwise in each has
 * a method here.
 */
export interface Kernel {
  readonly formats: GpuFormats;
  /** Renders formulas of this kernel. */
  readonly renderer: Renderer;
  /** Undefined where the size of such teams is the device's. */
  readonly team: Team | undefined;
  /** Statement that waits for all invocations of the workgroup. */
  readonly barrier: string;
  readonly bindingCount: number;
  /** Expression of one element at a place. */
  read(place: Place, type: ElementType, index: string): string;
  /** Name of the array to write at a place. */
  write(place: Place, type: ElementType): string;
  /** Name of a helper, which the kernel will have. */
  readonly helper: (name: HelperName) => string;
  /** An f32 rounded to a format; one of a format that holds every f32, or no float, is as it was. */
  rounded(dtype: DType, text: string): string;
  /** A name that no other variable of the kernel has. */
  name(prefix: string): string;
  function(head: KernelFunction, body: readonly string[]): void;
  /** Declares an array that the invocations of a workgroup share. */
  shared(name: string, type: ElementType | 'vec2f', length: number): void;
  /** Declares a variable of each invocation that its functions see. */
  own(name: string, type: ElementType): void;
  /** Declares an array of f32 numbers that never change. */
  table(name: string, values: readonly string[]): void;
  /** Expression (u32) of a number in which kernels of otherwise equal code differ. */
  number(value: number): string;
  /** Statement that declares an array of f32 values. */
  list(name: string, values: readonly string[]): string;
  /**
   * The kernel with `body` as its main function; `wid` and `lid` are the numbers of the workgroup, whose z is always 0, and of the
   * invocation in it.
   */
  finish(label: string, size: number, workgroups: Dispatch['workgroups'], body: readonly string[]): Dispatch;
  /** The same with one invocation per unit of `count`, whose number is `i`, where the language divides them among workgroups itself. */
  finishFlat?(label: string, count: number, body: readonly string[]): Dispatch;
}

const FLAT_WORKGROUP = 64;

/** A kernel with one invocation per unit; `i` is its number. */
export function finishFlat(kernel: Kernel, label: string, count: number, limits: GpuLimits, body: readonly string[]): Dispatch {
  if (kernel.finishFlat !== undefined) return kernel.finishFlat(label, count, body);
  const size = Math.min(FLAT_WORKGROUP, limits.workgroupInvocations);
  const { workgroups, index } = spread(Math.ceil(count / size), limits);
  return kernel.finish(label, size, workgroups, [`let i = (${index}) * ${size}u + lid;`, `if (i >= ${count}u) { return; }`, ...body]);
}

/** Workgroups in a line, folded into two dimensions where one does not reach. */
export function spread(count: number, { workgroupsPerDimension: most }: GpuLimits): { workgroups: Dispatch['workgroups']; index: string } {
  if (count <= most) return { workgroups: [count, 1, 1], index: 'wid.x' };
  const rows = Math.ceil(count / most);
  const columns = Math.ceil(count / rows);
  return { workgroups: [columns, rows, 1], index: `wid.y * ${columns}u + wid.x` };
}
