import { valueNames } from '../../ir/print.js';
import type { DType } from '../../ir/types.js';
import { STORAGE_TYPES } from '../../numeric/formats.js';
import type { Plan, PlanFunction } from '../../plan/plan.js';
import type { KernelMethod } from '../../plan/work.js';
import type { StateLayout } from '../slots.js';
import { KernelMaker } from './alike.js';
import { BufferTable, callFunction } from './buffers.js';
import { filesOf } from './files.js';
import { type EmittedFunction, emitFunction } from './function.js';
import type { StepContext } from './kernel.js';
import { type FunctionLayout, layoutFunction, layoutStates } from './layout.js';
import { EXPORTS, prelude } from './prelude.js';
import { Sections } from './sections.js';
import { emitSeries } from './series.js';
import type { Target } from './target.js';
import type { ScratchNeed } from './workspace.js';

/** A plan, or a part of its functions, as one C file, and how to call it. */
export interface CSource {
  readonly text: string;
  readonly functions: readonly FunctionLayout[];
  /** By function, of each group: how its contraction is computed, unless product by product. */
  readonly methods: readonly (readonly (KernelMethod | undefined)[])[];
  readonly states: StateLayout;
  /** Bytes that a context allocates. */
  readonly memory: {
    readonly states: number;
    /** The plan's. */
    readonly arena: number;
    /** Behind the arena: what kernels need for themselves and found no room for in it. */
    readonly workspace: number;
    /** What each thread needs in each kernel; `ownScratch` says how much of it to allocate. */
    readonly scratch: readonly ScratchNeed[];
  };
}

function header(plan: Plan, emitted: readonly PlanFunction[], target: Target, sizes: CSource['memory']): string {
  const functions = emitted.map((fn) => ` *   ${fn.name}: batch ${fn.batch}, ${fn.groups.length} kernels`);
  return [
    '/*',
    ` * ${plan.model}, policy ${plan.policy}, ${plan.precision}, for ${target.isa}`,
    ...functions,
    ` * states ${sizes.states} bytes, arena ${sizes.arena} bytes, workspace ${sizes.workspace} bytes`,
    ' */',
  ].join('\n');
}

/** Writes a plan as C for one processor: what `filesOf` puts first. Throws on an op without a kernel, which is a bug. */
export function emitC(plan: Plan, target: Target): CSource {
  return emitFile(plan, target, 0);
}

/** One file of a plan, by its place in `filesOf`; all work on the same states and arena. */
export function emitFile(plan: Plan, target: Target, file: number): CSource {
  return emitFunctions(plan, filesOf(plan)[file]!, target);
}

/** A plan as one C file without what trains: calls one by one, not in series. */
export function emitCalls(plan: Plan, target: Target): CSource {
  return emitFunctions(plan, plan.functions, target, () => '');
}

/** The C of each kernel of a function, by the name of its group; groups whose kernels are equal have the same text. */
export function emitKernels(plan: Plan, fn: PlanFunction, target: Target): ReadonlyMap<string, string> {
  const states = layoutStates(plan);
  const sections = new Sections();
  const maker = new KernelMaker(sections);
  const step: StepContext = { fn, layout: layoutFunction(fn, states), states, target, names: valueNames(fn.graph) };
  const made = fn.groups.map((group) => ({ group, code: maker.make(step, group).code }));
  sections.close();
  return new Map(made.flatMap(({ group, code }) => (code === undefined ? [] : [[group.name, sections.textOf(code)] as const])));
}

/** States and arena are those of the whole plan. */
function emitFunctions(plan: Plan, functions: readonly PlanFunction[], target: Target, series = emitSeries): CSource {
  const states = layoutStates(plan);
  const sections = new Sections();
  const maker = new KernelMaker(sections);
  const buffers = new BufferTable();
  const layouts: FunctionLayout[] = [];
  const texts: string[] = [];
  const methods: EmittedFunction['methods'][] = [];
  const planned = Math.max(0, ...plan.functions.map((fn) => fn.memory.arena));
  const scratch: ScratchNeed[] = [];
  let arena = planned;
  const made = functions.map((fn) => {
    const step: StepContext = { fn, layout: layoutFunction(fn, states), states, target, names: valueNames(fn.graph) };
    return { step, kernels: fn.groups.map((group) => maker.make(step, group)) };
  });
  sections.close();
  for (const { step, kernels } of made) {
    const { layout } = step;
    const emitted = emitFunction(step, kernels, buffers, planned);
    layouts.push(layout);
    texts.push(emitted.text);
    methods.push(emitted.methods);
    arena = Math.max(arena, emitted.arena);
    scratch.push(...emitted.scratch);
  }
  const memory = { states: states.bytes, arena: planned, workspace: arena - planned, scratch };
  const hasValues = (dtype: DType) => functions.some((fn) => fn.graph.nodes.some(({ type }) => type.dtype === dtype));
  const groups = Math.max(1, ...functions.map((fn) => fn.groups.length));
  const text = [
    header(plan, functions, target, memory),
    prelude(target, { ...memory, groups, places: buffers.length }, STORAGE_TYPES.filter(hasValues)),
    ...sections.emit(),
    '#if IN_PART(0)',
    sections.emitNumbers(),
    buffers.emit(),
    ...texts,
    callFunction(layouts),
    EXPORTS,
    series(layouts),
    '#endif',
    '',
  ].join('\n');
  return { text, functions: layouts, methods, states, memory };
}
