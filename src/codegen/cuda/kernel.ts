import { type DType, isLow } from '../../ir/types.js';
import type { ElementType } from '../gpu/formats.js';
import type { HelperName } from '../gpu/helper.js';
import type { Dispatch, Kernel, KernelFunction, Team } from '../gpu/kernel.js';
import type { Language } from '../gpu/language.js';
import { alignTo, type Place } from '../gpu/layout.js';
import { indent } from '../gpu/text.js';
import { CUDA_FORMATS } from './formats.js';
import { CUDA_RENDERER } from './render.js';

interface Entry {
  readonly place: Place;
  readonly type: ElementType;
  written: boolean;
}

/** What stands for the name of a kernel or of a part of one until it gets one: those of equal code have one name. */
export const NAME = '@name@';

/** A part of a kernel: a function that some of its blocks run. */
export interface Part extends Dispatch {
  /** What it is told by number. */
  readonly numbers: readonly number[];
  /** Units, of which each thread takes one, whatever the size of the blocks; undefined: it has blocks of `size` of its own. */
  readonly flat: number | undefined;
  /** Bytes of shared memory that it works in. */
  readonly shared: number;
}

/** How a part is called behind its arrays and numbers. */
export const PARAMETERS = {
  flat: ['const u32 i'],
  blocks: ['const u32 lid', 'const block_place wid', 'u8 *shared'],
} as const;

/** Types of which shared memory has arrays, in bytes. */
const BYTES = { f32: 4, i32: 4, u32: 4, f16: 2, bf16: 2, u8: 1, vec2f: 8 } as const satisfies Record<ElementType | 'vec2f', number>;

const SHARED_ALIGNMENT = 128;

/** Threads of a block where nothing else says how many. */
export const FLAT_THREADS = 128;

const WARP: Team = {
  lanes: 32,
  join: (by, variable) => `${variable} = ${by}_of_lanes(${variable});`,
  joinFirst: (largest, column) => `first_of_lanes(${largest}, ${column});`,
};

/** Declarations of shared statements in the words of C++. No name of a kernel is one of theirs. */
function spelled(line: string): string {
  return line.replaceAll(/\blet (?=\w+ = )/g, 'const auto ').replaceAll(/\bvar (?=\w+ = )/g, 'auto ');
}

/** Collects what one part of a kernel needs. Its functions are lambdas at its start, which see its parameters. */
class CudaKernel implements Kernel {
  readonly formats = CUDA_FORMATS;
  readonly renderer = CUDA_RENDERER;
  readonly team = WARP;
  readonly barrier = 'barrier();';
  readonly #entries: Entry[] = [];
  readonly #own: string[] = [];
  readonly #ahead: string[] = [];
  readonly #functions: { readonly name: string; readonly lines: readonly string[] }[] = [];
  readonly #numbers: number[] = [];
  #shared = 0;
  #names = 0;

  get bindingCount(): number {
    return this.#entries.length;
  }

  read(place: Place, type: ElementType, index: string): string {
    return `${this.#bind(place, type, false)}[${index}]`;
  }

  write(place: Place, type: ElementType): string {
    return this.#bind(place, type, true);
  }

  readonly helper = (name: HelperName): string => name;

  rounded(dtype: DType, text: string): string {
    return isLow(dtype) ? `round_${dtype}(${text})` : text;
  }

  name(prefix: string): string {
    this.#names += 1;
    return `${prefix}${this.#names}`;
  }

  function({ name, parameters, result }: KernelFunction, body: readonly string[]): void {
    const list = parameters.map(([parameter, type]) => `${type}${type.endsWith('*') ? '' : ' '}${parameter}`).join(', ');
    const head = `const auto ${name} = [&](${list})${result === undefined ? '' : ` -> ${result}`} {`;
    this.#functions.push({ name, lines: [head, ...indent(body), '};'] });
  }

  shared(name: string, type: ElementType | 'vec2f', length: number): void {
    this.#ahead.push(`${type} *const ${name} = (${type} *)(shared + ${this.#shared}u);`);
    this.#shared = alignTo(this.#shared + BYTES[type] * length, SHARED_ALIGNMENT);
  }

  own(name: string, type: ElementType): void {
    this.#own.push(`${type} ${name} = 0;`);
  }

  table(name: string, values: readonly string[]): void {
    this.#ahead.push(`static const f32 ${name}[] = {${values.join(', ')}};`);
  }

  number(value: number): string {
    return `n${this.#numbers.push(value) - 1}`;
  }

  list(name: string, values: readonly string[]): string {
    return `const f32 ${name}[] = {${values.join(', ')}};`;
  }

  finish(label: string, size: number, workgroups: Dispatch['workgroups'], body: readonly string[]): Part {
    const lines = body.map((line) => line.replaceAll(this.barrier, `barrier<${size}>();`));
    return this.#part(label, size, workgroups, PARAMETERS.blocks, lines, undefined);
  }

  finishFlat(label: string, count: number, body: readonly string[]): Part {
    return this.#part(label, FLAT_THREADS, [Math.ceil(count / FLAT_THREADS), 1, 1], PARAMETERS.flat, body, count);
  }

  #part(
    label: string,
    size: number,
    workgroups: Dispatch['workgroups'],
    where: readonly string[],
    body: readonly string[],
    flat: number | undefined,
  ): Part {
    const bindings = this.#entries.map(
      ({ place, type, written }) => ({ place, type, vector: false, access: written ? 'read_write' : 'read' }) as const,
    );
    const arrays = bindings.map(({ type, access }, i) => `${access === 'read' ? 'const ' : ''}${type} *__restrict__ b${i}`);
    const parameters = [...arrays, ...this.#numbers.map((_, i) => `const u32 n${i}`), ...where];
    const inside = [...this.#own, ...this.#ahead, ...this.#called(body), ...body];
    const lines = [`DEVICE void ${NAME}(${parameters.join(', ')}) {`, ...indent(inside), '}'];
    const code = lines.map(spelled).join('\n');
    return { code, bindings, workgroups, size, label, numbers: this.#numbers, flat, shared: this.#shared };
  }

  /** The functions that the body calls, or others of them do: each stands behind those that it calls. */
  #called(body: readonly string[]): string[] {
    let used = [...body];
    const lines: string[] = [];
    for (const { name, lines: text } of this.#functions.toReversed()) {
      if (!used.some((line) => line.includes(`${name}(`))) continue;
      used = used.concat(text);
      lines.unshift(...text);
    }
    return lines;
  }

  #bind(place: Place, type: ElementType, written: boolean): string {
    const found = this.#entries.findIndex((entry) => entry.place.block === place.block && entry.place.offset === place.offset);
    const index = found < 0 ? this.#entries.push({ place, type, written }) - 1 : found;
    const entry = this.#entries[index]!;
    if (entry.type !== type) throw new Error(`an array is taken both as ${entry.type} and as ${type}`);
    entry.written ||= written;
    return `b${index}`;
  }
}

export const CUDA: Language = { formats: CUDA_FORMATS, newKernel: () => new CudaKernel(), laysOut: true };
