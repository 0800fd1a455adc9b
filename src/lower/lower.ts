import { DATASETS, type DatasetInfo } from '../datasets/registry.js';
import { type Diagnostic, type Source, type Span, UserError } from '../diagnostics/diagnostic.js';
import { LineIndex } from '../diagnostics/lines.js';
import { sortDiagnostics } from '../diagnostics/render.js';
import { DiagnosticSink } from '../diagnostics/sink.js';
import { divideEpoch, type Tail } from '../ir/epoch.js';
import type { Program, Recipe } from '../ir/program.js';
import type { Graph } from '../ir/types.js';
import { formatShape } from '../ops/window.js';
import type { AmpFile, BlockSection, DatasetSection, Let, ModelSection, PrecisionSection, Section, TrainSection } from '../parser/ast.js';
import { parseAmp } from '../parser/parse.js';
import { bindLet } from './bind-let.js';
import { evaluate } from './evaluate.js';
import type { Evaluation } from './evaluation.js';
import { checkKeepLines } from './keep-lines.js';
import { checkLoss } from './loss-classes.js';
import { lowerModel, type ModelContext } from './model.js';
import { Modules } from './modules.js';
import { applyOverrides, type Overrides } from './overrides.js';
import { checkPatterns, readPatterns } from './parameter-lines.js';
import { pruneGraph } from './prune.js';
import { readDataset, readPrecision, readTrain } from './recipe.js';
import { findRecursion } from './recursion.js';
import { resolveNames } from './resolve.js';
import { checkLastStatistics } from './statistics.js';
import type { Tensor } from './value.js';

export interface LowerOptions {
  /** Batch of the training graph; by default that of the file. */
  readonly batch?: number;
  /** Batch of the evaluation graph; by default that of the training graph. */
  readonly evalBatch?: number;
  /** Training images of an epoch; by default as many as the data set has. They decide what is left for a smaller last step. */
  readonly images?: number;
  readonly overrides?: Overrides;
}

/** What a source uses, read now: a source with it stays the same whatever becomes of the files. */
export function withUsed(source: Source): Source {
  const modules = new Modules(source, new DiagnosticSink());
  modules.usesOf(parseAmp(source.text).file, undefined);
  return modules.texts.length === 0 ? source : { ...source, used: modules.texts };
}

/** Every mistake in a `.amp` file, in source order; empty or only warnings when it can be trained. */
export function checkSource(source: Source): readonly Diagnostic[] {
  const { sink, modules } = analyse(source, { allowsLibrary: true });
  // What is unused because of a misspelt name is no second mistake.
  return sortDiagnostics((sink.hasErrors ? errorsOf(sink) : sink.diagnostics).map((found) => modules.place(found)));
}

/**
 * Reads a `.amp` file into its recipe and forward graphs: as trained, and as evaluated (no dropout, running statistics).
 * Throws UserError with every mistake in the file, or with the override that is wrong.
 */
export function lowerProgram(source: Source, options: LowerOptions = {}): Program {
  const { sink, modules, recipe, train, tail, lowerAgain } = analyse(source, options);
  const evaluation = sink.hasErrors ? undefined : lowerAgain?.('eval', options.evalBatch);
  if (sink.hasErrors || recipe === undefined || train === undefined || evaluation === undefined) {
    throw new UserError(sortDiagnostics(errorsOf(sink).map((found) => modules.place(found))), source);
  }
  const program = { recipe, train: pruneGraph(train), eval: pruneGraph(evaluation) };
  const last = tail && lowerAgain?.('train', tail.last);
  return last === undefined || tail === undefined ? program : { ...program, tail: { before: tail.before, train: pruneGraph(last) } };
}

function errorsOf(sink: DiagnosticSink): readonly Diagnostic[] {
  return sink.diagnostics.filter((d) => d.severity === 'error');
}

interface Analysis {
  readonly sink: DiagnosticSink;
  readonly modules: Modules;
  readonly recipe?: Recipe;
  readonly train?: Graph;
  readonly tail?: Tail | undefined;
  /** The model once more; by default at the batch of `train`. */
  readonly lowerAgain?: (mode: 'train' | 'eval', batch?: number) => Graph | undefined;
}

interface Sections {
  readonly dataset: DatasetSection | undefined;
  readonly precision: PrecisionSection | undefined;
  readonly train: TrainSection | undefined;
  readonly models: readonly ModelSection[];
  readonly blocks: ReadonlyMap<string, BlockSection>;
  readonly lets: readonly Let[];
}

function analyse(source: Source, options: LowerOptions & { readonly allowsLibrary?: boolean }): Analysis {
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
  if (modules.isIncomplete) return { sink, modules };
  syntaxErrors.push(...sink.diagnostics.flatMap((d) => (d.code.startsWith('AMP1') && d.span ? [d.span.start] : [])));
  const names = resolveNames(main, modules.all, sections.models, broken, sink);
  const recursive = new Set<BlockSection>();
  const files = [...modules.all, main];
  for (const { blocks } of files) for (const name of findRecursion(blocks, sink)) recursive.add(blocks.get(name)!);
  const evaluation: Evaluation = { sink, names, values: new Map(), graph: undefined };
  for (const item of files.flatMap(({ lets }) => lets)) bindLet(item, evaluate(item.value, evaluation), evaluation);
  const dataset = readDataset(sections.dataset, evaluation);
  const precision = readPrecision(sections.precision, evaluation, lines);
  const train = readTrain(sections.train, evaluation);

  const model = sections.models[0];
  const modelBroken = sections.models.length === 0 || syntaxErrors.some((at) => !isInSettings(file, at));
  if (model === undefined || modelBroken) return { sink, modules };
  const data = dataset && { ...DATASETS[dataset.name], name: dataset.name, span: sections.dataset?.name.span };
  const signature = readSignature(model, evaluation, data);
  if (signature === undefined) return { sink, modules };

  const normalizeSpan = sections.dataset?.items.find((item) => item.name.text === 'normalize')?.span;
  const parameters = sections.train?.items.filter((item) => item.kind !== 'setting') ?? [];
  const patterns = readPatterns(parameters, evaluation);
  const shared = { patterns, sink, lines, names, constants: evaluation.values, recursive, dataset, normalizeSpan, seed: train.seed };
  const batch = options.batch ?? train.batch;
  const lowered = lowerModel(model, signature.image, { ...shared, batch, mode: 'train' } satisfies ModelContext);
  if (lowered === undefined) return { sink, modules };
  checkLoss(train.loss, signature.classes, sections.train, sink);
  checkOutput(model, lowered.graph, lowered.output, signature.classes, sink);
  checkKeepLines(sections.precision?.items.filter((item) => item.kind === 'keep') ?? [], lowered.graph, sink);
  checkPatterns(parameters, lowered.graph, sink);
  const recipe: Recipe | undefined = dataset && {
    model: model.name.text,
    inputShape: signature.image,
    classes: signature.classes,
    dataset,
    precision,
    train,
  };
  const lowerAgain: Analysis['lowerAgain'] = (mode, size = batch) =>
    lowerModel(model, signature.image, { ...shared, batch: size, mode })?.graph;
  const { tail } = divideEpoch(options.images ?? data?.images.train ?? 0, batch, train.accumulate, train.dropLast);
  checkLastStatistics(lowered.graph, tail, lines, sink);
  return { sink, modules, recipe, train: lowered.graph, tail, lowerAgain };
}

/** Settings with a syntax error are left out, so that they are not reported a second time for what they mean. */
function withoutBroken(file: AmpFile, broken: (span: Span) => boolean): AmpFile {
  const sections = file.sections.map((section): Section => {
    if (!('items' in section)) return section;
    return { ...section, items: section.items.filter((item) => !broken(item.span)) } as Section;
  });
  return { sections };
}

function isInSettings(file: AmpFile, offset: number): boolean {
  return file.sections.some((section) => 'items' in section && offset >= section.span.start && offset < section.span.end);
}

/** Whether a file is there for others to use. */
export function holdsBlocksAlone({ sections }: AmpFile): boolean {
  return (
    sections.some(({ kind }) => kind === 'block') && sections.every(({ kind }) => kind === 'block' || kind === 'let' || kind === 'use')
  );
}

function sortSections(file: AmpFile, needsNoModel: boolean, sink: DiagnosticSink): Sections {
  const blocks = new Map<string, BlockSection>();
  const models: ModelSection[] = [];
  const lets: Let[] = [];
  const single = new Map<string, Section>();
  for (const section of file.sections) {
    if (section.kind === 'use') continue;
    if (section.kind === 'let') lets.push(section);
    else if (section.kind === 'block') {
      const first = blocks.get(section.name.text);
      if (first === undefined) blocks.set(section.name.text, section);
      else
        sink.error('AMP2007', section.name.span, `block \`${section.name.text}\` is declared twice`, {
          fix: 'give one of them another name',
          related: [{ span: first.name.span, message: 'first declared here' }],
        });
    } else {
      const first = single.get(section.kind);
      if (section.kind === 'model') models.push(section);
      if (first === undefined) single.set(section.kind, section);
      else {
        const span = { start: section.span.start, end: section.span.start + section.kind.length };
        const firstSpan = { start: first.span.start, end: first.span.start + first.kind.length };
        sink.error(section.kind === 'model' ? 'AMP4011' : 'AMP4002', span, `a file has one \`${section.kind}\` section`, {
          why: section.kind === 'model' ? 'the model is what the file trains; its parts are blocks' : 'it is not clear which one counts',
          fix: section.kind === 'model' ? 'make one of them a `block`, or move it to another file' : 'join the two',
          related: [{ span: firstSpan, message: 'the first one' }],
        });
      }
    }
  }
  if (models.length === 0 && !needsNoModel) {
    sink.error('AMP4011', undefined, 'the file has no model', {
      why: 'there is nothing to train without one',
      fix: 'add `model Name(image: [32, 32, 3]) -> [10] { … }`',
    });
  }
  const get = <K extends Section['kind']>(kind: K) => single.get(kind) as Extract<Section, { kind: K }> | undefined;
  return { dataset: get('dataset'), precision: get('precision'), train: get('train'), models, blocks, lets };
}

/** The declared shapes of a model, checked against the data set where that is known. */
function readSignature(
  model: ModelSection,
  evaluation: Evaluation,
  data: (DatasetInfo & { readonly name: string; readonly span: Span | undefined }) | undefined,
): { readonly image: readonly number[]; readonly classes: number } | undefined {
  const { sink } = evaluation;
  const [input, ...others] = model.inputs;
  if (input === undefined || others.length > 0) {
    sink.error('AMP3004', others[0]?.span ?? model.name.span, 'a model takes exactly one input, the image', {
      fix: `write \`model ${model.name.text}(image: [32, 32, 3])\``,
    });
    return undefined;
  }
  const sizes = (expr: ModelSection['output'], length: number, what: string): readonly number[] | undefined => {
    const value = evaluate(expr, evaluation);
    const numbers = value.kind === 'list' ? value.items.flatMap((item) => (item.kind === 'number' ? [item.value] : [])) : [];
    if (
      numbers.length === length &&
      value.kind === 'list' &&
      value.items.length === length &&
      numbers.every((n) => Number.isSafeInteger(n) && n > 0)
    )
      return numbers;
    if (value.kind === 'list' && value.items.some((item) => item.kind === 'unknown')) return undefined;
    sink.error('AMP3004', expr.span, `the shape of ${what} is a list of ${length === 1 ? 'one size' : 'three sizes'}`, {
      why: length === 1 ? 'a classifier results in one number per class' : 'an image is [height, width, channels]',
      fix: length === 1 ? 'such as `-> [10]`' : 'such as `[32, 32, 3]`',
    });
    return undefined;
  };
  const image = sizes(input.shape, 3, 'the image');
  const output = sizes(model.output, 1, 'the result');
  if (image === undefined || output === undefined) return undefined;
  if (data === undefined) return { image, classes: output[0] };
  const related = data.span === undefined ? [] : [{ span: data.span, message: 'the data set' }];
  if (formatShape(image) !== formatShape(data.image)) {
    sink.error(
      'AMP4007',
      input.shape.span,
      `the model takes ${formatShape(image)}, the images of ${data.name} are ${formatShape(data.image)}`,
      { fix: `write \`${input.name.text}: ${formatShape(data.image)}\``, related },
    );
    return undefined;
  }
  if (output[0] !== data.classes) {
    sink.error('AMP4007', model.output.span, `the model results in ${output[0]} classes, ${data.name} has ${data.classes}`, {
      fix: `write \`-> [${data.classes}]\``,
      related,
    });
    return undefined;
  }
  return { image, classes: output[0] };
}

function checkOutput(model: ModelSection, graph: Graph, output: Tensor, classes: number, sink: DiagnosticSink): void {
  const shape = graph.nodes[output.id].type.shape.slice(1);
  if (shape.length === 1 && shape[0] === classes) return;
  sink.error('AMP3003', model.output.span, `the model declares [${classes}], but results in ${formatShape(shape)}`, {
    why: 'the loss compares one number per class with the label',
    fix:
      shape.length === 1
        ? `let the last layer be \`linear(${classes})\``
        : `end with \`flatten |> linear(${classes})\`${shape.length === 3 ? ` or \`global_avg_pool |> linear(${classes})\`` : ''}`,
    related: [{ span: output.origin, message: `${formatShape(shape)} comes from ${output.source}` }],
  });
}
