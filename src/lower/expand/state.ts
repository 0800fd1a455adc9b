import type { Span } from '../../diagnostics/diagnostic.js';
import type { LineIndex } from '../../diagnostics/lines.js';
import type { DiagnosticSink } from '../../diagnostics/sink.js';
import type { GraphBuilder } from '../../ir/builder.js';
import type { DatasetSpec, LossTarget } from '../../ir/program.js';
import type { RankShare } from '../../ir/ranks.js';
import type { Loc } from '../../ir/types.js';
import type { BlockSection, CallStage, Expr, Name, Stage } from '../../parser/ast.js';
import type { DatasetValues } from '../dataset-properties.js';
import type { Evaluation, Values } from '../evaluation.js';
import type { LayerContexts, ParameterPattern } from '../layer-context.js';
import type { Call, Names } from '../names.js';
import type { LayerPath } from '../paths.js';
import type { Operand } from '../shape-advice.js';
import type { Trace } from '../trace.js';
import type { Tensor, Value } from '../value.js';

/** A limit against files that expand without end; far above any real network. */
export const MAX_STAGES = 20_000;

export interface ModelContext {
  readonly sink: DiagnosticSink;
  readonly lines: LineIndex;
  /** What the names of the text stand for; whatever is wrong with them is reported. */
  readonly names: Names;
  /** Values of the file's constants. */
  readonly constants: Values;
  /** Blocks that call themselves; their calls are already reported. */
  readonly recursive: ReadonlySet<BlockSection>;
  /** Undefined: it is unknown, which is reported; the graph then only serves to find other mistakes. */
  readonly dataset: DatasetSpec | undefined;
  readonly datasetValues: DatasetValues | 'reported';
  /** Where the normalization is written, if it is. */
  readonly normalizeSpan: Span | undefined;
  /** What the file says of parameters by name. */
  readonly patterns: readonly ParameterPattern[];
  readonly seed: number;
  readonly batch: number;
  /** Of several ranks that train together: what of a micro-batch this graph is for. */
  readonly share?: RankShare | undefined;
  readonly mode: 'train' | 'eval';
  /** What a loss compares with: the graph then results in that as well, where it holds it. */
  readonly target: LossTarget;
  /** Values that have losses of their own while the model is trained. */
  readonly aux: readonly Name[];
  /** Where each stage is noted as it is applied, if anybody wants to know. */
  readonly trace?: Trace | undefined;
}

/** Thrown to leave a model that expands without end. */
export class TooLarge extends Error {}

/** A layer or block that is applied several times, each time with the arguments and the weights of the place where it is shared. */
export interface SharedLayer {
  readonly stage: CallStage;
  /** Undefined: there is no such layer, which is reported. */
  readonly call: Call | undefined;
  readonly path: string;
  /** Of the body that it is shared in. */
  readonly evaluation: Evaluation;
}

/** How far the expansion of one model has come. */
export interface Expansion {
  readonly context: ModelContext;
  readonly builder: GraphBuilder;
  readonly layers: LayerContexts;
  /** In the body that is being expanded. */
  evaluation: Evaluation;
  /** Names of layers in that body, or in the iteration within it. */
  path: LayerPath;
  stages: number;
  /** Calls of the blocks that are being expanded, innermost last. */
  readonly calls: Span[];
  /** Their blocks. */
  readonly expanding: string[];
  /** What `share` made so far. */
  readonly shared: SharedLayer[];
  /** Whether a misspelt layer was taken for another one. */
  guessed: boolean;
  readonly guesses: Map<string, string | undefined>;
}

/** Counts one more layer. Throws TooLarge when there are too many. */
export function countStage(state: Expansion): void {
  if (++state.stages > MAX_STAGES) throw new TooLarge(`the model has more than ${MAX_STAGES.toLocaleString('en')} layers`);
}

/** Notes what a stage made of the piped value. */
export function noteStage({ context, builder, calls }: Expansion, stage: Stage, path: string, value: Value): void {
  if (context.trace === undefined || value.kind === 'unknown') return;
  const shape = value.kind === 'tensor' ? builder.type(value.id).shape.slice(1) : undefined;
  context.trace.add({ stage, path, shape, calls: [...calls] });
}

/** Gives a name its value, in the body that is being expanded. */
export function setValue(state: Expansion, name: Name, value: Value): void {
  state.evaluation.values.set(state.context.names.declarationOf(name), value);
}

export function locate(state: Expansion, span: Span): Loc {
  const { lines } = state.context;
  // What a file that is used has made is where the file itself calls it.
  const own = [span, ...[...state.calls].reverse()].find(({ start }) => start <= lines.text.length);
  return lines.position((own ?? { start: 0 }).start);
}

/** What the user calls a value, for a diagnostic. */
export function nameOf(expr: Expr, otherwise: string): string {
  return expr.kind === 'name' ? `\`${expr.name.text}\`` : otherwise;
}

/** A graph value as the user calls it, for a diagnostic about the layer that it was given to. */
export function operandOf(state: Expansion, name: string, tensor: Tensor): Operand {
  return { name, tensor, shape: state.builder.type(tensor.id).shape.slice(1) };
}
