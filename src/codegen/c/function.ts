import { printSignature } from '../../ir/print.js';
import { isConstant } from '../../ir/structure.js';
import { elementCount, isFloat, type Node } from '../../ir/types.js';
import type { Group } from '../../plan/plan.js';
import type { KernelMethod } from '../../plan/work.js';
import type { EmittedKernel } from './alike.js';
import type { BufferTable } from './buffers.js';
import { awaitedBuckets } from './exchange.js';
import { asNumber, cType } from './formats.js';
import { rootOf } from './group-values.js';
import type { StepContext } from './kernel.js';
import type { FunctionLayout } from './layout.js';
import { indent } from './text.js';
import { FreeSpace, type ScratchNeed } from './workspace.js';

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
  if (isConstant(node)) return String(node.attrs.value);
  const place = layout.places.get(node.id);
  if (place === undefined) throw new Error(`output %${node.id} is not in memory`);
  const { dtype } = node.type;
  const value = `*(const ${cType(dtype)} *)ctx->buffers[${buffers.single(place, 'output')}]`;
  return `(double)${asNumber(dtype, value)}`;
}

/** A function of the plan: the tables of its kernels and of what a trace looks at, and the C function that runs them. */
export interface EmittedFunction {
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

/** `kernels`: one for each group. `planned`: bytes of the plan's arena. */
export function emitFunction(step: StepContext, kernels: readonly EmittedKernel[], buffers: BufferTable, planned: number): EmittedFunction {
  const { fn, names } = step;
  const rows: string[] = [];
  const traced: string[] = [];
  const space = new FreeSpace(fn, planned);
  const scratch: ScratchNeed[] = [];
  const methods: (KernelMethod | undefined)[] = [];
  const awaited = awaitedBuckets(fn);
  let arena = planned;
  for (const [i, group] of fn.groups.entries()) {
    const { code, method, table, workspaceBytes, scratchBytes } = kernels[i]!;
    methods.push(method);
    const work = space.place(group.index, workspaceBytes);
    arena = Math.max(arena, work + workspaceBytes);
    const need = code === undefined ? 0 : scratchBytes;
    const places = code?.numbers === undefined ? table : [...table, code.numbers];
    const pointers = code === undefined ? 0 : buffers.add(places, work, `${fn.name}: ${group.name}`);
    let borrowed = 0;
    if (need > 0) {
      const { offset, end } = space.largest(group.index, { offset: work, end: work + workspaceBytes });
      borrowed = offset;
      scratch.push({ need, free: end - offset });
    }
    const looks = tracedValues(step, group, buffers);
    traced.push(...looks);
    rows.push(`  {${[code?.run ?? 'NULL', pointers, looks.length, need, borrowed, awaited[i]!].join(', ')}}, /* ${group.name} */`);
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
