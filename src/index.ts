/** The public API of ampc. The command line uses nothing else. */

export { type EarlyStoppingOptions, earlyStopping, type TrainCallback, type TrainControl } from './api/callbacks.js';
export { compareRuns, type RunComparison, type RunCurve, type RunPlanDiff } from './api/compare-runs.js';
export { compile } from './api/compile.js';
export { type DataInfo, dataInfo, dataPreview, type KnownData, listData } from './api/data.js';
export { checkGates, diffPlans, type PlanComparison } from './api/diff-plans.js';
export { diagnose } from './api/doctor.js';
export { type DryRun, type DryRunOptions, dryRun } from './api/dry-run.js';
export { emitC } from './api/emit-c.js';
export { emitCuda } from './api/emit-cuda.js';
export { emitWgsl } from './api/emit-wgsl.js';
export { evaluate, predict, type TestResult } from './api/evaluate.js';
export { type ExportOptions, type ExportResult, exportModel } from './api/export.js';
export { type ImportOptions, type ImportResult, importModel } from './api/import-model.js';
export { initProject, type NewProject } from './api/init.js';
export { serveEditor } from './api/language-server.js';
export { lintSource } from './api/lint.js';
export { listRuns, type NoRun, RUNS, type RunList, type RunSummary } from './api/list-runs.js';
export { type LivePage, type LivePageOptions, serveRuns } from './api/live/serve-runs.js';
export { type LoadedModel, type LoadOptions, load, type Picture, type PictureResult } from './api/load.js';
export type { EvaluateOptions, ModelOptions, PredictOptions } from './api/model-options.js';
export { plan } from './api/plan.js';
export { type Playground, type PlaygroundOptions, servePlayground } from './api/playground.js';
export { explainPlan, type PlanReport } from './api/report.js';
export { runNames } from './api/run-folders.js';
export type { RunReference } from './api/run-reference.js';
export { REPORT_FORMATS, type ReportFormat, type ReportOptions, type ReportResult, reportRuns } from './api/run-report/report-runs.js';
export { plansOfSameBatch } from './api/same-batch.js';
export { readSavedPlan, withSavedPlan } from './api/saved-plan.js';
export { readWhole, sourceChange } from './api/source-change.js';
export { checkSpec, loadSpec, type SpecOutcome, updateSpec } from './api/spec/spec.js';
export { SPEC_STAGES } from './api/spec/stages.js';
export { repeat } from './api/sweep/repeat.js';
export type { Measure, Statistic, SweepRow, SweepRun, SweepState, SweepTable } from './api/sweep/results.js';
export { type SweepEvent, type SweepOptions, type SweepOutcome, type SweepProgress, type SweepRunEvent, sweep } from './api/sweep/sweep.js';
export { resume, type TrainOptions, type TrainOutcome, train } from './api/train.js';
export { rewriteText, writeResult } from './api/write-result.js';
export type { Calibration, ValueCalibration } from './choose/calibration.js';
export type { EffectivePrecision, EffectiveSetting } from './choose/effective-precision.js';
export type { BackendChoice, Compiled, CompileOptions } from './choose/plan-file.js';
export { POLICIES, PRECISIONS, type Settings } from './choose/settings.js';
export { keptNetwork } from './costs/network.js';
export { DATASET_NAMES, type DatasetName } from './datasets/registry.js';
export { type DiagnosticData, diagnosticData } from './diagnostics/data.js';
export { type Diagnostic, type Source, UserError } from './diagnostics/diagnostic.js';
export { renderDiagnostic, renderDiagnostics } from './diagnostics/render.js';
export { EXPORT_FORMATS, type ExportTarget } from './exporting/targets.js';
export { readSource } from './files/source.js';
export { readStandardInput, STANDARD_INPUT } from './files/standard-input.js';
export { VERSION } from './files/version.js';
export { MONITORED } from './ir/early-stop.js';
export type { Program, Recipe } from './ir/program.js';
export type { Graph, Node, PrecisionName, TensorType } from './ir/types.js';
export type { RuleId, Why } from './ir/why.js';
export { type Fixed, fixSource } from './language/fix.js';
export { LanguageService, plainService } from './language/service.js';
export { lintProgram, programWarnings } from './language/warnings.js';
export { checkSource, lowerProgram } from './lower/lower.js';
export { type BenchOptions, type BenchResult, bench } from './measure/bench.js';
export { type CalibrateOptions, calibrate } from './measure/calibrate.js';
export { type LargestBatch, type LargestBatchOptions, largestBatch } from './measure/largest-batch.js';
export { findLearningRate, type LearningRateOptions, type LearningRateTest } from './measure/learning-rate.js';
export { measureNetwork, type NetworkMeasurement } from './measure/network.js';
export { type GroupProfile, type Profile, profile } from './measure/profile.js';
export type { RateAdvice, RatePoint } from './measure/rate-curve.js';
export { type ContractionSummary, type FunctionSummary, type PlanSummary, summarizePlan } from './measure/summary.js';
export {
  type Candidate,
  type FileCosts,
  fileCosts,
  type KernelRow,
  type LayerChoice,
  type TuneOptions,
  type Tuning,
  tune,
} from './measure/tune.js';
export { type Deviation, type Verification, type VerifyOptions, verify } from './measure/verify.js';
export { formatBytes } from './numeric/bytes.js';
export { formatAmp } from './parser/format.js';
export { type FormatChange, isSamePlan, type PlanDiff } from './plan/diff.js';
export { type Explanation, explainLayers } from './plan/explain.js';
export { MEMORY_CLASSES } from './plan/footprint.js';
export { GATE_NAMES, parseGates } from './plan/gate.js';
export type { ExchangeTime, MeasuredNetwork, Network, NetworkReport, SameBatch, ScalePoint } from './plan/network.js';
export { parsePlan } from './plan/parse.js';
export type { Plan, PlanFunction } from './plan/plan.js';
export { printPlan } from './plan/print.js';
export type { CastReport, LayerReport } from './plan/report.js';
export { BACKEND_NAMES, type BackendName, type PlanTarget } from './plan/target.js';
export { RULES } from './precision/rules.js';
export type { Backend, BackendInfo, Executable, MachineLimits } from './runtime/backend.js';
export { rankAmongOthers } from './runtime/cpu/mpi/launcher.js';
export { joinRanks, leaveRanks } from './runtime/cpu/mpi/mpi.js';
export { probeBackends, selectBackend } from './runtime/select.js';
export { BESIDES, type Besides } from './training/checkpoint-metadata.js';
export type { BatchData, Batches, ImageBatch } from './training/data/batches.js';
export type { DatasetReport } from './training/data/dataset.js';
export type { DownloadProgress } from './training/data/download.js';
export { fetchDataset } from './training/data/fetch.js';
export { checkDataset } from './training/data/load.js';
export { cleanImages } from './training/data/picture-cache.js';
export type { Diagnosis } from './training/diagnose.js';
export type { Evaluation } from './training/evaluate.js';
export type { CalibrationBin, ClassScores, EvaluationDetails, Mistake } from './training/evaluation-details.js';
export type {
  DoneEvent,
  EpochEvent,
  InitEvent,
  OverflowEvent,
  PhaseEvent,
  ReplanEvent,
  StartEvent,
  StepEvent,
  TrainEvent,
  TrainProgress,
} from './training/events.js';
export { WEIGHT_LAYOUTS, type WeightLayout } from './training/init/weight-file.js';
export type { KeptWeights } from './training/kept-weights.js';
export type { Prediction } from './training/predict.js';
export { besidesScores } from './training/progress-report.js';
export type { EpochScores, RunState } from './training/run-summary.js';
