import { printNodeWith, printSignature, valueNames } from '../../ir/print.js';
import type { Plan } from '../../plan/plan.js';
import { emitProgram, type GpuFunction, type GpuProgram } from '../gpu/emit.js';
import type { Binding, Dispatch } from '../gpu/kernel.js';
import { bufferBytes } from '../gpu/layout.js';
import { WGSL } from './kernel.js';
import { WGSL_KERNELS } from './own-kernels.js';
import { DEFAULT_TARGET, type WgslTarget } from './target.js';

/** One compute shader; dispatches of equal code share it. */
export interface ShaderSource {
  readonly label: string;
  readonly code: string;
  readonly bindings: readonly Pick<Binding, 'access' | 'type'>[];
}

export interface DispatchPlan {
  /** Index into the shaders. */
  readonly shader: number;
  readonly bindings: readonly Binding[];
  readonly workgroups: Dispatch['workgroups'];
}

export type WgslFunction = GpuFunction<DispatchPlan>;

/** A plan as compute shaders, and how to run them. */
export interface WgslProgram extends GpuProgram<DispatchPlan> {
  readonly shaders: readonly ShaderSource[];
  /** Bytes of the largest buffer: a block is as many as it takes. */
  readonly bufferBytes: number;
}

/** Writes a plan as WGSL for one device. Throws on an op without a kernel, which is a bug. */
export function emitWgsl(plan: Plan, target: WgslTarget = DEFAULT_TARGET): WgslProgram {
  const shaders: ShaderSource[] = [];
  const known = new Map<string, number>();
  const dispatchOf = ({ code, bindings, label, workgroups }: Dispatch): DispatchPlan => {
    const shader = known.get(code) ?? shaders.push({ label, code, bindings: bindings.map(({ access, type }) => ({ access, type })) }) - 1;
    known.set(code, shader);
    return { shader, bindings, workgroups };
  };
  const program = emitProgram(plan, target, WGSL, WGSL_KERNELS, dispatchOf);
  return { shaders, bufferBytes: bufferBytes(target.limits), ...program };
}

/** The program as text: every shader once, and the order in which each function runs them. */
export function printWgsl(plan: Plan, program: WgslProgram): string {
  const { memory } = program;
  const lines = [
    `// ${plan.model}, policy ${plan.policy}, ${plan.precision}`,
    `// states ${memory.states} bytes, inputs ${memory.inputs} bytes, arena ${memory.arena} bytes, workspace ${memory.workspace} bytes`,
  ];
  for (const [index, { label, code }] of program.shaders.entries()) lines.push('', `// shader ${index}: ${label}`, code.trimEnd());
  for (const fn of plan.functions) {
    const names = valueNames(fn.graph);
    lines.push('', `// ${printSignature(fn.graph, names)}`);
    for (const { group, dispatches } of program.functions.find(({ name }) => name === fn.name)!.groups) {
      lines.push(`//   ${group.name} (${group.kind})`, ...group.nodes.map((id) => `//     ${printNodeWith(fn.graph.nodes[id]!, names)}`));
      for (const { shader, workgroups, bindings } of dispatches) {
        const places = bindings.map(({ place }) => `${place.block}+${place.offset}`).join(', ');
        lines.push(`//     run shader ${shader} on ${workgroups.join(' x ')} workgroups (${places})`);
      }
    }
  }
  return `${lines.join('\n')}\n`;
}
