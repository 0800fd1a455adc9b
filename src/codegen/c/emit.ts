import { printNodeWith, printSignature, valueNames } from '../../ir/print.js';
import { elementCount, isFloat, type Node } from '../../ir/types.js';
import type { Group, Plan, PlanFunction } from '../../plan/plan.js';
import type { KernelMethod } from '../../plan/work.js';
import { emitContraction } from './contraction.js';
import { C_TYPE, KERNEL_NAME, type Kernel, KernelContext, rootOf, type StepContext } from './kernel.js';
import { type FunctionLayout, layoutFunction, layoutStates, type StateLayout } from './layout.js';
import { EXPORTS, prelude } from './prelude.js';
import { emitSeries } from './series.js';
import { emitStages } from './stages.js';
import type { Target } from './target.js';
import { indent } from './text.js';
import { FreeSpace, type ScratchNeed } from './workspace.js';

/** A plan as one C file, and how to call it. */
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

/** Names kernels, lets groups with equal code share it, and deals the code out to the parts of the file. */
class Kernels {
  readonly sections: string[] = [];
  readonly declarations: string[] = [];
  private readonly names = new Map<string, string>();
  private readonly used = new Set<string>();
  private readonly filled = new Array<number>(PARTS).fill(0);

  /** The function that runs the group's kernels; adds it to the file when it is new. */
  add(fn: PlanFunction, group: Group, kernel: Kernel, comment: string): string {
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
        comment,
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

function planComment(fn: PlanFunction, group: Group, names: readonly string[]): string {
  const lines = group.nodes.map((id) => ` *   ${printNodeWith(fn.graph.nodes[id]!, names)}`.replaceAll('*/', '* /'));
  return ['/*', ` * ${fn.name}: ${group.name} (${group.kind})`, ...lines, ' */'].join('\n');
}

/** The statements that check what a group stored for infinities and NaNs. */
function traceStatements(context: KernelContext): string[] {
  return context.group.stores
    .filter((id) => isFloat(context.type(id).dtype))
    .map((id) => {
      const { dtype, shape } = context.type(id);
      return `if (trace & 1) first = trace_${dtype}((const ${C_TYPE[dtype]} *)(${context.place(id)}), ${elementCount(shape)}, ${id}, first);`;
    });
}

function outputStatements(step: StepContext): string[] {
  const { fn, layout } = step;
  return layout.scalars.map((name, i) => {
    const node = fn.graph.nodes[rootOf(fn, fn.graph.outputs[name]!)]!;
    return `outputs[${i}] = ${scalarOutput(node, layout)};`;
  });
}

function scalarOutput(node: Node, layout: FunctionLayout): string {
  if (node.op === 'constant') return String(node.attrs.value);
  const place = layout.places.get(node.id);
  if (place === undefined) throw new Error(`output %${node.id} is not in memory`);
  const { dtype } = node.type;
  const value = `*(const ${C_TYPE[dtype]} *)(${place})`;
  return dtype === 'f16' || dtype === 'bf16' ? `(double)${dtype}_to_f32(${value})` : `(double)${value}`;
}

interface EmittedFunction {
  readonly text: string;
  /** With the workspace of its kernels. */
  readonly arena: number;
  readonly scratch: readonly ScratchNeed[];
  readonly methods: readonly (KernelMethod | undefined)[];
}

function emitFunction(step: StepContext, kernels: Kernels, planned: number): EmittedFunction {
  const { fn } = step;
  const names = valueNames(fn.graph);
  const body: string[] = [];
  const space = new FreeSpace(fn, planned);
  const scratch: ScratchNeed[] = [];
  const methods: (KernelMethod | undefined)[] = [];
  let arena = planned;
  for (const group of fn.groups) {
    const context = new KernelContext(step, group);
    const kernel = group.kind === 'contraction' ? emitContraction(context) : emitStages(context);
    methods.push(kernel.method);
    const work = space.place(group.index, context.workspaceBytes);
    arena = Math.max(arena, work + context.workspaceBytes);
    const need = context.scratchBytes;
    if (kernel.launch !== '') {
      const launch = kernels.add(fn, group, kernel, planComment(fn, group, names));
      const table = context.table.length === 0 ? 'NULL' : `(void *const[]){${context.table.join(', ')}}`;
      if (context.workspaceBytes > 0) body.push(`work = arena + ${work};`);
      if (need > 0) {
        const { offset, end } = space.largest(group.index, { offset: work, end: work + context.workspaceBytes });
        body.push(`use_scratch(ctx, ${need}, arena + ${offset});`);
        scratch.push({ need, free: end - offset });
      }
      body.push(`${launch}(ctx, ${table});`);
    }
    body.push(...traceStatements(context), `if (trace & 2) mark_time(ctx, ${group.index});`);
  }
  const text = [
    `/* ${printSignature(fn.graph, names)} */`,
    `static int run_${fn.name}(ampc_context *ctx, char *inputs, double *outputs, int trace) {`,
    '  char *const states = ctx->states, *const arena = ctx->arena, *work = arena;',
    '  int first = INT32_MAX;',
    '  (void)states, (void)arena, (void)work, (void)inputs, (void)outputs;',
    '  if (trace & 2) mark_time(ctx, -1);',
    ...indent(body),
    ...indent(outputStatements(step)),
    '  return first == INT32_MAX ? 0 : first + 1;',
    '}',
    '',
  ].join('\n');
  return { text, arena, scratch, methods };
}

function header(plan: Plan, target: Target, sizes: CSource['memory']): string {
  const functions = plan.functions.map((fn) => ` *   ${fn.name}: batch ${fn.batch}, ${fn.groups.length} kernels`);
  return [
    '/*',
    ` * ${plan.model}, policy ${plan.policy}, ${plan.precision}, for ${target.isa}`,
    ...functions,
    ` * states ${sizes.states} bytes, arena ${sizes.arena} bytes, workspace ${sizes.workspace} bytes`,
    ' */',
  ].join('\n');
}

/** Writes a plan as C for one processor. Throws on an op without a kernel, which is a bug. */
export function emitC(plan: Plan, target: Target): CSource {
  const states = layoutStates(plan);
  const kernels = new Kernels();
  const layouts: FunctionLayout[] = [];
  const texts: string[] = [];
  const methods: EmittedFunction['methods'][] = [];
  const planned = Math.max(0, ...plan.functions.map((fn) => fn.memory.arena));
  const scratch: ScratchNeed[] = [];
  let arena = planned;
  for (const fn of plan.functions) {
    const layout = layoutFunction(fn, states);
    const emitted = emitFunction({ fn, layout, states, target }, kernels, planned);
    layouts.push(layout);
    texts.push(emitted.text);
    methods.push(emitted.methods);
    arena = Math.max(arena, emitted.arena);
    scratch.push(...emitted.scratch);
  }
  const memory = { states: states.bytes, arena: planned, workspace: arena - planned, scratch };
  const groups = Math.max(1, ...plan.functions.map((fn) => fn.groups.length));
  const cases = layouts.map((layout, i) => `    case ${i}: return run_${layout.name}(ctx, inputs, outputs, trace);`);
  const text = [
    header(plan, target, memory),
    prelude(target, { ...memory, groups }),
    ...kernels.declarations,
    '',
    ...kernels.sections,
    '#if IN_PART(0)',
    ...texts,
    'static int call_function(ampc_context *ctx, int function, char *inputs, double *outputs, int trace) {',
    '  switch (function) {',
    ...cases,
    '    default: return -1;',
    '  }',
    '}',
    EXPORTS,
    emitSeries(layouts),
    '#endif',
    '',
  ].join('\n');
  return { text, functions: layouts, methods, states, memory };
}
