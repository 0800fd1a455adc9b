import { printNodeWith, printSignature, valueNames } from '../../ir/print.js';
import { isFloat, type ValueId } from '../../ir/types.js';
import type { Group, Plan, PlanFunction } from '../../plan/plan.js';
import { GroupContext } from '../gpu/context.js';
import { emitGroup } from '../gpu/group.js';
import type { Binding, Dispatch } from '../gpu/kernel.js';
import { type FunctionLayout, layoutFunction, layoutStates, type StateLayout } from '../gpu/layout.js';
import type { GpuTarget } from '../gpu/target.js';
import { CUDA_FORMATS } from './formats.js';
import { CUDA, NAME } from './kernel.js';
import { CUDA_KERNELS } from './own-kernels.js';
import { PRELUDE } from './prelude.js';
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

export interface GroupLaunches {
  readonly group: Group;
  readonly launches: readonly Launch[];
  /** Float values that the group stores: what a traced call looks into. */
  readonly stores: readonly ValueId[];
}

export interface CudaFunction {
  readonly name: string;
  readonly layout: FunctionLayout;
  readonly groups: readonly GroupLaunches[];
}

/** A plan as kernels, and how to launch them. */
export interface CudaProgram {
  readonly kernels: readonly CudaKernelSource[];
  readonly functions: readonly CudaFunction[];
  readonly states: StateLayout;
  /** Bytes of each block of memory. */
  readonly memory: { readonly states: number; readonly inputs: number; readonly arena: number; readonly workspace: number };
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
  const states = layoutStates(plan, target.limits, CUDA_FORMATS);
  const kernels: CudaKernelSource[] = [];
  const known = new Map<string, number>();
  const names = new Names();
  let workspace = 0;

  const launchOf = (fn: PlanFunction, group: Group, { code, bindings, workgroups, size, label }: Dispatch): Launch => {
    let kernel = known.get(code);
    if (kernel === undefined) {
      const name = names.of(fn.name, group.name);
      kernel = kernels.push({ name, label, code: code.replace(NAME, name), threads: size, parameters: bindings }) - 1;
      known.set(code, kernel);
    }
    return { kernel, bindings, blocks: workgroups };
  };
  const functions = plan.functions.map((fn): CudaFunction => {
    const layout = layoutFunction(fn, states, target.limits, CUDA_FORMATS);
    const groups = fn.groups.map((group): GroupLaunches => {
      const context = new GroupContext(fn, group, layout, states, target, CUDA);
      const launches = emitGroup(context, CUDA_KERNELS).map((dispatch) => launchOf(fn, group, dispatch));
      workspace = Math.max(workspace, context.workBytes);
      return { group, launches, stores: group.stores.filter((id) => isFloat(fn.graph.nodes[id]!.type.dtype)) };
    });
    return { name: fn.name, layout, groups };
  });
  const memory = {
    states: states.bytes,
    inputs: Math.max(0, ...functions.map(({ layout }) => layout.inputBytes)),
    arena: Math.max(0, ...functions.map(({ layout }) => layout.arenaBytes)),
    workspace,
  };
  return { kernels, functions, states, memory };
}

/** The source of all kernels, which includes nothing. `comments`: what stands above each. */
export function cudaSource({ kernels }: CudaProgram, comments: (kernel: number) => readonly string[] = () => []): string {
  const texts = kernels.map(({ code }, i) => [...comments(i), code].join('\n'));
  return `${[PRELUDE, ...texts, '} // namespace ampc'].join('\n\n')}\n`;
}

/** The source of all kernels with the plan: each with the lines that it computes, and where it is launched again. */
export function printCuda(plan: Plan, program: CudaProgram): string {
  const { memory } = program;
  const comments = program.kernels.map((): string[] => []);
  for (const fn of plan.functions) {
    const names = valueNames(fn.graph);
    for (const { group, launches } of program.functions.find(({ name }) => name === fn.name)!.groups) {
      const seen = new Set<number>();
      for (const { kernel, bindings, blocks } of launches) {
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
