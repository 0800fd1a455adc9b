import type { DType } from '../../ir/types.js';
import type { Renderer } from '../formula/render.js';
import type { ElementType } from '../gpu/formats.js';
import type { HelperName } from '../gpu/helper.js';
import type { Binding, Dispatch, Kernel, KernelFunction } from '../gpu/kernel.js';
import type { Language } from '../gpu/language.js';
import type { Place } from '../gpu/layout.js';
import { indent } from '../gpu/text.js';
import { WGSL_FORMATS } from './formats.js';
import { Prelude } from './prelude.js';
import { WgslRenderer } from './render.js';

interface Entry {
  readonly place: Place;
  readonly type: ElementType;
  readonly vector: boolean;
  written: boolean;
}

const sameBytes = (a: Place, b: Place) => a.block === b.block && a.offset === b.offset;

/** Collects what one compute shader needs: bindings on first use, variables with unique names, what its texts take of the prelude. */
export class KernelBuilder implements Kernel {
  readonly formats = WGSL_FORMATS;
  readonly team = undefined;
  readonly barrier = 'workgroupBarrier();';
  readonly #entries: Entry[] = [];
  #names = 0;
  readonly #prelude = new Prelude();
  #renderer: Renderer | undefined;
  /** Declarations outside functions: workgroup memory, constants. */
  readonly globals: string[] = [];
  /** WGSL extensions besides f16, and further parameters of the main function. */
  readonly extensions: string[] = [];
  readonly parameters: string[] = [];

  /** Expression of one element at a place. */
  read(place: Place, type: ElementType, index: string): string {
    const { name, vector } = this.#bind(place, type, false, false);
    return vector ? `${name}[(${index}) / 4u][(${index}) % 4u]` : `${name}[${index}]`;
  }

  /** Name of an array of vectors of four; to be called before anything reads single elements there. */
  readVectors(place: Place, type: ElementType): string {
    return this.#bind(place, type, false, true).name;
  }

  /** Name of the array to write at a place. */
  write(place: Place, type: ElementType): string {
    return this.#bind(place, type, true, false).name;
  }

  /** Renders formulas of this shader. */
  get renderer(): Renderer {
    this.#renderer ??= new WgslRenderer(this.#prelude);
    return this.#renderer;
  }

  /** Name of a helper, which the shader will have. */
  readonly helper = (name: HelperName): string => this.#prelude.helper(name);

  /** A name that no other variable of the kernel has. */
  name(prefix: string): string {
    this.#names += 1;
    return `${prefix}${this.#names}`;
  }

  rounded(dtype: DType, text: string): string {
    return dtype === 'f16' ? `${this.helper('round_f16')}(${text})` : text;
  }

  function({ name, parameters, result }: KernelFunction, body: readonly string[]): void {
    const list = parameters.map(([parameter, type]) => `${parameter}: ${type}`).join(', ');
    this.globals.push(`fn ${name}(${list})${result === undefined ? '' : ` -> ${result}`} {`, ...indent(body), '}');
  }

  shared(name: string, type: ElementType | 'vec2f', length: number): void {
    this.globals.push(`var<workgroup> ${name}: array<${type}, ${length}>;`);
  }

  own(name: string, type: ElementType): void {
    this.globals.push(`var<private> ${name}: ${type};`);
  }

  table(name: string, values: readonly string[]): void {
    this.globals.push(`const ${name} = array<f32, ${values.length}>(${values.join(', ')});`);
  }

  number(value: number): string {
    return `${value}u`;
  }

  list(name: string, values: readonly string[]): string {
    return `var ${name} = array<f32, ${values.length}>(${values.join(', ')});`;
  }

  get bindingCount(): number {
    return this.#entries.length;
  }

  /**
   * The shader with `body` as its main function; `wid` and `lid` are the numbers of the workgroup, whose z is always 0, and of the
   * invocation in it.
   */
  finish(label: string, size: number, workgroups: Dispatch['workgroups'], body: readonly string[]): Dispatch {
    const writtenBlocks = new Set(this.#entries.filter((entry) => entry.written).map((entry) => entry.place.block));
    const bindings = this.#entries.map(
      ({ place, type, vector }): Binding => ({ place, type, vector, access: writtenBlocks.has(place.block) ? 'read_write' : 'read' }),
    );
    const declarations = bindings.map(
      ({ type, vector, access }, i) => `@group(0) @binding(${i}) var<storage, ${access}> b${i}: array<${vector ? `vec4<${type}>` : type}>;`,
    );
    const globals = this.globals.join('\n');
    const main = [
      `@compute @workgroup_size(${size})`,
      `fn main(${[...this.parameters, '@builtin(workgroup_id) wid: vec3u', '@builtin(local_invocation_index) lid: u32'].join(', ')}) {`,
      ...indent([...(this.#prelude.has('opaque') ? ['opaque = wid.z;'] : []), ...body]),
      '}',
    ];
    const code = [
      ...(bindings.some(({ type }) => type === 'f16') ? ['enable f16;'] : []),
      ...this.extensions.map((name) => `enable ${name};`),
      ...declarations,
      this.#prelude.text,
      globals,
      ...main,
      '',
    ].filter((part) => part !== '');
    return { code: `${code.join('\n')}\n`, bindings, workgroups, size, label };
  }

  #bind(place: Place, type: ElementType, written: boolean, vector: boolean): { name: string; vector: boolean } {
    let index = this.#entries.findIndex((entry) => sameBytes(entry.place, place));
    if (index < 0) index = this.#entries.push({ place, type, vector, written }) - 1;
    const entry = this.#entries[index]!;
    if (entry.type !== type) throw new Error(`a buffer is bound both as ${entry.type} and as ${type}`);
    if (entry.vector ? written : vector) throw new Error('a buffer of vectors is bound as one of numbers');
    entry.written ||= written;
    return { name: `b${index}`, vector: entry.vector };
  }
}

export const WGSL: Language = { formats: WGSL_FORMATS, newKernel: () => new KernelBuilder() };
