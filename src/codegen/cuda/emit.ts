import { printNodeWith, printSignature, valueNames } from '../../ir/print.js';
import type { Group, Plan, PlanFunction } from '../../plan/plan.js';
import { emitProgram, type GpuFunction, type GpuProgram } from '../gpu/emit.js';
import type { Binding, Dispatch } from '../gpu/kernel.js';
import type { GpuTarget } from '../gpu/target.js';
import { CUDA, NAME } from './kernel.js';
import { CUDA_KERNELS } from './own-kernels.js';
import { PRELUDE } from './prelude.js';
import { SUPPORT_KERNELS } from './support.js';
import { CUDA_TARGET } from './target.js';

/** One kernel; launches of equal code share it. */
export interface CudaKernelSource {
  readonly name: string;
  /** What it computes where it is first launched. */
  readonly label: string;
  readonly code: string;
  readonly threads: number;
  readonly parameters: readonly Pick<Binding, 'access' | 'type'>[];
}

export interface Launch {
  /** Index into the kernels. */
  readonly kernel: number;
  readonly bindings: readonly Binding[];
  readonly blocks: Dispatch['workgroups'];
}

export type CudaFunction = GpuFunction<Launch>;

/** A plan as kernels, and how to launch them. */
export interface CudaProgram extends GpuProgram<Launch> {
  readonly kernels: readonly CudaKernelSource[];
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

/** Writes a plan as CUDA C++. Throws on an op without a kernel, which is a bug. */
export function emitCuda(plan: Plan, target: GpuTarget = CUDA_TARGET): CudaProgram {
  const kernels: CudaKernelSource[] = [];
  const known = new Map<string, number>();
  const names = new Names();
  const launchOf = ({ code, bindings, workgroups, size, label }: Dispatch, fn: PlanFunction, group: Group): Launch => {
    let kernel = known.get(code);
    if (kernel === undefined) {
      const name = names.of(fn.name, group.name);
      kernel = kernels.push({ name, label, code: code.replace(NAME, name), threads: size, parameters: bindings }) - 1;
      known.set(code, kernel);
    }
    return { kernel, bindings, blocks: workgroups };
  };
  return { kernels, ...emitProgram(plan, target, CUDA, CUDA_KERNELS, launchOf) };
}

/** A file with these kernels, which includes nothing. */
export function cudaFile(kernels: readonly string[]): string {
  return `${[PRELUDE, ...kernels, '} // namespace ampc'].join('\n\n')}\n`;
}

/** The source of all kernels of a plan, and of those of the host side. `comments`: what stands above each of the plan's. */
export function cudaSource({ kernels }: CudaProgram, comments: (kernel: number) => readonly string[] = () => []): string {
  return cudaFile([...kernels.map(({ code }, i) => [...comments(i), code].join('\n')), SUPPORT_KERNELS]);
}

/** The source of all kernels with the plan: each with the lines that it computes, and where it is launched again. */
export function printCuda(plan: Plan, program: CudaProgram): string {
  const { memory } = program;
  const comments = program.kernels.map((): string[] => []);
  for (const fn of plan.functions) {
    const names = valueNames(fn.graph);
    for (const { group, dispatches } of program.functions.find(({ name }) => name === fn.name)!.groups) {
      const seen = new Set<number>();
      for (const { kernel, bindings, blocks } of dispatches) {
        const places = bindings.map(({ place }, i) => `b${i} ${place.block}+${place.offset}`).join(', ');
        const lines = comments[kernel]!;
        if (lines.length === 0) lines.push(`// ${program.kernels[kernel]!.label}`);
        if (!seen.has(kernel)) lines.push(...group.nodes.map((id) => `//   ${printNodeWith(fn.graph.nodes[id]!, names)}`));
        seen.add(kernel);
        lines.push(`// ${fn.name} ${group.name}: on ${blocks.join(' x ')} blocks (${places})`);
      }
    }
  }
  const head = [
    `// ${plan.model}, policy ${plan.policy}, ${plan.precision}`,
    `// states ${memory.states} bytes, inputs ${memory.inputs} bytes, arena ${memory.arena} bytes, workspace ${memory.workspace} bytes`,
    ...plan.functions.map(({ graph }) => `// ${printSignature(graph, valueNames(graph))}`),
  ];
  return `${head.join('\n')}\n\n${cudaSource(program, (kernel) => comments[kernel]!)}`;
}
