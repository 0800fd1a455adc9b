import { type EffectivePrecision, effectivePrecision } from '../choose/effective-precision.js';
import { planInFp32 } from '../choose/fp32.js';
import type { Compiled } from '../choose/plan-file.js';
import { idlePins } from '../compile.js';
import { costsName } from '../costs/costs-name.js';
import { type DiagnosticData, diagnosticData } from '../diagnostics/data.js';
import type { Pin } from '../ir/pin.js';
import type { Loc } from '../ir/types.js';
import { idlePinHints } from '../language/idle-pins.js';
import { placeEnds } from '../language/place-ends.js';
import { programWarnings } from '../language/warnings.js';
import { type PlanSummary, summarizePlan } from '../measure/summary.js';
import { memoryOf } from '../memory/plan-memory.js';
import { type ProcessMemory, processMemory } from '../memory/process-memory.js';
import type { CostTable } from '../plan/cost-table.js';
import { trainStep } from '../plan/facts.js';
import type { FastestChoice } from '../plan/fastest.js';
import type { Footprint } from '../plan/footprint.js';
import type { FunctionLines, LineReport } from '../plan/line-reports.js';
import { type MeasuredNetwork, type Network, type NetworkReport, networkReport, type SameBatch } from '../plan/network.js';
import { type CastReport, type LayerReport, type PlanFacts, reportPlan } from '../plan/report.js';
import { type PlanTimes, planTimes } from '../plan/times.js';

/** With the place behind its end, where it has a place in the text. */
export type Ended<T extends { readonly place: Loc | null }> = T & { readonly end: Loc | null };

export interface PredictedTime extends Pick<PlanTimes, 'stepMs' | 'restMs' | 'estimatedKernels'> {
  /** The table of costs: backend, device, threads. */
  readonly costs: string;
  /** What policy `fastest` compared, where it chose just now. */
  readonly candidates: readonly { readonly name: string; readonly stepMs: number; readonly taken: boolean }[];
}

export interface PlacedLines extends FunctionLines {
  readonly lines: readonly Ended<LineReport>[];
}

/** All that `ampc plan` shows; the JSON form is described by schemas/plan.schema.json. */
export interface PlanReport extends PlanSummary, PlanFacts {
  readonly layers: readonly Ended<LayerReport>[];
  readonly casts: readonly Ended<CastReport>[];
  readonly plan: readonly PlacedLines[];
  readonly batch: number;
  /** The epoch of the run whose plan it is, from 1; 3.5 is half of the third. */
  readonly epoch: number;
  /** Where in the run, counted as `epoch`, another plan takes over: with other parameters frozen. */
  readonly phases: readonly number[];
  readonly effectivePrecision: EffectivePrecision;
  /** Memory of the same model in fp32. */
  readonly fp32Memory: Footprint;
  /** What training takes in all. */
  readonly processMemory: ProcessMemory;
  /** Null where the kernels were not measured. */
  readonly predicted: PredictedTime | null;
  /** What exchanges take over a network, and what more ranks would come to; null where no network is known. */
  readonly network: NetworkReport | null;
  /** As `ampc check --json` has them. */
  readonly warnings: readonly DiagnosticData[];
}

function predicted({ stepMs, restMs, estimatedKernels }: PlanTimes, costs: CostTable, choice: FastestChoice | undefined): PredictedTime {
  const candidates = (choice?.candidates ?? []).map((candidate) => {
    return { name: candidate.name, stepMs: candidate.seconds * 1000, taken: candidate === choice?.best };
  });
  return { costs: costsName(costs), stepMs, restMs, estimatedKernels, candidates };
}

/** Under the file's own formats: an option that sets others makes no line of the file idle. */
function idlePinsOf({ lowered }: Compiled, { compute, policy }: EffectivePrecision): readonly Pin[] {
  return compute.origin.kind === 'option' || policy.origin.kind === 'option' ? [] : idlePins(lowered);
}

/**
 * Explains a compiled plan: by layer, cast, class of memory and line, against fp32, with warnings; that of several ranks also by the time
 * that its exchanges take over a network, and, where plans of other numbers of ranks are given, what these come to at the same batch.
 */
export async function explainPlan(compiled: Compiled, network?: Network | MeasuredNetwork, same?: SameBatch): Promise<PlanReport> {
  const { source, program, plan, costs, choice } = compiled;
  const { accumulate } = program.recipe.train;
  const times = costs && planTimes(plan, accumulate, costs);
  const memory = await memoryOf(plan);
  const effective = effectivePrecision(compiled);
  const idle = idlePinsOf(compiled, effective);
  const isIdle = (index: number) => idle.includes(program.recipe.precision.pins[index]!);
  const facts = reportPlan(plan, times);
  const endOf = placeEnds(source);
  const ended = <T extends { readonly place: Loc | null }>(items: readonly T[]) =>
    items.map((item): Ended<T> => ({ ...item, end: endOf(item.place) }));
  return {
    ...summarizePlan(plan),
    batch: trainStep(plan).batch,
    epoch: (compiled.epoch ?? 0) + 1,
    phases: (program.phases ?? []).map((epoch) => epoch + 1),
    effectivePrecision: { ...effective, pins: effective.pins.map((pin, i) => ({ ...pin, ...(isIdle(i) && { idle: true as const }) })) },
    ...facts,
    layers: ended(facts.layers),
    casts: ended(facts.casts),
    plan: facts.plan.map((fn) => ({ ...fn, lines: ended(fn.lines) })),
    memory,
    fp32Memory: await memoryOf(planInFp32(program, plan)),
    processMemory: processMemory(plan, memory, program.recipe.dataset),
    predicted: costs && times ? predicted(times, costs, choice) : null,
    network: network === undefined ? null : networkReport(plan, accumulate, network, costs, same),
    warnings: [...programWarnings(source, program), ...idlePinHints(source, idle)].map((found) => diagnosticData(found, source)),
  };
}
