import type { GroupDispatches } from '../../codegen/gpu/emit.js';
import type { GpuLimits } from '../../codegen/gpu/target.js';
import type { DispatchPlan, WgslProgram } from '../../codegen/wgsl/emit.js';
import { userError } from '../../diagnostics/diagnostic.js';
import { isCast, isState } from '../../ir/structure.js';
import { formatType, type Graph, type ValueId } from '../../ir/types.js';
import { valueLabel } from '../../plan/facts.js';
import type { Plan, PlanFunction } from '../../plan/plan.js';

const MIB = 2 ** 20;

export function mebibytes(bytes: number): string {
  return bytes < MIB ? `${Math.ceil(bytes / 1024)} KiB` : `${Math.ceil((10 * bytes) / MIB) / 10} MiB`;
}

/** Something that a kernel binds as a whole. */
interface Bound {
  readonly what: string;
  readonly bytes: number;
  readonly batch: number;
  /** Its size is proportional to the batch. */
  readonly scales: boolean;
}

/** Whether a value belongs to parameters and not to images, whatever its leading size. */
function isOfParameters(graph: Graph, id: ValueId): boolean {
  const node = graph.nodes[id]!;
  if (node.gradOf !== undefined) return isOfParameters(graph, node.gradOf);
  return isState(node) || (isCast(node) && isOfParameters(graph, node.inputs[0]!));
}

function values(fn: PlanFunction, { layout }: WgslProgram['functions'][number]): Bound[] {
  return [...layout.places].map(([id, { bytes }]) => {
    const { type } = fn.graph.nodes[id]!;
    const what = `${valueLabel(fn.graph, id)} in ${fn.name}, ${formatType(type)},`;
    return { what, bytes, batch: fn.batch, scales: type.shape[0] === fn.batch && !isOfParameters(fn.graph, id) };
  });
}

/** What a group leaves in memory for itself: partial sums, and values that it cannot keep in registers. */
function workspace(fn: PlanFunction, { group, dispatches }: GroupDispatches<DispatchPlan>): Bound[] {
  const places = dispatches.flatMap(({ bindings }) => bindings.map(({ place }) => place)).filter(({ block }) => block === 'work');
  return places.map(({ bytes }) => ({ what: `the workspace of ${group.name} in ${fn.name}`, bytes, batch: fn.batch, scales: false }));
}

/**
 * Refuses a plan with a value that the device cannot bind as a whole. Throws UserError with the value, its size and the batch that would
 * fit.
 */
export function checkSizes(plan: Plan, { functions, bufferBytes }: WgslProgram, { bindingBytes }: GpuLimits): void {
  const most = Math.min(bindingBytes, bufferBytes);
  const bound = functions.flatMap((program, i) => {
    const fn = plan.functions[i]!;
    return [...values(fn, program), ...program.groups.flatMap((group) => workspace(fn, group))];
  });
  const tooLarge = bound.filter(({ bytes }) => bytes > most);
  const [worst] = tooLarge.sort((a, b) => b.bytes - a.bytes);
  if (worst === undefined) return;
  // What does not shrink with the batch is no reason to try a smaller one.
  const fits = tooLarge.every(({ scales }) => scales)
    ? Math.min(...tooLarge.map(({ bytes, batch }) => Math.floor((batch * most) / bytes)))
    : undefined;
  const fix =
    fits === undefined
      ? 'make the layer smaller, or use the cpu backend'
      : fits === 0
        ? 'a single image is too large for this GPU: use the cpu backend'
        : `use a batch of at most ${fits} (--batch ${fits})`;
  throw userError(
    'AMP6034',
    `${worst.what} takes ${mebibytes(worst.bytes)}`,
    `this GPU lets a kernel see at most ${mebibytes(most)} of one buffer`,
    fix,
  );
}
