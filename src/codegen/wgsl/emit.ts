import { printNodeWith, printSignature, valueNames } from '../../ir/print.js';
import { isFloat, type ValueId } from '../../ir/types.js';
import type { Group, Plan, PlanFunction } from '../../plan/plan.js';
import { GroupContext } from '../gpu/context.js';
import { emitGroup } from '../gpu/group.js';
import type { Binding, Dispatch } from '../gpu/kernel.js';
import { bufferBytes, type FunctionLayout, layoutFunction, layoutStates, type StateLayout } from '../gpu/layout.js';
import { WGSL_FORMATS } from './formats.js';
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

export interface GroupDispatches {
  readonly group: Group;
  readonly dispatches: readonly DispatchPlan[];
  /** Float values that the group stores: what a traced call looks into. */
  readonly stores: readonly ValueId[];
}

export interface WgslFunction {
  readonly name: string;
  readonly layout: FunctionLayout;
  readonly groups: readonly GroupDispatches[];
}

/** A plan as compute shaders, and how to run them. */
export interface WgslProgram {
  readonly shaders: readonly ShaderSource[];
  readonly functions: readonly WgslFunction[];
  readonly states: StateLayout;
  /** Bytes of the largest buffer: a block is as many as it takes. */
  readonly bufferBytes: number;
  /** Bytes of each block. */
  readonly memory: { readonly states: number; readonly inputs: number; readonly arena: number; readonly workspace: number };
}

/** Writes a plan as WGSL for one device. Throws on an op without a kernel, which is a bug. */
export function emitWgsl(plan: Plan, target: WgslTarget = DEFAULT_TARGET): WgslProgram {
  const states = layoutStates(plan, target.limits, WGSL_FORMATS);
  const shaders: ShaderSource[] = [];
  const known = new Map<string, number>();
  let workspace = 0;

  const shaderOf = ({ code, bindings, label }: Dispatch): number => {
    const index = known.get(code) ?? shaders.push({ label, code, bindings: bindings.map(({ access, type }) => ({ access, type })) }) - 1;
    known.set(code, index);
    return index;
  };
  const emitFunction = (fn: PlanFunction): WgslFunction => {
    const layout = layoutFunction(fn, states, target.limits, WGSL_FORMATS);
    const groups = fn.groups.map((group): GroupDispatches => {
      const context = new GroupContext(fn, group, layout, states, target, WGSL);
      const dispatches = emitGroup(context, WGSL_KERNELS).map((dispatch) => ({
        shader: shaderOf(dispatch),
        bindings: dispatch.bindings,
        workgroups: dispatch.workgroups,
      }));
      workspace = Math.max(workspace, context.workBytes);
      return { group, dispatches, stores: group.stores.filter((id) => isFloat(fn.graph.nodes[id]!.type.dtype)) };
    });
    return { name: fn.name, layout, groups };
  };

  const functions = plan.functions.map(emitFunction);
  const memory = {
    states: states.bytes,
    inputs: Math.max(0, ...functions.map(({ layout }) => layout.inputBytes)),
    arena: Math.max(0, ...functions.map(({ layout }) => layout.arenaBytes)),
    workspace,
  };
  return { shaders, functions, states, bufferBytes: bufferBytes(target.limits), memory };
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
