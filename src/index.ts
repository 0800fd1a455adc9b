/** The public API of ampc. The command line uses nothing else. */
export { type BenchOptions, type BenchResult, bench } from './api/bench.js';
export { type CalibrateOptions, calibrate } from './api/calibrate.js';
export type { Calibration, ValueCalibration } from './api/calibration.js';
export { type BackendChoice, type Compiled, type CompileOptions, compile } from './api/compile.js';
export { checkGates, diffPlans, type PlanComparison } from './api/diff-plans.js';
export { diagnose } from './api/doctor.js';
export { emitC } from './api/emit-c.js';
export { emitWgsl } from './api/emit-wgsl.js';
export { type EvaluateOptions, evaluate, type ModelOptions, type PredictOptions, predict } from './api/evaluate.js';
export { lintProgram, lintSource } from './api/lint.js';
export { type GroupProfile, type Profile, profile } from './api/profile.js';
export { explainPlan, type PlanReport } from './api/report.js';
export { readSavedPlan, withSavedPlan } from './api/saved-plan.js';
export { POLICIES, PRECISIONS, type Settings } from './api/settings.js';
export { readSource } from './api/source.js';
export { checkSpec, loadSpec, type SpecOutcome, updateSpec } from './api/spec/spec.js';
export { SPEC_STAGES } from './api/spec/stages.js';
export { type ContractionSummary, type FunctionSummary, type PlanSummary, summarizePlan } from './api/summary.js';
export { type TrainOptions, type TrainOutcome, train } from './api/train.js';
export {
  type Candidate,
  type FileCosts,
  fileCosts,
  type KernelRow,
  type LayerChoice,
  type TuneOptions,
  type Tuning,
  tune,
} from './api/tune.js';
export { type Deviation, type Verification, type VerifyOptions, verify } from './api/verify.js';
export { VERSION } from './api/version.js';
export { rewriteText, writeResult } from './api/write-result.js';
export { DATASET_NAMES, type DatasetName } from './datasets/registry.js';
export { type Diagnostic, type Source, UserError } from './diagnostics/diagnostic.js';
export { renderDiagnostic, renderDiagnostics } from './diagnostics/render.js';
export type { Program, Recipe } from './ir/program.js';
export type { Graph, Node, PrecisionName, TensorType } from './ir/types.js';
export type { RuleId, Why } from './ir/why.js';
export { checkSource, lowerProgram } from './lower/lower.js';
export { formatBytes } from './numeric/bytes.js';
export { formatAmp } from './parser/format.js';
export { type FormatChange, isSamePlan, type PlanDiff } from './plan/diff.js';
export { type Explanation, explainLayers } from './plan/explain.js';
export { MEMORY_CLASSES } from './plan/footprint.js';
export { GATE_NAMES, parseGates } from './plan/gate.js';
export { parsePlan } from './plan/parse.js';
export type { Plan, PlanFunction } from './plan/plan.js';
export { printPlan } from './plan/print.js';
export type { CastReport, LayerReport } from './plan/report.js';
export { RULES } from './precision/rules.js';
export type { Backend, BackendInfo, Executable, MachineLimits } from './runtime/backend.js';
export { BACKEND_NAMES, type BackendName, probeBackends, selectBackend } from './runtime/select.js';
export type { DatasetReport } from './training/data/dataset.js';
export type { DownloadProgress } from './training/data/download.js';
export { fetchDataset } from './training/data/fetch.js';
export { verifyDataset } from './training/data/load.js';
export type { Diagnosis } from './training/diagnose.js';
export type { Evaluation } from './training/evaluate.js';
export type { EpochEvent, OverflowEvent, ReplanEvent, StartEvent, StepEvent, TrainEvent, TrainProgress } from './training/events.js';
export type { Prediction } from './training/predict.js';
