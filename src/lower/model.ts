import type { Span } from '../diagnostics/diagnostic.js';
import type { LineIndex } from '../diagnostics/lines.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import { closest, suggestion } from '../diagnostics/suggest.js';
import { GraphBuilder } from '../ir/builder.js';
import type { DatasetSpec } from '../ir/program.js';
import type { Graph, Loc } from '../ir/types.js';
import { emit } from '../ops/emit.js';
import type { ArgValue, LayerDefinition } from '../ops/layer.js';
import { ConstraintError } from '../ops/op.js';
import type {
  BlockSection,
  Body,
  CallStage,
  Expr,
  IfExpr,
  IfStage,
  ModelSection,
  Name,
  Pipeline,
  RepeatStage,
  Stage,
} from '../parser/ast.js';
import { bindArguments } from './bind.js';
import { convertLayerArg } from './convert.js';
import { type Evaluation, evaluate, type GraphExpressions } from './evaluate.js';
import { LayerContexts } from './layer-context.js';
import { findLayer, LAYERS } from './layers.js';
import { LayerPath, labelsOf } from './paths.js';
import { Scope } from './scope.js';
import type { Operand } from './shape-advice.js';
import { reportConstraint } from './shape-errors.js';
import { blockSignature, layerSignature } from './signature.js';
import { describeKind, type Tensor, UNKNOWN, type Value } from './value.js';

/** Limits against files that expand without end; far above any real network. */
const MAX_STAGES = 20_000;
const MAX_BLOCK_DEPTH = 64;

export interface ModelContext {
  readonly sink: DiagnosticSink;
  readonly lines: LineIndex;
  /** Constants of the file. */
  readonly globals: Scope;
  readonly blocks: ReadonlyMap<string, BlockSection>;
  /** Blocks that call themselves; their calls are already reported. */
  readonly recursive: ReadonlySet<string>;
  /** Undefined: it is unknown, which is reported; the graph then only serves to find other mistakes. */
  readonly dataset: DatasetSpec | undefined;
  /** Where the normalization is written, if it is. */
  readonly normalizeSpan: Span | undefined;
  readonly seed: number;
  readonly batch: number;
  readonly mode: 'train' | 'eval';
}

class TooLarge extends Error {}

/** Expands a model into its forward graph. Undefined result: something is wrong, and reported. */
export function lowerModel(
  model: ModelSection,
  image: readonly number[],
  context: ModelContext,
): { readonly graph: Graph; readonly output: Tensor } | undefined {
  const lowering = new ModelLowering(context);
  try {
    return lowering.model(model, image);
  } catch (error) {
    if (!(error instanceof TooLarge)) throw error;
    if (lowering.guessed) return undefined;
    context.sink.error('AMP3005', model.name.span, error.message, {
      why: 'models are expanded before they run',
      fix: 'repeat or nest less',
    });
    return undefined;
  }
}

class ModelLowering implements GraphExpressions {
  private readonly context: ModelContext;
  private readonly evaluation: Evaluation;
  private readonly builder = new GraphBuilder();
  private path: LayerPath = new LayerPath('', new Set());
  private stages = 0;
  /** Calls of the blocks that are being expanded, innermost last. */
  private readonly calls: Span[] = [];
  /** Their blocks. */
  private readonly expanding: string[] = [];
  /** Whether a misspelt layer was taken for another one. */
  guessed = false;
  private readonly guesses = new Map<string, string | undefined>();
  private readonly layers: LayerContexts;

  constructor(context: ModelContext) {
    this.context = context;
    this.evaluation = { sink: context.sink, graph: this };
    this.layers = new LayerContexts({ builder: this.builder, mode: context.mode, seed: context.seed });
  }

  model(model: ModelSection, image: readonly number[]): { graph: Graph; output: Tensor } | undefined {
    const { dataset, batch, normalizeSpan } = this.context;
    const input = model.inputs[0];
    const loc = this.loc(input.span);
    const pixels = this.builder.add({ op: 'input', attrs: { name: 'image' }, type: { dtype: 'u8', shape: [batch, ...image] } });
    const options = { layer: 'normalize', loc: normalizeSpan ? this.loc(normalizeSpan) : loc };
    const normalized =
      dataset === undefined
        ? this.builder.add({ op: 'input', attrs: { name: 'normalized' }, type: { dtype: 'f32', shape: [batch, ...image] }, ...options })
        : emit(this.builder, 'normalize', [pixels], { mean: dataset.mean, std: dataset.std }, options);
    const scope = new Scope(this.context.globals);
    scope.set(input.name.text, { kind: 'tensor', id: normalized, origin: input.span, source: `the model's input` });
    this.path = new LayerPath('', labelsOf(model.body));
    const output = this.body(model.body, scope);
    if (output.kind === 'tensor') return { graph: this.builder.finish(model.name.text, { logits: output.id }), output };
    if (output.kind !== 'unknown') {
      const span = model.body.result?.span ?? model.body.span;
      this.context.sink.error('AMP2006', span, `the model results in ${describeKind(output)}, not in a value of the graph`, {
        fix: `let its result be \`${input.name.text} |> …\``,
      });
    }
    return undefined;
  }

  shape(tensor: Tensor): readonly number[] {
    return this.builder.type(tensor.id).shape;
  }

  pipeline(expr: Pipeline, scope: Scope): Value {
    let value = evaluate(expr.head, scope, this.evaluation);
    if (value.kind !== 'tensor' && value.kind !== 'unknown') {
      this.context.sink.error('AMP2006', expr.head.span, `layers are applied to values of the graph, not to ${describeKind(value)}`);
      value = UNKNOWN;
    }
    return this.pipe(value, expr.stages, scope);
  }

  conditional(expr: IfExpr, scope: Scope): Value {
    for (const branch of expr.branches) {
      const holds = this.condition(branch.condition, scope);
      if (holds === undefined) return UNKNOWN;
      if (holds) return this.body(branch.body, new Scope(scope));
    }
    if (expr.otherwise !== undefined) return this.body(expr.otherwise, new Scope(scope));
    this.context.sink.error('AMP2006', expr.span, 'this `if` has no value when no condition holds', {
      why: 'the `if` of an expression needs an `else`',
      fix: 'add `else { … }`',
    });
    return UNKNOWN;
  }

  private condition(expr: Expr, scope: Scope): boolean | undefined {
    const value = evaluate(expr, scope, this.evaluation);
    if (value.kind === 'boolean') return value.value;
    if (value.kind !== 'unknown')
      this.context.sink.error('AMP2006', expr.span, `a condition is \`true\` or \`false\`, not ${describeKind(value)}`, {
        ...(value.kind === 'number' && { fix: 'compare it, such as `stride != 1`' }),
      });
    return undefined;
  }

  private body(body: Body, scope: Scope): Value {
    for (const item of body.lets) scope.set(item.name.text, evaluate(item.value, scope, this.evaluation));
    return body.result === undefined ? UNKNOWN : evaluate(body.result, scope, this.evaluation);
  }

  private pipe(input: Value, stages: readonly Stage[], scope: Scope, forced?: string): Value {
    let value = input;
    for (const stage of stages) value = this.stage(value, stage, scope, forced);
    return value;
  }

  /** `forced`: the path of the only stage of an iteration. */
  private stage(input: Value, stage: Stage, scope: Scope, forced?: string): Value {
    if (++this.stages > MAX_STAGES) throw new TooLarge(`the model has more than ${MAX_STAGES.toLocaleString('en')} layers`);
    switch (stage.kind) {
      case 'stage':
        return this.call(input, stage, scope, forced);
      case 'repeat':
        return this.repeat(input, stage, scope, forced);
      case 'if-stage':
        return this.ifStage(input, stage, scope);
    }
  }

  private ifStage(input: Value, stage: IfStage, scope: Scope): Value {
    for (const branch of stage.branches) {
      const holds = this.condition(branch.condition, scope);
      if (holds === undefined) return UNKNOWN;
      if (holds) return this.pipe(input, branch.stages, scope);
    }
    return stage.otherwise === undefined ? input : this.pipe(input, stage.otherwise, scope);
  }

  private repeat(input: Value, stage: RepeatStage, scope: Scope, forced: string | undefined): Value {
    const path = stage.label === undefined && forced !== undefined ? forced : this.path.child(stage.label, 'repeat', this.context.sink);
    const items = this.iterations(stage, scope);
    if (items === undefined) return UNKNOWN;
    const outer = this.path;
    const [only] = stage.stages;
    const single = stage.stages.length === 1 && only.kind !== 'if-stage' && only.label === undefined;
    let value = input;
    for (const [i, item] of items.entries()) {
      // Without a value no later iteration can find another mistake.
      if (value.kind === 'unknown' && i > 0) break;
      const inner = new Scope(scope);
      if (stage.variable !== undefined) inner.set(stage.variable.text, item);
      const iteration = `${path}.${i}`;
      this.path = new LayerPath(iteration, labelsOf(stage.stages));
      value = this.pipe(value, stage.stages, inner, single ? iteration : undefined);
    }
    this.path = outer;
    return value;
  }

  private iterations(stage: RepeatStage, scope: Scope): readonly Value[] | undefined {
    const { over } = stage;
    const whole = (expr: Expr): number | undefined => {
      const value = evaluate(expr, scope, this.evaluation);
      if (value.kind === 'number' && Number.isInteger(value.value) && value.value >= 0) return value.value;
      if (value.kind !== 'unknown')
        this.context.sink.error('AMP2006', expr.span, `\`repeat\` takes a whole number that is not negative, not ${describeKind(value)}`);
      return undefined;
    };
    if (over.kind === 'each') {
      const list = evaluate(over.list, scope, this.evaluation);
      if (list.kind === 'list') return list.items;
      if (list.kind !== 'unknown')
        this.context.sink.error('AMP2006', over.list.span, `\`repeat … in\` takes a range or a list, not ${describeKind(list)}`, {
          fix: 'such as `repeat i in 0..3` or `repeat stride in [2, 1]`',
        });
      return undefined;
    }
    const from = over.kind === 'count' ? 0 : whole(over.from);
    const to = whole(over.kind === 'count' ? over.count : over.to);
    if (from === undefined || to === undefined) return undefined;
    if (to - from > MAX_STAGES) throw new TooLarge(`\`repeat\` asks for ${to - from} iterations`);
    return Array.from({ length: Math.max(0, to - from) }, (_, i): Value => ({ kind: 'number', value: from + i }));
  }

  private call(input: Value, stage: CallStage, scope: Scope, forced: string | undefined): Value {
    const { text } = stage.callee;
    const path = stage.label === undefined && forced !== undefined ? forced : this.path.child(stage.label, text, this.context.sink);
    const known = this.context.blocks.has(text) || findLayer(text) !== undefined;
    return known ? this.callNamed(text, input, stage, scope, path) : this.guess(input, stage, scope, path);
  }

  private callNamed(name: string, input: Value, stage: CallStage, scope: Scope, path: string): Value {
    const block = this.context.blocks.get(name);
    if (block !== undefined) return this.expand(input, block, stage, scope, path);
    const layer = findLayer(name);
    return layer === undefined ? this.unusable(stage, scope) : this.apply(input, name, layer, stage, scope, path);
  }

  /**
   * For a layer that does not exist, which `checkNames` reports: goes on with the nearest one, to find other mistakes. Those that only the guess
   * makes are none.
   */
  private guess(input: Value, stage: CallStage, scope: Scope, path: string): Value {
    const key = `${stage.callee.text} ${this.expanding.join(' ')}`;
    if (!this.guesses.has(key)) this.guesses.set(key, closest(stage.callee.text, calleeNames(this.context.blocks, this.expanding)));
    const name = this.guesses.get(key);
    if (name === undefined) return this.unusable(stage, scope);
    this.guessed = true;
    return this.context.sink.attempt(() => this.callNamed(name, input, stage, scope, path)) ?? UNKNOWN;
  }

  private unusable(stage: CallStage, scope: Scope): Value {
    for (const arg of stage.args) evaluate(arg.value, scope, this.evaluation);
    return UNKNOWN;
  }

  private expand(input: Value, block: BlockSection, stage: CallStage, scope: Scope, path: string): Value {
    const { named } = bindArguments(blockSignature(block), stage.args, stage.span, this.context.sink);
    const inner = new Scope(this.context.globals);
    const [first, ...params] = block.params;
    if (first !== undefined) inner.set(first.name.text, input);
    const given = new Map([...named].map(([param, arg]): [string, Value] => [param, evaluate(arg.value, scope, this.evaluation)]));
    if (this.context.recursive.has(block.name.text)) return UNKNOWN;
    if (this.calls.length >= MAX_BLOCK_DEPTH) throw new TooLarge(`blocks are nested more than ${MAX_BLOCK_DEPTH} deep`);
    for (const param of params) {
      const value = given.get(param.name.text) ?? (param.default === undefined ? UNKNOWN : evaluate(param.default, inner, this.evaluation));
      inner.set(param.name.text, value);
    }
    const outer = this.path;
    this.path = new LayerPath(path, labelsOf(block.body));
    this.calls.push(stage.span);
    this.expanding.push(block.name.text);
    const result = this.body(block.body, inner);
    this.calls.pop();
    this.expanding.pop();
    this.path = outer;
    return result;
  }

  private apply(input: Value, name: string, layer: LayerDefinition, stage: CallStage, scope: Scope, path: string): Value {
    const { sink } = this.context;
    const bound = bindArguments(layerSignature(name, layer), stage.args, stage.span, sink);
    let usable = bound.complete && input.kind === 'tensor';
    const args: Record<string, ArgValue> = {};
    for (const param of layer.params) {
      const arg = bound.named.get(param.name);
      const value =
        arg === undefined ? param.default : convertLayerArg(name, param, evaluate(arg.value, scope, this.evaluation), arg.value.span, sink);
      if (value === undefined) usable = false;
      else args[param.name] = value;
    }
    const operands: Operand[] = input.kind === 'tensor' ? [this.operand('the piped value', input)] : [];
    for (const arg of bound.values) {
      const value = evaluate(arg.value, scope, this.evaluation);
      if (value.kind === 'tensor')
        operands.push(this.operand(arg.value.kind === 'name' ? `\`${arg.value.name.text}\`` : 'the argument', value));
      else usable = false;
      if (value.kind !== 'tensor' && value.kind !== 'unknown')
        sink.error(
          'AMP2006',
          arg.value.span,
          `\`${name}\` takes a value of the graph, not ${describeKind(value)}`,
          name === 'mul' && value.kind === 'number' ? { fix: '`scale` multiplies by a number' } : {},
        );
    }
    if (!usable) return UNKNOWN;
    try {
      const [piped, ...values] = operands.map((operand) => operand.tensor.id);
      const id = layer.build(this.layers.for({ input: piped, values, args, path, loc: this.loc(stage.callee.span) }));
      return { kind: 'tensor', id, origin: stage.span, source: `\`${name}\`` };
    } catch (error) {
      if (!(error instanceof ConstraintError)) throw error;
      reportConstraint(error, { name, span: stage.span }, operands, this.calls.at(-1), sink);
      return UNKNOWN;
    }
  }

  private operand(name: string, tensor: Tensor): Operand {
    return { name, tensor, shape: this.shape(tensor).slice(1) };
  }

  private loc(span: Span): Loc {
    return this.context.lines.position(span.start);
  }
}

/** What may stand behind `|>` in blocks that are being expanded or read: not these blocks themselves. */
export function calleeNames(blocks: ReadonlyMap<string, BlockSection>, within: readonly string[]): readonly string[] {
  return [...[...blocks.keys()].filter((name) => !within.includes(name)), ...Object.keys(LAYERS)];
}

export function reportUnknownLayer(callee: Name, names: readonly string[], sink: DiagnosticSink): void {
  if (callee.text === '' || sink.isFull) return;
  sink.error('AMP2001', callee.span, `unknown layer \`${callee.text}\``, {
    why: 'a stage of a pipeline is a layer of the language or a `block` of the file',
    fix: suggestion(callee.text, names, 'layers'),
  });
}
