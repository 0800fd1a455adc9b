import { type Diagnostic, type Source, type Span, UserError } from '../diagnostics/diagnostic.js';
import { LineIndex } from '../diagnostics/lines.js';
import { sortDiagnostics } from '../diagnostics/render.js';
import { DiagnosticSink } from '../diagnostics/sink.js';
import { given } from '../given.js';
import { divideEpoch, stepsPerEpoch, type Tail } from '../ir/epoch.js';
import { comparesImages, type DatasetSpec, type LossSpec, type LossTarget, type Program, type Recipe } from '../ir/program.js';
import { graphOf, type Ranks, shareOf } from '../ir/ranks.js';
import type { Graph } from '../ir/types.js';
import type { BlockSection, ParameterItem } from '../parser/ast.js';
import { type ParseResult, parseAmp } from '../parser/parse.js';
import { checkAuxLosses, readAuxLosses } from './aux-losses.js';
import { bindLet } from './bind-let.js';
import { checkPatterns, phasesIn } from './check-parameter-lines.js';
import { checkUpdates } from './check-updates.js';
import { checkViews } from './check-views.js';
import { type ReadDataset, readDataset } from './dataset.js';
import type { DatasetValues } from './dataset-properties.js';
import { checkEarlyStop } from './early-stop.js';
import { evaluate } from './evaluate.js';
import type { Evaluation } from './evaluation.js';
import { checkKeepLines } from './keep-lines.js';
import { checkLoss, checkMixing, writtenLoss } from './loss-classes.js';
import { hasErrorIn, mistakes, placed } from './mistakes.js';
import { lowerModel, type ModelContext } from './model.js';
import { checkFurther, checkOutput, likelyShapes, readShapes } from './model-shapes.js';
import { Modules, visibleBlocks } from './modules.js';
import type { Names } from './names.js';
import { applyOverrides, type Overrides } from './overrides.js';
import { freezeText, readLines, readPatterns } from './parameter-lines.js';
import { pruneGraph } from './prune.js';
import { readPrecision, readTrain } from './recipe.js';
import { findRecursion } from './recursion.js';
import { resolveNames } from './resolve.js';
import { holdsBlocksAlone, isInSettings, sortSections, withoutBroken } from './sections.js';
import type { SourceAnalysis } from './source-analysis.js';
import { checkLastStatistics } from './statistics.js';
import { Trace } from './trace.js';
import { checkWhitening } from './whitening.js';

export type { SourceAnalysis } from './source-analysis.js';

export interface LowerOptions {
  /** Batch of the training graph; by default that of the file. */
  readonly batch?: number;
  /** Batch of the evaluation graph; by default that of the training graph. */
  readonly evalBatch?: number;
  /** Training images of an epoch; by default as many as the data set has. They decide what is left for a smaller last step. */
  readonly images?: number;
  readonly overrides?: Overrides;
  /** The processes that train together, of which this is one; by default there is no other. Batches are those of all. */
  readonly ranks?: Ranks;
  /** Where in a run, in epochs from its begin: what is frozen depends on it. By default its begin. */
  readonly epoch?: number;
}

/** What a source uses, read now: a source with it stays the same whatever becomes of the files. */
export function withUsed(source: Source): Source {
  const modules = new Modules(source, new DiagnosticSink());
  modules.usesOf(parseAmp(source.text).file, undefined);
  return modules.texts.length === 0 ? source : { ...source, used: modules.texts };
}

/** Every mistake in a `.amp` file, in source order; empty or only warnings when it can be trained. */
export function checkSource(source: Source): readonly Diagnostic[] {
  return diagnosticsOf(analyse(source, { allowsLibrary: true }));
}

function diagnosticsOf({ sink, modules }: Analysis): readonly Diagnostic[] {
  // What is unused because of a misspelt name is no second mistake.
  return sortDiagnostics(sink.hasErrors ? mistakes(errorsOf(sink), modules) : placed(sink.diagnostics, modules));
}

/** Finds out as much of a source as its mistakes leave: for tools in which it is being written. */
export function analyseSource(source: Source): SourceAnalysis {
  const trace = new Trace();
  const analysis = analyse(source, { allowsLibrary: true, trace });
  const { parsed, modules, names, dataset, blocks = new Map() } = analysis;
  return {
    parsed,
    diagnostics: diagnosticsOf(analysis),
    modules,
    names,
    stages: trace.stages,
    dataset,
    blocks,
    program: () => programOf(analysis, undefined),
  };
}

/**
 * Reads a `.amp` file into its recipe and forward graphs: as trained, and as evaluated (no dropout, running statistics).
 * Throws UserError with every mistake in the file, or with the override that is wrong.
 */
export function lowerProgram(source: Source, options: LowerOptions = {}): Program {
  const analysis = analyse(source, options);
  const program = programOf(analysis, options.evalBatch);
  if (program === undefined) throw new UserError(sortDiagnostics(mistakes(errorsOf(analysis.sink), analysis.modules)), source);
  return program;
}

function programOf(analysis: Analysis, evalBatch: number | undefined): Program | undefined {
  const { sink, modules, recipe, train, tail, phases = [], lowerAgain, ranks } = analysis;
  const evaluation = sink.hasErrors ? undefined : lowerAgain?.('eval', evalBatch);
  if (sink.hasErrors || recipe === undefined || train === undefined || evaluation === undefined) return undefined;
  const graphs = { recipe, train: pruneGraph(train), eval: pruneGraph(evaluation) };
  const warnings = placed(sink.diagnostics, modules);
  const program = {
    ...graphs,
    ...given({ ranks }),
    ...(phases.length > 0 && { phases }),
    ...(warnings.length > 0 && { warnings: sortDiagnostics(warnings) }),
  };
  const last = tail && lowerAgain?.('train', tail.last);
  if (last === undefined || tail === undefined) return program;
  const share = ranks && { share: shareOf(tail.last, ranks) };
  return { ...program, tail: { before: tail.before, train: pruneGraph(last), ...share } };
}

function errorsOf(sink: DiagnosticSink): readonly Diagnostic[] {
  return sink.diagnostics.filter((d) => d.severity === 'error');
}

const targetOf = (loss: LossSpec): LossTarget => (comparesImages(loss) ? 'image' : 'label');

interface Analysis {
  readonly parsed: ParseResult;
  readonly names?: Names;
  readonly dataset?: DatasetSpec | undefined;
  readonly blocks?: ReadonlyMap<string, BlockSection>;
  readonly sink: DiagnosticSink;
  readonly modules: Modules;
  readonly recipe?: Recipe;
  readonly train?: Graph;
  readonly tail?: Tail | undefined;
  readonly phases?: readonly number[];
  readonly ranks?: Program['ranks'];
  /** The model once more, at a batch of all ranks, by default the file's: to train on the part of this one, or to evaluate all. */
  readonly lowerAgain?: (mode: 'train' | 'eval', batch?: number) => Graph | undefined;
}

function analyse(source: Source, options: LowerOptions & { readonly allowsLibrary?: boolean; readonly trace?: Trace }): Analysis {
  const sink = new DiagnosticSink();
  const modules = new Modules(source, sink);
  const parsed = parseAmp(source.text);
  for (const diagnostic of parsed.diagnostics) sink.add(diagnostic);
  const syntaxErrors = parsed.diagnostics.map((d) => d.span!.start);
  const broken = (span: Span) => syntaxErrors.some((at) => at >= span.start && at <= span.end);
  const file = sink.hasErrors ? withoutBroken(parsed.file, broken) : applyOverrides(parsed.file, options.overrides ?? {});
  const lines = new LineIndex(source.text);
  const isLibrary = options.allowsLibrary === true && holdsBlocksAlone(file);
  const sections = sortSections(file, isLibrary || syntaxErrors.length > 0, sink);

  const main = { lets: sections.lets, blocks: sections.blocks, uses: modules.usesOf(file, undefined) };
  // Without what a file was to use, everything that it names would be unknown.
  if (modules.isIncomplete) return { parsed, sink, modules };
  syntaxErrors.push(...sink.diagnostics.flatMap((d) => (d.code.startsWith('AMP1') && d.span ? [d.span.start] : [])));
  const auxItems = sections.train?.items.filter((item) => item.kind === 'aux_loss') ?? [];
  const aux = auxItems.map(({ name }) => name);
  const names = resolveNames(main, modules.all, { sections: sections.models, aux }, broken, sink);
  const recursive = new Set<BlockSection>();
  const files = [...modules.all, main];
  for (const { blocks } of files) for (const name of findRecursion(blocks, sink)) recursive.add(blocks.get(name)!);
  const constants: Evaluation = { sink, names, values: new Map(), graph: undefined };
  for (const item of files.flatMap(({ lets }) => lets)) bindLet(item, evaluate(item.value, constants), constants);
  const data = readDataset(sections.dataset, constants, source);
  const dataset = data?.spec;
  const datasetValues: DatasetValues | 'reported' = data === undefined ? 'reported' : valuesOf(data);
  const evaluation: Evaluation = { ...constants, dataset: datasetValues };
  const precision = readPrecision(sections.precision, constants, lines);
  const auxLosses = readAuxLosses(auxItems, constants);
  const train = readTrain(
    sections.train,
    auxLosses.map(({ item: _, ...loss }) => loss),
    constants,
    lines,
  );

  const model = sections.models[0];
  const modelBroken = sections.models.length === 0 || syntaxErrors.some((at) => !isInSettings(file, at));
  const known = { parsed, sink, modules, names, dataset, blocks: visibleBlocks(main.blocks, main.uses) };
  if (model === undefined || (modelBroken && options.trace === undefined)) return known;
  if (!modelBroken) checkEarlyStop(train, dataset, sections.train, sink);
  const loss = writtenLoss(sections.train);
  const written = hasErrorIn(loss?.span, sink) ? undefined : targetOf(train.loss);
  const shapes = modelBroken ? undefined : readShapes(model, evaluation, data, written);
  if (shapes === undefined && options.trace === undefined) return known;

  const normalizeSpan = sections.dataset?.items.find((item) => item.name.text === 'normalize')?.span;
  const parameters = sections.train?.items.filter((item): item is ParameterItem => item.kind === 'init' || item.kind === 'freeze') ?? [];
  const batch = options.batch ?? train.batch;
  const division = divideEpoch(options.images ?? dataset?.images?.train ?? 0, batch, train.accumulate, train.dropLast);
  const parameterLines = readLines(parameters, stepsPerEpoch(division), evaluation);
  const patterns = readPatterns(parameterLines, options.epoch ?? 0, evaluation);
  const target = [train, ...auxLosses].some((one) => comparesImages(one.loss)) ? 'image' : 'label';
  const fixed = { patterns, recursive, dataset, datasetValues, normalizeSpan, target, aux, seed: train.seed } as const;
  const shared = { ...fixed, sink, lines, names, constants: constants.values };
  const { ranks } = options;
  const context: ModelContext = { ...shared, ...graphOf(batch, ranks), mode: 'train', trace: options.trace };
  if (shapes === undefined) {
    if (model.inputs.length > 0) sink.unheard(() => lowerModel(model, likelyShapes(model, evaluation, data), context));
    return known;
  }
  const lowered = lowerModel(model, shapes, context);
  if (lowered === undefined) return known;
  checkLoss(train.loss, shapes.classes, loss, sink);
  checkViews(train, shapes.image, sections.train, sink);
  checkMixing(train.loss, dataset?.augment ?? [], loss, sink);
  for (const aux of auxLosses) checkMixing(aux.loss, dataset?.augment ?? [], aux.item.value, sink);
  checkFurther(model, shapes, dataset?.augment ?? [], sink);
  checkOutput(model, lowered, shapes, sink);
  checkAuxLosses(auxLosses, lowered, shapes, sink);
  const graphs = { graph: pruneGraph(lowered.graph), whole: lowered.graph };
  checkKeepLines(sections.precision?.items.filter((item) => item.kind === 'keep') ?? [], graphs, sink);
  checkPatterns(parameterLines, graphs, train.epochs, sink);
  checkUpdates(sections.train, train, parameterLines, graphs, sink);
  const recipe: Recipe | undefined = dataset && {
    model: model.name.text,
    inputShape: shapes.image,
    classes: shapes.classes,
    dataset: shapes.inputs.length === 0 ? dataset : { ...dataset, inputs: shapes.inputs },
    precision,
    train: { ...train, ...given({ freeze: freezeText(parameterLines) }) },
  };
  const lowerAgain: Analysis['lowerAgain'] = (mode, size = batch) =>
    lowerModel(model, shapes, { ...shared, ...(mode === 'train' ? graphOf(size, ranks) : { batch: size }), mode })?.graph;
  const { tail } = division;
  checkLastStatistics(lowered.graph, tail && graphOf(tail.last, ranks).batch, lines, sink);
  checkWhitening(lowered.graph, lines, sink);
  const divided = ranks && { ranks: { ...ranks, share: shareOf(batch, ranks) } };
  return {
    ...known,
    recipe,
    ...divided,
    train: lowered.graph,
    tail,
    phases: phasesIn(parameterLines, graphs.graph, train.epochs),
    lowerAgain,
  };
}

function valuesOf({ spec, classes, missing, span }: ReadDataset): DatasetValues {
  return { image: spec.image, classes: classes ?? { missing, span } };
}
