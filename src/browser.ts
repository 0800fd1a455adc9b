/** The public API of ampc in a browser: the part of src/index.ts that needs neither a C compiler nor a file system. */

export { type EarlyStoppingOptions, earlyStopping, type TrainCallback, type TrainControl } from './api/callbacks.js';
export { checkGates, diffPlans, type PlanComparison } from './api/diff-plans.js';
export { emitWgsl } from './api/emit-wgsl.js';
export type { TestResult } from './api/evaluate.js';
export { lintSource } from './api/lint.js';
export type { NoRun, RunList, RunSummary } from './api/list-runs.js';
export type { LoadedModel, LoadOptions, Picture, PictureResult } from './api/load.js';
export type { EvaluateOptions, ModelOptions, PredictOptions } from './api/model-options.js';
export { plan } from './api/plan.js';
export { explainPlan, type PlanReport } from './api/report.js';
export type { TrainOptions, TrainOutcome } from './api/train.js';
export { type BackendChoice, type Compiled, type CompileOptions, compile } from './choose/plan-file.js';
export { POLICIES, PRECISIONS, type Settings } from './choose/settings.js';
export { type DiagnosticData, diagnosticData } from './diagnostics/data.js';
export { type Diagnostic, type Source, UserError } from './diagnostics/diagnostic.js';
export { renderDiagnostic, renderDiagnostics } from './diagnostics/render.js';
export { readSource } from './files/source.js';
export { VERSION } from './files/version.js';
export { lintProgram, programWarnings } from './language/warnings.js';
export { checkSource, lowerProgram } from './lower/lower.js';
export { formatBytes } from './numeric/bytes.js';
export { formatAmp } from './parser/format.js';
export { type FormatChange, isSamePlan, type PlanDiff } from './plan/diff.js';
export { type Explanation, explainLayers } from './plan/explain.js';
export type { ExchangeTime, MeasuredNetwork, Network, NetworkReport, SameBatch, ScalePoint } from './plan/network.js';
export { parsePlan } from './plan/parse.js';
export type { Plan, PlanFunction } from './plan/plan.js';
export { printPlan } from './plan/print.js';
export type { CastReport, LayerReport } from './plan/report.js';
export { flushFiles, keepFiles, listFiles, putFile, readFileBytes } from './platform/kept-files.js';
export type { Backend, BackendInfo, Executable } from './runtime/backend.js';
export { probeBackends, selectBackend } from './runtime/select.js';
export type { Evaluation } from './training/evaluate.js';
export type { TrainEvent } from './training/events.js';
export type { Prediction } from './training/predict.js';
export type { TensorFile } from './training/safetensors.js';

type Train = typeof import('./api/train.js');
type Evaluate = typeof import('./api/evaluate.js');
type Safetensors = typeof import('./training/safetensors.js');

// What trains, tests and reads what was trained is loaded when it is first called: a page that only plans never has it.
export const train: Train['train'] = async (...given) => (await import('./api/train.js')).train(...given);
export const resume: Train['resume'] = async (...given) => (await import('./api/train.js')).resume(...given);
export const evaluate: Evaluate['evaluate'] = async (...given) => (await import('./api/evaluate.js')).evaluate(...given);
export const predict: Evaluate['predict'] = async (...given) => (await import('./api/evaluate.js')).predict(...given);
export const load: typeof import('./api/load.js').load = async (...given) => (await import('./api/load.js')).load(...given);
export const listRuns: typeof import('./api/list-runs.js').listRuns = async (...given) =>
  (await import('./api/list-runs.js')).listRuns(...given);
export const readSafetensors: Safetensors['readSafetensors'] = async (...given) =>
  (await import('./training/safetensors.js')).readSafetensors(...given);
export const writeSafetensors: Safetensors['writeSafetensors'] = async (...given) =>
  (await import('./training/safetensors.js')).writeSafetensors(...given);
