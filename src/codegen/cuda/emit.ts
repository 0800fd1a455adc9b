import { printNodeWith, printSignature, valueNames } from '../../ir/print.js';
import type { ValueId } from '../../ir/types.js';
import type { Group, Plan, PlanFunction } from '../../plan/plan.js';
import { storageRoot } from '../../plan/storage.js';
import { emitProgram, type GpuFunction, type GpuProgram } from '../gpu/emit.js';
import type { Binding } from '../gpu/kernel.js';
import type { FunctionLayout, Place } from '../gpu/layout.js';
import type { GpuTarget } from '../gpu/target.js';
import { type Assembled, assemble, type Range } from './assemble.js';
import { CUDA, NAME, type Part } from './kernel.js';
import { relocate } from './lives.js';
import { CUDA_KERNELS } from './own-kernels.js';
import { PRELUDE } from './prelude.js';
import { schedule, type Work } from './schedule.js';
import { SUPPORT_KERNELS } from './support.js';
import type { Table } from './table.js';
import { CUDA_TARGET } from './target.js';

/** One kernel; launches of equal code share it. */
export interface CudaKernelSource {
  readonly name: string;
  /** What it computes where it is first launched. */
  readonly label: string;
  readonly code: string;
  /** Functions that it calls, which must stand before it. */
  readonly functions: readonly string[];
  readonly threads: number;
  readonly parameters: readonly Pick<Binding, 'access' | 'type'>[];
  /** Names of the structures of its tables. */
  readonly tables: readonly string[];
}

export interface Launch {
  /** Index into the kernels. */
  readonly kernel: number;
  readonly places: readonly Place[];
  readonly tables: readonly Pick<Table, 'places' | 'words'>[];
  readonly blocks: number;
  /** Which blocks work for which group of the function; the block that ends last does the rest. */
  readonly ranges: readonly Range[];
  /** Groups that the launch works for, those of its last block among them. */
  readonly groups: readonly number[];
  /** Values that are complete behind it. */
  readonly stores: readonly ValueId[];
}

export interface CudaFunction {
  readonly name: PlanFunction['name'];
  readonly layout: FunctionLayout;
  readonly groups: readonly Group[];
  readonly launches: readonly Launch[];
}

/** A plan as kernels, and how to launch them. */
export interface CudaProgram extends Pick<GpuProgram<Part>, 'states' | 'memory'> {
  readonly kernels: readonly CudaKernelSource[];
  readonly functions: readonly CudaFunction[];
}

/** Names of kernels: that of the function and the layer in which it is first launched, and a number where a layer has several. */
class Names {
  readonly #taken = new Set<string>();

  of(fn: string, group: string): string {
    const name = `${fn}_${group}`.replaceAll(/\W+/g, '_');
    for (let n = 1; ; n += 1) {
      const numbered = n === 1 ? name : `${name}_${n}`;
      if (this.#taken.has(numbered)) continue;
      this.#taken.add(numbered);
      return numbered;
    }
  }
}

/** Kernels and their functions, each text once. */
class Kernels {
  readonly list: CudaKernelSource[] = [];
  readonly #known = new Map<string, number>();
  readonly #functions = new Map<string, string>();
  readonly #names = new Names();

  /** The number of the kernel of a launch. */
  of(fn: PlanFunction, group: Group, label: string, { code, functions, threads, pointers, tables }: Assembled): number {
    const texts: string[] = [];
    let whole = code;
    for (const [inside, text] of functions) {
      const name = this.#functions.get(text) ?? this.#names.of(fn.name, `${group.name}_part`);
      this.#functions.set(text, name);
      texts.push(text.replace(NAME, name));
      whole = whole.replaceAll(inside, name);
    }
    const known = this.#known.get(whole);
    if (known !== undefined) return known;
    const name = this.#names.of(fn.name, group.name);
    const parameters = pointers.map(({ type, access }) => ({ type, access }));
    const structures = tables.map((_, i) => `${name}_table${i}`);
    const source = { name, label, code: whole.replaceAll(NAME, name), functions: texts, threads, parameters, tables: structures };
    const index = this.list.push(source) - 1;
    this.#known.set(whole, index);
    return index;
  }
}

/**
 * Writes a plan as CUDA C++. `apart`: no two values share memory, so that who touches another's shows. Throws on an op without a kernel,
 * which is a bug.
 */
export function emitCuda(plan: Plan, target: GpuTarget = CUDA_TARGET, { apart = false }: { readonly apart?: boolean } = {}): CudaProgram {
  const { functions, states, memory } = emitProgram(plan, target, CUDA, CUDA_KERNELS, (dispatch) => dispatch as Part);
  const kernels = new Kernels();
  // What parts need for themselves lies in the arena too, unless it is apart.
  let [arena, counters] = [0, apart ? memory.workspace : 0];
  const written = functions.map(({ groups, layout: first }, f): CudaFunction => {
    const fn = plan.functions[f]!;
    const works = groups.flatMap(({ dispatches }, group) => dispatches.map((part): Work => ({ part, group })));
    const stages = schedule(works);
    const { layout, place } = apart ? { layout: first, place: (one: Place) => one } : relocate(first, stages);
    const launches = stages.map((stage): Launch => {
      const assembled = assemble(stage, { block: 'work', offset: counters, bytes: 4 }, place);
      if (stage.tail.length > 0) counters += 4;
      const all = [...stage.parts, ...stage.tail.flat()];
      const label = [...new Set(all.map(({ part }) => part.label))].join('; ');
      return {
        kernel: kernels.of(fn, fn.groups[stage.parts[0]!.group]!, label, assembled),
        places: assembled.pointers.map((pointer) => pointer.place),
        tables: assembled.tables,
        blocks: assembled.blocks,
        ranges: assembled.ranges,
        groups: [...new Set(all.map(({ group }) => group))],
        stores: storesOf(fn, groups, first, all),
      };
    });
    arena = Math.max(arena, layout.arenaBytes);
    return { name: fn.name, layout, groups: fn.groups, launches };
  });
  return { kernels: kernels.list, functions: written, states, memory: { ...memory, arena, workspace: counters } };
}

/** Values of the plan that parts write. */
function storesOf(
  fn: PlanFunction,
  groups: GpuFunction<Part>['groups'],
  layout: FunctionLayout,
  works: readonly Work[],
): readonly ValueId[] {
  const written = new Set(
    works.flatMap(({ part, group }) =>
      part.bindings.flatMap(({ access, place }) => (access === 'read_write' ? [`${group} ${place.block} ${place.offset}`] : [])),
    ),
  );
  return [...new Set(works.map(({ group }) => group))].flatMap((group) =>
    groups[group]!.stores.filter((id) => {
      const place = layout.places.get(storageRoot(fn.graph, id));
      return place !== undefined && written.has(`${group} ${place.block} ${place.offset}`);
    }),
  );
}

/** A file with these kernels, which includes nothing: each behind what it calls, and below what `comments` says of it. */
export function cudaFile(kernels: readonly CudaKernelSource[], comments: (kernel: number) => readonly string[] = () => []): string {
  const known = new Set<string>();
  const texts = kernels.flatMap(({ code, functions }, i) => {
    const own = functions.filter((text) => !known.has(text));
    for (const text of own) known.add(text);
    return [...own, code].map((text, t) => (t === 0 ? [...comments(i), text].join('\n') : text));
  });
  return fileOf(texts);
}

function fileOf(texts: readonly string[]): string {
  return `${[PRELUDE, ...texts, '} // namespace ampc'].join('\n\n')}\n`;
}

/** A file with the kernels of the host side. */
export const SUPPORT_FILE = fileOf([SUPPORT_KERNELS]);

/** The source of all kernels of a plan, and of those of the host side. `comments`: what stands above each of the plan's. */
export function cudaSource({ kernels }: CudaProgram, comments?: (kernel: number) => readonly string[]): string {
  return cudaFile(kernels, comments).replace(/\} \/\/ namespace ampc\n$/, () => `${SUPPORT_KERNELS}\n\n} // namespace ampc\n`);
}

/** The source of all kernels with the plan: each with the lines that it computes, and where it is launched again. */
export function printCuda(plan: Plan, program: CudaProgram): string {
  const { memory } = program;
  const comments = program.kernels.map((): string[] => []);
  for (const fn of plan.functions) {
    const names = valueNames(fn.graph);
    for (const { kernel, places, tables, blocks, groups } of program.functions.find(({ name }) => name === fn.name)!.launches) {
      const arrays = places.map(({ block, offset }, i) => `b${i} ${block}+${offset}`).join(', ');
      const lines = comments[kernel]!;
      if (lines.length === 0) lines.push(`// ${program.kernels[kernel]!.label}`);
      for (const group of groups.map((index) => fn.groups[index]!)) {
        lines.push(`// ${fn.name} ${group.name}:`, ...group.nodes.map((id) => `//   ${printNodeWith(fn.graph.nodes[id]!, names)}`));
      }
      lines.push(`// on ${blocks} blocks (${arrays})`);
      for (const [i, table] of tables.entries())
        lines.push(`// t${i}: ${table.places.map(({ block, offset }) => `${block}+${offset}`).join(', ')}; ${table.words.join(', ')}`);
    }
  }
  const head = [
    `// ${plan.model}, policy ${plan.policy}, ${plan.precision}`,
    `// states ${memory.states} bytes, inputs ${memory.inputs} bytes, arena ${memory.arena} bytes, workspace ${memory.workspace} bytes`,
    ...plan.functions.map(({ graph }) => `// ${printSignature(graph, valueNames(graph))}`),
  ];
  return `${head.join('\n')}\n\n${cudaSource(program, (kernel) => comments[kernel]!)}`;
}
