import { compileProgram } from '../compile.js';
import type { Diagnostic } from '../diagnostics/diagnostic.js';
import { LineIndex } from '../diagnostics/lines.js';
import { type Program, withoutTail } from '../ir/program.js';
import type { Loc } from '../ir/types.js';
import type { CostTable } from '../plan/cost-table.js';
import { trainStep } from '../plan/facts.js';
import type { FastestChoice } from '../plan/fastest.js';
import type { Footprint } from '../plan/footprint.js';
import { type Plan, STAGED_OPS, type StagedOps } from '../plan/plan.js';
import { type PlanFacts, reportPlan } from '../plan/report.js';
import { type PlanTimes, planTimes } from '../plan/times.js';
import { rulePolicy } from '../precision/policy.js';
import type { Compiled } from './compile.js';
import { costsName } from './costs.js';
import { lintProgram } from './lint.js';
import { memoryOf } from './plan-memory.js';
import { type ProcessMemory, processMemory } from './process-memory.js';
import { type PlanSummary, summarizePlan } from './summary.js';

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
  /** Memory of the same model in fp32. */
  readonly fp32Memory: Footprint;
  /** What training takes in all. */
  readonly processMemory: ProcessMemory;
  /** Null where the kernels were not measured. */
  readonly predicted: PredictedTime | null;
  readonly warnings: readonly PlanWarning[];
}

/** What the plan's contractions make of their operands themselves. */
function stagedOf({ functions }: Plan): StagedOps {
  const first = functions.flatMap(({ graph, groups }) =>
    groups.filter(({ kind }) => kind === 'contraction').map(({ nodes }) => graph.nodes[nodes[0]!]!.op),
  );
  return STAGED_OPS.filter((op) => first.includes(op));
}

/** The plan of the same program with every value in f32: no low format, no pin, no loss scale; and without a last, smaller step. */
export function planInFp32(program: Program, plan: Plan): Plan {
  const { recipe, ...graphs } = withoutTail(program);
  const { chosen: _, ...spec } = recipe.precision;
  const precision = { ...spec, policy: rulePolicy(recipe.precision), compute: 'f32', pins: [], lossScaling: { kind: 'none' } } as const;
  return compileProgram({ ...graphs, recipe: { ...recipe, precision } }, { backend: plan.backend, low: [], staged: stagedOf(plan) });
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
export async function explainPlan({ source, program, plan, costs, choice }: Compiled): Promise<PlanReport> {
  const times = costs && planTimes(plan, program.recipe.train.accumulate, costs);
  const memory = await memoryOf(plan);
  return {
    ...summarizePlan(plan),
    batch: trainStep(plan).batch,
    ...reportPlan(plan, times),
    memory,
    fp32Memory: await memoryOf(planInFp32(program, plan)),
    processMemory: processMemory(plan, memory, program.recipe.dataset.name),
    predicted: costs && times ? predicted(times, costs, choice) : null,
    warnings: lintProgram(source, program).map((found) => warning(found, source.text)),
  };
}
