import { type EffectivePrecision, effectivePrecision } from '../choose/effective-precision.js';
import { planInFp32 } from '../choose/fp32.js';
import type { Compiled } from '../choose/plan-file.js';
import { costsName } from '../costs/costs.js';
import type { Diagnostic } from '../diagnostics/diagnostic.js';
import { LineIndex } from '../diagnostics/lines.js';
import type { Loc } from '../ir/types.js';
import { programWarnings } from '../language/warnings.js';
import { type PlanSummary, summarizePlan } from '../measure/summary.js';
import { memoryOf } from '../memory/plan-memory.js';
import { type ProcessMemory, processMemory } from '../memory/process-memory.js';
import type { CostTable } from '../plan/cost-table.js';
import { trainStep } from '../plan/facts.js';
import type { FastestChoice } from '../plan/fastest.js';
import type { Footprint } from '../plan/footprint.js';
import { type PlanFacts, reportPlan } from '../plan/report.js';
import { type PlanTimes, planTimes } from '../plan/times.js';

export interface PlanWarning {
  readonly code: string;
  readonly message: string;
  readonly why: string | null;
  readonly fix: string | null;
  readonly place: Loc | null;
}

export interface PredictedTime extends Pick<PlanTimes, 'stepMs' | 'restMs' | 'estimatedKernels'> {
  /** The table of costs: backend, device, threads. */
  readonly costs: string;
  /** What policy `fastest` compared, where it chose just now. */
  readonly candidates: readonly { readonly name: string; readonly stepMs: number; readonly taken: boolean }[];
}

/** All that `ampc plan` shows; the JSON form is described by schemas/plan.schema.json. */
export interface PlanReport extends PlanSummary, PlanFacts {
  readonly batch: number;
  /** The epoch of the run whose plan it is, from 1. */
  readonly epoch: number;
  /** Epochs, from 1, with which another plan takes over: of those that begin with other parameters frozen. */
  readonly phases: readonly number[];
  readonly effectivePrecision: EffectivePrecision;
  /** Memory of the same model in fp32. */
  readonly fp32Memory: Footprint;
  /** What training takes in all. */
  readonly processMemory: ProcessMemory;
  /** Null where the kernels were not measured. */
  readonly predicted: PredictedTime | null;
  readonly warnings: readonly PlanWarning[];
}

function warning({ code, message, why, fix, span }: Diagnostic, text: string): PlanWarning {
  return { code, message, why: why ?? null, fix: fix ?? null, place: span === undefined ? null : new LineIndex(text).position(span.start) };
}

function predicted({ stepMs, restMs, estimatedKernels }: PlanTimes, costs: CostTable, choice: FastestChoice | undefined): PredictedTime {
  const candidates = (choice?.candidates ?? []).map((candidate) => {
    return { name: candidate.name, stepMs: candidate.seconds * 1000, taken: candidate === choice?.best };
  });
  return { costs: costsName(costs), stepMs, restMs, estimatedKernels, candidates };
}

/** Explains a compiled plan: by layer, cast, class of memory and line, against fp32, with warnings. */
export async function explainPlan(compiled: Compiled): Promise<PlanReport> {
  const { source, program, plan, costs, choice } = compiled;
  const times = costs && planTimes(plan, program.recipe.train.accumulate, costs);
  const memory = await memoryOf(plan);
  return {
    ...summarizePlan(plan),
    batch: trainStep(plan).batch,
    epoch: (compiled.epoch ?? 0) + 1,
    phases: (program.phases ?? []).map((epoch) => epoch + 1),
    effectivePrecision: effectivePrecision(compiled),
    ...reportPlan(plan, times),
    memory,
    fp32Memory: await memoryOf(planInFp32(program, plan)),
    processMemory: processMemory(plan, memory, program.recipe.dataset),
    predicted: costs && times ? predicted(times, costs, choice) : null,
    warnings: programWarnings(source, program).map((found) => warning(found, source.text)),
  };
}
