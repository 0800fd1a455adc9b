import { type UserError, userError } from '../../diagnostics/diagnostic.js';
import { printNode } from '../../ir/print.js';
import { isCast } from '../../ir/structure.js';
import { type DType, type Graph, isComputeType, isFloat, type Loc, type Node, precisionName } from '../../ir/types.js';
import { LIMITS } from '../../numeric/formats.js';
import { formatMagnitude } from '../../numeric/magnitude.js';
import { phaseOf, valueLabel } from '../../plan/facts.js';
import type { FunctionName, Plan } from '../../plan/plan.js';
import { probePlan } from '../../plan/probe.js';
import type { Executable, Inputs, NonFinite } from '../../runtime/backend.js';
import { gatherLists, type Ranks } from '../ranks.js';
import { lowerRate } from '../schedule.js';
import type { StateValues } from '../states.js';
import type { StepResult } from '../step-result.js';
import { allSay, atText, type TracedStep } from './among-ranks.js';

/** The first value of a step that its format could not hold, by what it is and where it comes from. */
export interface Overflow {
  readonly function: FunctionName;
  /** `gradient of conv2d of conv1`, `linear of fc1`. */
  readonly value: string;
  readonly layer: string;
  readonly op: string;
  readonly phase: 'forward' | 'backward' | 'update';
  readonly dtype: DType;
  /** The plan line. */
  readonly line: string;
  readonly place: Loc | null;
  /** The largest finite magnitude before it was rounded to the format; null where it is not known. */
  readonly magnitude: number | null;
  /** The largest number of the format. */
  readonly limit: number;
  /** Elements that the format could not hold, of how many; null where they were not counted. */
  readonly overflowing: number | null;
  readonly elements: number | null;
  /** Elements that were infinite or NaN before any rounding. */
  readonly non_finite: number | null;
  /** Of several ranks: those on which it was the first; the numbers are of the first of them. */
  readonly ranks?: readonly number[];
}

/** Why the learning rate is to blame. `certain`: whatever the formats, such values are beyond use, so no pin to fp32 helps. */
export interface Blame {
  readonly evidence: string;
  readonly certain: boolean;
}

/** Of a skipped step that overflowed nowhere when it was run again. */
export const NO_OVERFLOW: Readonly<Record<Exclude<keyof Overflow, 'ranks'>, null>> = {
  function: null,
  value: null,
  layer: null,
  op: null,
  phase: null,
  dtype: null,
  line: null,
  place: null,
  magnitude: null,
  limit: null,
  overflowing: null,
  elements: null,
  non_finite: null,
};

interface Counts {
  readonly magnitude: number;
  readonly overflowing: number;
  readonly non_finite: number;
  readonly elements: number;
}

function count(elements: Float32Array, dtype: DType): Counts {
  const overflows = isFloat(dtype) ? LIMITS[dtype].overflows : Infinity;
  let [magnitude, overflowing, nonFinite] = [0, 0, 0];
  for (const element of elements) {
    const size = Math.abs(element);
    if (!Number.isFinite(size)) nonFinite += 1;
    else {
      if (size > magnitude) magnitude = size;
      if (size >= overflows) overflowing += 1;
    }
  }
  return { magnitude, overflowing, non_finite: nonFinite, elements: elements.length };
}

function describe(fn: FunctionName, graph: Graph, node: Node, counts: Counts | undefined): Overflow {
  return {
    function: fn,
    value: valueLabel(graph, node.id),
    layer: node.layer,
    op: node.op,
    phase: phaseOf(node),
    dtype: node.type.dtype,
    line: printNode(graph, node),
    place: node.loc ?? null,
    magnitude: counts === undefined || counts.magnitude === 0 ? null : counts.magnitude,
    limit: isFloat(node.type.dtype) ? LIMITS[node.type.dtype].largest : Number.MAX_VALUE,
    overflowing: counts?.overflowing ?? null,
    elements: counts?.elements ?? null,
    non_finite: counts?.non_finite ?? null,
  };
}

export interface TraceContext {
  readonly plan: Plan;
  /** The states that the step began with. */
  readonly states: StateValues;
  /** Loads a plan on the device of the run; without it only the line is known. */
  readonly load: ((plan: Plan) => Promise<Executable>) | undefined;
  /** That all look, where there are several. */
  readonly ranks?: Ranks | undefined;
}

/** Reads the probed values one after another, up to the first that its format could not hold. */
async function measure({ plan, states, load }: TraceContext, found: NonFinite, inputs: Inputs): Promise<Overflow | undefined> {
  const { graph } = plan.functions.find(({ name }) => name === found.function)!;
  const probe = load === undefined ? undefined : probePlan(plan, found.function, found.node);
  if (probe === undefined || load === undefined) return undefined;
  const executable = await load(probe.plan);
  try {
    const known = await executable.readStates();
    await executable.writeStates(new Map([...states].filter(([name]) => known.has(name))));
    await executable.call(found.function, inputs);
    const [scalars] = await executable.drain();
    for (const { output, node } of probe.values) {
      const isScalar = node.type.shape.length === 0;
      const elements = isScalar ? Float32Array.of(scalars?.[output] ?? Number.NaN) : await executable.readOutput(output);
      const counts = count(elements, node.type.dtype);
      if (counts.overflowing + counts.non_finite > 0) return describe(found.function, graph, node, counts);
    }
    return undefined;
  } finally {
    await executable.dispose();
  }
}

/**
 * Names and measures the first value that was not finite in a step that was run again with a trace. The kernel that the trace stopped at is
 * run once more, on the same backend, with the values before their last rounding readable. Undefined when nothing overflowed.
 */
export async function explainOverflow(context: TraceContext, { found, inputs, at }: TracedStep): Promise<Overflow | undefined> {
  if (found === undefined) return undefined;
  const { plan, ranks } = context;
  const { graph } = plan.functions.find(({ name }) => name === found.function)!;
  const described = () => describe(found.function, graph, graph.nodes[found.node]!, undefined);
  if (ranks === undefined || at === undefined) return (await measure(context, found, inputs)) ?? described();
  // What is measured may stand behind an exchange, which all take part in or none: a rank with fewer images may have other nodes.
  const node = graph.nodes[found.node];
  const isOfAll = await allSay(ranks, `${graph.nodes.length} ${node?.op} ${node?.layer}`);
  const measured = isOfAll ? await measure(context, found, inputs) : undefined;
  const [told] = await gatherLists(ranks, ranks.rank === at[0] ? [measured ?? described()] : []);
  return { ...told!, ranks: at };
}

/** `reached 120,000, fp16 ends at 65,504`; `has 3 infinite or NaN elements of 640 in fp32, the largest finite one is 2.1e38`. */
export function reachText({ magnitude, limit, dtype, non_finite, elements }: Overflow): string {
  const format = isComputeType(dtype) ? precisionName(dtype) : dtype;
  if (magnitude !== null && magnitude > limit) return `reached ${formatMagnitude(magnitude)}, ${format} ends at ${formatMagnitude(limit)}`;
  if (dtype === 'f32' && non_finite !== null && elements !== null && elements > 1) {
    const size = magnitude === null || magnitude >= 1000 ? formatMagnitude(magnitude ?? 0) : magnitude.toPrecision(3);
    const largest = magnitude === null ? '' : `, the largest finite one is ${size}`;
    return `has ${formatMagnitude(non_finite)} infinite or NaN elements of ${formatMagnitude(elements)} in fp32${largest}`;
  }
  return `is infinite or NaN${dtype === 'f32' || non_finite === null ? '' : ' before it is rounded'} in ${format}`;
}

/** `gradient of conv2d of conv1 (backward, 7:6) reached 120,000, fp16 ends at 65,504`, of several ranks with those on which it did. */
export function overflowText(overflow: Overflow): string {
  const { value, phase, place, layer } = overflow;
  return (
    `${value}${isCast(overflow) && layer !== '' ? `, cast for ${layer}` : ''} ` +
    `(${phase}${place === null ? '' : `, ${place.line}:${place.column}`}) ${reachText(overflow)}${atText(overflow.ranks)}`
  );
}

function pinAdvice(layers: readonly string[]): string {
  const lines = layers.map((layer) => `\`keep ${layer} in fp32\``).join(' and ');
  return layers.length === 0 ? 'keep that layer in fp32' : `write ${lines} in the precision section, train with --replan`;
}

export interface TooManySkips {
  /** In a row. */
  readonly skips: number;
  /** Of the last of them. */
  readonly result: StepResult;
  readonly overflow: Overflow | undefined;
  readonly blame: Blame | undefined;
  /** Layers that a pin would help. */
  readonly keep: readonly string[];
  readonly rate: number;
}

/** The end of a run whose steps are skipped one after another. */
export function tooManySkips({ skips, result: { step, scale }, overflow, blame, keep, rate }: TooManySkips): UserError {
  const evidence = blame === undefined ? '' : `; ${blame.evidence}`;
  const lower = lowerRate(rate);
  const first = blame === undefined ? [pinAdvice(keep), lower] : blame.certain ? [lower, 'clip the gradients'] : [lower, pinAdvice(keep)];
  return userError(
    'AMP7301',
    `${skips} steps in a row were skipped because gradients were not finite; the loss scale is ${scale}`,
    overflow === undefined
      ? 'run again, the last of them overflowed nowhere'
      : `in step ${step + 1}, ${overflowText(overflow)}${evidence}: ${overflow.line.trim()}`,
    `${first.join(', ')}, or check the data; the last checkpoint is unchanged`,
  );
}
