import { printNodeWith, printSignature, valueNames } from '../../ir/print.js';
import { elementCount, isFloat, type Node } from '../../ir/types.js';
import { type Group, isOfTail, type Plan, type PlanFunction } from '../../plan/plan.js';
import type { KernelMethod } from '../../plan/work.js';
import { KernelMaker } from './alike.js';
import { BufferTable, callFunction } from './buffers.js';
import { C_TYPE, KERNEL_NAME, type Kernel, rootOf, type StepContext } from './kernel.js';
import { type FunctionLayout, layoutFunction, layoutStates, type StateLayout } from './layout.js';
import { EXPORTS, prelude } from './prelude.js';
import { emitSeries } from './series.js';
import type { Target } from './target.js';
import { indent } from './text.js';
import { FreeSpace, type ScratchNeed } from './workspace.js';

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

/** Parts of the file that can be compiled side by side, each with `-DAMPC_PART=n`; without the macro, the file is whole. */
export const PARTS = 4;

/** Makes and names kernels, lets groups with equal code share it, and deals the code out to the parts of the file. */
class Kernels {
  readonly sections: string[] = [];
  readonly declarations: string[] = [];
  readonly buffers = new BufferTable();
  readonly maker = new KernelMaker();
  private readonly names = new Map<string, string>();
  private readonly launchOf = new Map<Kernel, string>();
  private readonly used = new Set<string>();
  private readonly filled = new Array<number>(PARTS).fill(0);

  /** The function that runs the group's kernels; adds it to the file when it is new. */
  add(fn: PlanFunction, group: Group, kernel: Kernel, names: readonly string[]): string {
    const launch = this.launchOf.get(kernel) ?? this.define(fn, group, kernel, names);
    this.launchOf.set(kernel, launch);
    return launch;
  }

  private define(fn: PlanFunction, group: Group, kernel: Kernel, names: readonly string[]): string {
    const key = `${kernel.code}\0${kernel.launch}`;
    const known = this.names.get(key);
    if (known !== undefined) return known;
    const plain = `k_${group.name}`;
    const name = this.used.has(plain) ? `k_${fn.name}_${group.name}` : plain;
    this.names.set(key, `${name}_launch`);
    this.used.add(name);
    const part = this.filled.indexOf(Math.min(...this.filled));
    this.filled[part]! += kernel.code.length;
    const signature = `HIDDEN void ${name}_launch(ampc_context *ctx, void *const *p)`;
    const launch = kernel.launch.replaceAll(KERNEL_NAME, name).split('\n');
    this.declarations.push(`${signature};`);
    this.sections.push(
      [
        planComment(fn, group, names),
        `#if IN_PART(${part})`,
        kernel.code.replaceAll(KERNEL_NAME, name),
        `${signature} {`,
        '  (void)ctx, (void)p;',
        ...indent(launch),
        '}',
        '#endif',
        '',
      ].join('\n'),
    );
    return `${name}_launch`;
  }
}

/** Plan lines that lead a kernel; the update of a deep network has thousands. */
const COMMENTED = 64;

function planComment(fn: PlanFunction, group: Group, names: readonly string[]): string {
  const lines = group.nodes.slice(0, COMMENTED).map((id) => ` *   ${printNodeWith(fn.graph.nodes[id]!, names)}`.replaceAll('*/', '* /'));
  const more = group.nodes.length > COMMENTED ? [` *   and ${group.nodes.length - COMMENTED} more`] : [];
  return ['/*', ` * ${fn.name}: ${group.name} (${group.kind})`, ...lines, ...more, ' */'].join('\n');
}

/** Rows of the table of what a trace looks at: the floats that a group stored. */
function tracedValues({ fn, layout }: StepContext, { stores }: Group, buffers: BufferTable): string[] {
  return stores
    .filter((id) => isFloat(fn.graph.nodes[id]!.type.dtype))
    .map((id) => {
      const { dtype, shape } = fn.graph.nodes[id]!.type;
      const place = layout.places.get(rootOf(fn, id))!;
      return `  {trace_${dtype}, ${buffers.single(place, 'traced')}, ${id}, ${elementCount(shape)}},`;
    });
}

function outputStatements(step: StepContext, buffers: BufferTable): string[] {
  const { fn, layout } = step;
  return layout.scalars.map((name, i) => {
    const node = fn.graph.nodes[rootOf(fn, fn.graph.outputs[name]!)]!;
    return `outputs[${i}] = ${scalarOutput(node, layout, buffers)};`;
  });
}

function scalarOutput(node: Node, layout: FunctionLayout, buffers: BufferTable): string {
  if (node.op === 'constant') return String(node.attrs.value);
  const place = layout.places.get(node.id);
  if (place === undefined) throw new Error(`output %${node.id} is not in memory`);
  const { dtype } = node.type;
  const value = `*(const ${C_TYPE[dtype]} *)ctx->buffers[${buffers.single(place, 'output')}]`;
  return dtype === 'f16' || dtype === 'bf16' ? `(double)${dtype}_to_f32(${value})` : `(double)${value}`;
}

interface EmittedFunction {
  readonly text: string;
  /** With the workspace of its kernels. */
  readonly arena: number;
  readonly scratch: readonly ScratchNeed[];
  readonly methods: readonly (KernelMethod | undefined)[];
}

/** A constant table of a function, and the expression that a call of `run_calls` takes for it. */
function constantTable(type: string, name: string, rows: readonly string[]): { readonly text: string; readonly argument: string } {
  if (rows.length === 0) return { text: '', argument: 'NULL' };
  return { text: [`static const ${type} ${name}[] = {`, ...rows, '};', ''].join('\n'), argument: name };
}

function emitFunction(step: StepContext, kernels: Kernels, planned: number): EmittedFunction {
  const { fn } = step;
  const { buffers, maker } = kernels;
  const names = valueNames(fn.graph);
  const rows: string[] = [];
  const traced: string[] = [];
  const space = new FreeSpace(fn, planned);
  const scratch: ScratchNeed[] = [];
  const methods: (KernelMethod | undefined)[] = [];
  let arena = planned;
  for (const group of fn.groups) {
    const { kernel, table, workspaceBytes, scratchBytes } = maker.make(step, group);
    methods.push(kernel.method);
    const work = space.place(group.index, workspaceBytes);
    arena = Math.max(arena, work + workspaceBytes);
    const idle = kernel.launch === '';
    const need = idle ? 0 : scratchBytes;
    const launch = idle ? 'NULL' : kernels.add(fn, group, kernel, names);
    const pointers = idle ? 0 : buffers.add(table, work, `${fn.name}: ${group.name}`);
    let borrowed = 0;
    if (need > 0) {
      const { offset, end } = space.largest(group.index, { offset: work, end: work + workspaceBytes });
      borrowed = offset;
      scratch.push({ need, free: end - offset });
    }
    const looks = tracedValues(step, group, buffers);
    traced.push(...looks);
    rows.push(`  {${[launch, pointers, looks.length, need, borrowed].join(', ')}}, /* ${group.name} */`);
  }
  const calls = constantTable('kernel_call', `calls_of_${fn.name}`, rows);
  const values = constantTable('traced_value', `values_of_${fn.name}`, traced);
  const text = [
    `/* ${printSignature(fn.graph, names)} */`,
    calls.text,
    values.text,
    `static int run_${fn.name}(ampc_context *ctx, double *outputs, int trace) {`,
    `  const int result = run_calls(ctx, ${calls.argument}, ${rows.length}, ${values.argument}, trace);`,
    '  (void)outputs;',
    ...indent(outputStatements(step, buffers)),
    '  return result;',
    '}',
    '',
  ].join('\n');
  return { text, arena, scratch, methods };
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

/**
 * Functions that a file of their own holds, since they have few kernels in common with the others and a run first needs them at the end of an
 * epoch: those of a smaller batch.
 */
function laterFunctions({ functions }: Plan): readonly PlanFunction[] {
  const sooner = functions.filter(({ name }) => !isOfTail(name));
  if (sooner.length === 0) return [];
  return functions.filter(({ name, batch }) => isOfTail(name) && sooner.every((other) => other.batch !== batch));
}

/** Writes a plan as C for one processor, but for what `emitLater` writes. Throws on an op without a kernel, which is a bug. */
export function emitC(plan: Plan, target: Target): CSource {
  const later = laterFunctions(plan);
  const now = plan.functions.filter((fn) => !later.includes(fn));
  return emitFunctions(plan, now, target);
}

/** The second file of a plan, for functions that are called later and on the same states and arena; undefined where there are none. */
export function emitLater(plan: Plan, target: Target): CSource | undefined {
  const later = laterFunctions(plan);
  return later.length === 0 ? undefined : emitFunctions(plan, later, target);
}

/** States and arena are those of the whole plan. */
function emitFunctions(plan: Plan, functions: readonly PlanFunction[], target: Target): CSource {
  const states = layoutStates(plan);
  const kernels = new Kernels();
  const layouts: FunctionLayout[] = [];
  const texts: string[] = [];
  const methods: EmittedFunction['methods'][] = [];
  const planned = Math.max(0, ...plan.functions.map((fn) => fn.memory.arena));
  const scratch: ScratchNeed[] = [];
  let arena = planned;
  for (const fn of functions) {
    const layout = layoutFunction(fn, states);
    const emitted = emitFunction({ fn, layout, states, target }, kernels, planned);
    layouts.push(layout);
    texts.push(emitted.text);
    methods.push(emitted.methods);
    arena = Math.max(arena, emitted.arena);
    scratch.push(...emitted.scratch);
  }
  const memory = { states: states.bytes, arena: planned, workspace: arena - planned, scratch };
  const groups = Math.max(1, ...functions.map((fn) => fn.groups.length));
  const text = [
    header(plan, functions, target, memory),
    prelude(target, { ...memory, groups, places: kernels.buffers.length }),
    ...kernels.declarations,
    '',
    ...kernels.sections,
    '#if IN_PART(0)',
    kernels.buffers.emit(),
    ...texts,
    callFunction(layouts),
    EXPORTS,
    emitSeries(layouts),
    '#endif',
    '',
  ].join('\n');
  return { text, functions: layouts, methods, states, memory };
}
