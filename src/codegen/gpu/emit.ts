import { isFloat, type ValueId } from '../../ir/types.js';
import type { Group, Plan, PlanFunction } from '../../plan/plan.js';
import type { StateLayout } from '../slots.js';
import { GroupContext } from './context.js';
import { emitGroup, type OwnKernels } from './group.js';
import type { Dispatch } from './kernel.js';
import type { Language } from './language.js';
import { type FunctionLayout, layoutFunction, layoutStates, memoryApart, startBehind } from './layout.js';
import type { GpuTarget } from './target.js';

/** The kernels of a group as a language starts them, in order. */
export interface GroupDispatches<Start> {
  readonly group: Group;
  readonly dispatches: readonly Start[];
  /** Float values that the group stores: what a traced call looks into. */
  readonly stores: readonly ValueId[];
}

export interface GpuFunction<Start> {
  readonly name: string;
  readonly layout: FunctionLayout;
  readonly groups: readonly GroupDispatches<Start>[];
}

/** Where a plan's functions have their values, and what they start. */
export interface GpuProgram<Start> {
  readonly functions: readonly GpuFunction<Start>[];
  readonly states: StateLayout;
  /** Bytes of each block of memory. */
  readonly memory: { readonly states: number; readonly inputs: number; readonly arena: number; readonly workspace: number };
}

/** A plan for one device; `startOf` takes each kernel and says how it is started. Throws on an op without a kernel, which is a bug. */
export function emitProgram<Target extends GpuTarget, Start>(
  plan: Plan,
  target: Target,
  language: Language,
  own: OwnKernels<Target>,
  startOf: (dispatch: Dispatch, fn: PlanFunction, group: Group) => Start,
): GpuProgram<Start> {
  const states = layoutStates(plan, target.limits, language.formats);
  let workspace = 0;
  const functions = plan.functions.map((fn): GpuFunction<Start> => {
    const memory = language.laysOut === true ? memoryApart(fn) : undefined;
    const layout = layoutFunction(fn, states, target.limits, language.formats, memory);
    let workStart = layout.keptBytes;
    const groups = fn.groups.map((group): GroupDispatches<Start> => {
      const context = new GroupContext(fn, group, layout, states, target, language, workStart);
      const dispatches = emitGroup(context, own).map((dispatch) => startOf(dispatch, fn, group));
      workspace = Math.max(workspace, context.workBytes);
      if (language.laysOut === true) workStart = startBehind(context.workBytes, 1, target.limits);
      return { group, dispatches, stores: group.stores.filter((id) => isFloat(fn.graph.nodes[id]!.type.dtype)) };
    });
    return { name: fn.name, layout, groups };
  });
  const memory = {
    states: states.bytes,
    inputs: Math.max(0, ...functions.map(({ layout }) => layout.inputBytes)),
    arena: Math.max(0, ...functions.map(({ layout }) => layout.arenaBytes)),
    workspace,
  };
  return { functions, states, memory };
}
