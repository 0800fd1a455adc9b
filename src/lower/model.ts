import type { Span } from '../diagnostics/diagnostic.js';
import type { LineIndex } from '../diagnostics/lines.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import { closest } from '../diagnostics/suggest.js';
import { GraphBuilder } from '../ir/builder.js';
import type { DatasetSpec } from '../ir/program.js';
import type { Graph, Loc } from '../ir/types.js';
import { emit } from '../ops/emit.js';
import type { ArgValue } from '../ops/layer.js';
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
import type { Bound } from './bind.js';
import { type Callee, calleeNames, findCallee } from './callee.js';
import { convertLayerArg } from './convert.js';
import { type Evaluation, evaluate, type GraphExpressions, type Values } from './evaluate.js';
import { LayerContexts } from './layer-context.js';
import type { Call, Names } from './names.js';
import { LayerPath, labelsOf } from './paths.js';
import type { Operand } from './shape-advice.js';
import { reportConstraint } from './shape-errors.js';
import { describeKind, type Tensor, UNKNOWN, type Value } from './value.js';

/** Limits against files that expand without end; far above any real network. */
const MAX_STAGES = 20_000;
const MAX_BLOCK_DEPTH = 64;

export interface ModelContext {
  readonly sink: DiagnosticSink;
  readonly lines: LineIndex;
  /** What the names of the text stand for; whatever is wrong with them is reported. */
  readonly names: Names;
  /** Values of the file's constants. */
  readonly constants: Values;
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
  /** In the body that is being expanded. */
  private evaluation: Evaluation;
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
    const { sink, names, constants } = context;
    this.evaluation = { sink, names, values: new Map(constants), graph: this };
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
    this.set(input.name, { kind: 'tensor', id: normalized, origin: input.span, source: `the model's input` });
    this.path = new LayerPath('', labelsOf(model.body));
    const output = this.body(model.body);
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

  pipeline(expr: Pipeline): Value {
    let value = evaluate(expr.head, this.evaluation);
    if (value.kind !== 'tensor' && value.kind !== 'unknown') {
      this.context.sink.error('AMP2006', expr.head.span, `layers are applied to values of the graph, not to ${describeKind(value)}`);
      value = UNKNOWN;
    }
    return this.pipe(value, expr.stages);
  }

  conditional(expr: IfExpr): Value {
    for (const branch of expr.branches) {
      const holds = this.condition(branch.condition);
      if (holds === undefined) return UNKNOWN;
      if (holds) return this.body(branch.body);
    }
    if (expr.otherwise !== undefined) return this.body(expr.otherwise);
    this.context.sink.error('AMP2006', expr.span, 'this `if` has no value when no condition holds', {
      why: 'the `if` of an expression needs an `else`',
      fix: 'add `else { … }`',
    });
    return UNKNOWN;
  }

  private condition(expr: Expr): boolean | undefined {
    const value = evaluate(expr, this.evaluation);
    if (value.kind === 'boolean') return value.value;
    if (value.kind !== 'unknown')
      this.context.sink.error('AMP2006', expr.span, `a condition is \`true\` or \`false\`, not ${describeKind(value)}`, {
        ...(value.kind === 'number' && { fix: 'compare it, such as `stride != 1`' }),
      });
    return undefined;
  }

  private body(body: Body): Value {
    for (const item of body.lets) this.set(item.name, evaluate(item.value, this.evaluation));
    return body.result === undefined ? UNKNOWN : evaluate(body.result, this.evaluation);
  }

  private pipe(input: Value, stages: readonly Stage[], forced?: string): Value {
    let value = input;
    for (const stage of stages) value = this.stage(value, stage, forced);
    return value;
  }

  /** `forced`: the path of the only stage of an iteration. */
  private stage(input: Value, stage: Stage, forced?: string): Value {
    if (++this.stages > MAX_STAGES) throw new TooLarge(`the model has more than ${MAX_STAGES.toLocaleString('en')} layers`);
    switch (stage.kind) {
      case 'stage':
        return this.call(input, stage, forced);
      case 'repeat':
        return this.repeat(input, stage, forced);
      case 'if-stage':
        return this.ifStage(input, stage);
    }
  }

  private ifStage(input: Value, stage: IfStage): Value {
    for (const branch of stage.branches) {
      const holds = this.condition(branch.condition);
      if (holds === undefined) return UNKNOWN;
      if (holds) return this.pipe(input, branch.stages);
    }
    return stage.otherwise === undefined ? input : this.pipe(input, stage.otherwise);
  }

  private repeat(input: Value, stage: RepeatStage, forced: string | undefined): Value {
    const path = stage.label === undefined && forced !== undefined ? forced : this.path.child(stage.label, 'repeat', this.context.sink);
    const items = this.iterations(stage);
    if (items === undefined) return UNKNOWN;
    const outer = this.path;
    const [only] = stage.stages;
    const single = stage.stages.length === 1 && only.kind !== 'if-stage' && only.label === undefined;
    let value = input;
    for (const [i, item] of items.entries()) {
      // Without a value no later iteration can find another mistake.
      if (value.kind === 'unknown' && i > 0) break;
      if (stage.variable !== undefined) this.set(stage.variable, item);
      const iteration = `${path}.${i}`;
      this.path = new LayerPath(iteration, labelsOf(stage.stages));
      value = this.pipe(value, stage.stages, single ? iteration : undefined);
    }
    this.path = outer;
    return value;
  }

  private iterations(stage: RepeatStage): readonly Value[] | undefined {
    const { over } = stage;
    const whole = (expr: Expr): number | undefined => {
      const value = evaluate(expr, this.evaluation);
      if (value.kind === 'number' && Number.isInteger(value.value) && value.value >= 0) return value.value;
      if (value.kind !== 'unknown')
        this.context.sink.error('AMP2006', expr.span, `\`repeat\` takes a whole number that is not negative, not ${describeKind(value)}`);
      return undefined;
    };
    if (over.kind === 'each') {
      const list = evaluate(over.list, this.evaluation);
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

  private call(input: Value, stage: CallStage, forced: string | undefined): Value {
    const path =
      stage.label === undefined && forced !== undefined ? forced : this.path.child(stage.label, stage.callee.text, this.context.sink);
    const call = this.context.names.callOf(stage);
    return call === undefined ? this.guess(input, stage, path) : this.callNamed(call, input, stage, path);
  }

  private callNamed({ callee, bound }: Call, input: Value, stage: CallStage, path: string): Value {
    switch (callee.kind) {
      case 'block':
        return this.expand(input, callee.block, bound, stage, path);
      case 'layer':
        return this.apply(input, callee, bound, stage, path);
    }
  }

  /**
   * For a layer that does not exist, which is reported: goes on with the nearest one, to find other mistakes. Those that only the guess
   * makes are none.
   */
  private guess(input: Value, stage: CallStage, path: string): Value {
    const { names, sink } = this.context;
    const key = `${stage.callee.text} ${this.expanding.join(' ')}`;
    if (!this.guesses.has(key)) this.guesses.set(key, closest(stage.callee.text, calleeNames(names.blocks, this.expanding)));
    const name = this.guesses.get(key);
    const callee = name === undefined ? undefined : findCallee(name, names.blocks);
    if (callee === undefined) {
      for (const arg of stage.args) evaluate(arg.value, this.evaluation);
      return UNKNOWN;
    }
    this.guessed = true;
    const call = () => this.callNamed({ callee, bound: names.bound(callee, stage.args, stage.span) }, input, stage, path);
    return sink.attempt(call) ?? UNKNOWN;
  }

  private expand(input: Value, block: BlockSection, { named }: Bound, stage: CallStage, path: string): Value {
    const given = new Map([...named].map(([param, arg]): [string, Value] => [param, evaluate(arg.value, this.evaluation)]));
    if (this.context.recursive.has(block.name.text)) return UNKNOWN;
    if (this.calls.length >= MAX_BLOCK_DEPTH) throw new TooLarge(`blocks are nested more than ${MAX_BLOCK_DEPTH} deep`);
    const caller = this.evaluation;
    this.evaluation = { ...caller, values: new Map(this.context.constants) };
    const [first, ...params] = block.params;
    if (first !== undefined) this.set(first.name, input);
    for (const param of params) {
      const value = given.get(param.name.text) ?? (param.default === undefined ? UNKNOWN : evaluate(param.default, this.evaluation));
      this.set(param.name, value);
    }
    const outer = this.path;
    this.path = new LayerPath(path, labelsOf(block.body));
    this.calls.push(stage.span);
    this.expanding.push(block.name.text);
    const result = this.body(block.body);
    this.calls.pop();
    this.expanding.pop();
    this.path = outer;
    this.evaluation = caller;
    return result;
  }

  private apply(input: Value, { name, layer }: Extract<Callee, { kind: 'layer' }>, bound: Bound, stage: CallStage, path: string): Value {
    const { sink } = this.context;
    let usable = bound.complete && input.kind === 'tensor';
    const args: Record<string, ArgValue> = {};
    for (const param of layer.params) {
      const arg = bound.named.get(param.name);
      const value =
        arg === undefined ? param.default : convertLayerArg(name, param, evaluate(arg.value, this.evaluation), arg.value.span, sink);
      if (value === undefined) usable = false;
      else args[param.name] = value;
    }
    const operands: Operand[] = input.kind === 'tensor' ? [this.operand('the piped value', input)] : [];
    for (const arg of bound.values) {
      const value = evaluate(arg.value, this.evaluation);
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

  private set(name: Name, value: Value): void {
    this.evaluation.values.set(this.context.names.declarationOf(name), value);
  }

  private loc(span: Span): Loc {
    return this.context.lines.position(span.start);
  }
}
