import type { Renderer } from '../formula/render.js';
import type { WgslType } from './formats.js';
import type { HelperName } from './helper.js';
import type { Place } from './layout.js';
import { Prelude } from './prelude.js';
import { WgslRenderer } from './render.js';
import { indent } from './text.js';

export { indent } from './text.js';

import type { WgslLimits } from './target.js';

export interface Binding {
  readonly place: Place;
  readonly type: WgslType;
  /** Bound as vectors of four. */
  readonly vector: boolean;
  /** `read_write` for every binding of a block of which any is written: one dispatch may not see a buffer both ways. */
  readonly access: 'read' | 'read_write';
}

/** One compute shader and one run of it. Dispatches run one after the other; each sees what those before it wrote. */
export interface Dispatch {
  readonly code: string;
  readonly bindings: readonly Binding[];
  readonly workgroups: readonly [number, number, number];
  /** What it computes, for readers of the source. */
  readonly label: string;
}

interface Entry {
  readonly place: Place;
  readonly type: WgslType;
  readonly vector: boolean;
  written: boolean;
}

const sameBytes = (a: Place, b: Place) => a.block === b.block && a.offset === b.offset;

/** Collects what one compute shader needs: bindings on first use, variables with unique names, what its texts take of the prelude. */
export class KernelBuilder {
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
  read(place: Place, type: WgslType, index: string): string {
    const { name, vector } = this.#bind(place, type, false, false);
    return vector ? `${name}[(${index}) / 4u][(${index}) % 4u]` : `${name}[${index}]`;
  }

  /** Name of an array of vectors of four; to be called before anything reads single elements there. */
  readVectors(place: Place, type: WgslType): string {
    return this.#bind(place, type, false, true).name;
  }

  /** Name of the array to write at a place. */
  write(place: Place, type: WgslType): string {
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

  get bindingCount(): number {
    return this.#entries.length;
  }

  /**
   * The shader with `body` as its main function; `wid` and `lid` are the numbers of the workgroup, whose z is always 0, and of the
   * invocation in it.
   */
  finish(label: string, workgroupSize: number, workgroups: Dispatch['workgroups'], body: readonly string[]): Dispatch {
    const writtenBlocks = new Set(this.#entries.filter((entry) => entry.written).map((entry) => entry.place.block));
    const bindings = this.#entries.map(
      ({ place, type, vector }): Binding => ({ place, type, vector, access: writtenBlocks.has(place.block) ? 'read_write' : 'read' }),
    );
    const declarations = bindings.map(
      ({ type, vector, access }, i) => `@group(0) @binding(${i}) var<storage, ${access}> b${i}: array<${vector ? `vec4<${type}>` : type}>;`,
    );
    const globals = this.globals.join('\n');
    const main = [
      `@compute @workgroup_size(${workgroupSize})`,
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
    return { code: `${code.join('\n')}\n`, bindings, workgroups, label };
  }

  /** A shader with one invocation per unit; `i` is its number. */
  finishFlat(label: string, count: number, limits: WgslLimits, body: readonly string[]): Dispatch {
    const size = Math.min(FLAT_WORKGROUP, limits.workgroupInvocations);
    const { workgroups, index } = spread(Math.ceil(count / size), limits);
    return this.finish(label, size, workgroups, [`let i = (${index}) * ${size}u + lid;`, `if (i >= ${count}u) { return; }`, ...body]);
  }

  #bind(place: Place, type: WgslType, written: boolean, vector: boolean): { name: string; vector: boolean } {
    let index = this.#entries.findIndex((entry) => sameBytes(entry.place, place));
    if (index < 0) index = this.#entries.push({ place, type, vector, written }) - 1;
    const entry = this.#entries[index]!;
    if (entry.type !== type) throw new Error(`a buffer is bound both as ${entry.type} and as ${type}`);
    if (entry.vector ? written : vector) throw new Error('a buffer of vectors is bound as one of numbers');
    entry.written ||= written;
    return { name: `b${index}`, vector: entry.vector };
  }
}

const FLAT_WORKGROUP = 64;

/** Workgroups in a line, folded into two dimensions where one does not reach. */
export function spread(count: number, { workgroupsPerDimension: most }: WgslLimits): { workgroups: Dispatch['workgroups']; index: string } {
  if (count <= most) return { workgroups: [count, 1, 1], index: 'wid.x' };
  const rows = Math.ceil(count / most);
  const columns = Math.ceil(count / rows);
  return { workgroups: [columns, rows, 1], index: `wid.y * ${columns}u + wid.x` };
}
