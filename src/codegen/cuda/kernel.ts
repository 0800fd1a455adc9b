import { type DType, isLow } from '../../ir/types.js';
import type { ElementType } from '../gpu/formats.js';
import type { HelperName } from '../gpu/helper.js';
import type { Dispatch, Kernel, KernelFunction, Team } from '../gpu/kernel.js';
import type { Language } from '../gpu/language.js';
import type { Place } from '../gpu/layout.js';
import { indent } from '../gpu/text.js';
import { CUDA_FORMATS } from './formats.js';
import { CUDA_RENDERER } from './render.js';

interface Entry {
  readonly place: Place;
  readonly type: ElementType;
  written: boolean;
}

/** What stands for a kernel's name in its code until it gets one: kernels of equal code have one name. */
export const NAME = '@name@';

const WARP: Team = {
  lanes: 32,
  join: (by, variable) => `${variable} = ${by}_of_lanes(${variable});`,
  joinFirst: (largest, column) => `first_of_lanes(${largest}, ${column});`,
};

/** Declarations of shared statements in the words of C++. No name of a kernel is one of theirs. */
function spelled(line: string): string {
  return line.replaceAll(/\blet (?=\w+ = )/g, 'const auto ').replaceAll(/\bvar (?=\w+ = )/g, 'auto ');
}

/** Collects what one kernel needs. Its functions are lambdas at its start, which see its parameters. */
class CudaKernel implements Kernel {
  readonly formats = CUDA_FORMATS;
  readonly renderer = CUDA_RENDERER;
  readonly team = WARP;
  readonly barrier = 'barrier();';
  readonly #entries: Entry[] = [];
  readonly #own: string[] = [];
  readonly #ahead: string[] = [];
  readonly #functions: { readonly name: string; readonly lines: readonly string[] }[] = [];
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
    this.#ahead.push(`SHARED(${type}, ${name}, ${length});`);
  }

  own(name: string, type: ElementType): void {
    this.#own.push(`${type} ${name} = 0;`);
  }

  table(name: string, values: readonly string[]): void {
    this.#ahead.push(`static const f32 ${name}[] = {${values.join(', ')}};`);
  }

  list(name: string, values: readonly string[]): string {
    return `const f32 ${name}[] = {${values.join(', ')}};`;
  }

  finish(label: string, size: number, workgroups: Dispatch['workgroups'], body: readonly string[]): Dispatch {
    const bindings = this.#entries.map(
      ({ place, type, written }) => ({ place, type, vector: false, access: written ? 'read_write' : 'read' }) as const,
    );
    const parameters = bindings.map(({ type, access }, i) => `${access === 'read' ? 'const ' : ''}${type} *__restrict__ b${i}`);
    const where = ['const u32 lid = thread_of_block();', 'const struct { u32 x, y; } wid = {block_x(), block_y()};'];
    const inside = [...where, ...this.#own, ...this.#ahead, ...this.#called(body), ...body];
    const lines = [`KERNEL(${size}) ${NAME}(${parameters.join(', ')}) {`, ...indent(inside), '}'];
    return { code: lines.map(spelled).join('\n'), bindings, workgroups, size, label };
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

export const CUDA: Language = { formats: CUDA_FORMATS, newKernel: () => new CudaKernel() };
