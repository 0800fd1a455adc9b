import { GraphBuilder } from '../ir/builder.js';
import { auxOutput, type FurtherInput, furtherInput } from '../ir/graph-names.js';
import type { Graph } from '../ir/types.js';
import { emit } from '../ops/emit.js';
import type { ModelSection } from '../parser/ast.js';
import { attentionForm } from './attention-form.js';
import { evaluate } from './evaluate.js';
import type { GraphExpressions } from './evaluation.js';
import { joinValues } from './expand/apply.js';
import { applyFunction, arithmetic, negate } from './expand/arithmetic.js';
import { conditional, evaluateBody } from './expand/body.js';
import { shareLayer } from './expand/call.js';
import { collect } from './expand/collect.js';
import { learnedValue } from './expand/learned.js';
import { evaluatePipeline } from './expand/stages.js';
import { type Expansion, locate, type ModelContext, setValue, TooLarge } from './expand/state.js';
import { joinUpdates } from './joined-updates.js';
import { LayerContexts } from './layer-context.js';
import { LayerPath, labelsOf } from './paths.js';
import { describeKind, type Tensor } from './value.js';

export type { ModelContext } from './expand/state.js';

export interface LoweredModel {
  readonly graph: Graph;
  readonly output: Tensor;
  /** By name, the values that have losses of their own; as evaluated none. */
  readonly aux: ReadonlyMap<string, Tensor>;
}

/** What a model takes, without the batch. */
export interface ModelInputs {
  readonly image: readonly number[];
  /** Besides the image, in order. */
  readonly inputs: readonly FurtherInput[];
}

/** The values that have losses of their own; one that is none is reported. */
function auxValues(state: Expansion): ReadonlyMap<string, Tensor> {
  const { mode, aux, sink } = state.context;
  const values = new Map<string, Tensor>();
  for (const name of mode === 'train' ? aux : []) {
    const value = evaluate({ kind: 'name', name, span: name.span }, state.evaluation);
    if (value.kind === 'tensor') values.set(name.text, value);
    else if (value.kind !== 'unknown')
      sink.error('AMP2006', name.span, `\`${name.text}\` is ${describeKind(value)}, not a value of the graph`, {
        fix: 'name a `let` of the model, such as `let head = image |> …`',
      });
  }
  return values;
}

/** Expands a model into its forward graph. Undefined result: something is wrong, and reported. */
export function lowerModel(model: ModelSection, shapes: ModelInputs, context: ModelContext): LoweredModel | undefined {
  const state = startExpansion(model, context);
  try {
    return expandModel(state, model, shapes);
  } catch (error) {
    if (!(error instanceof TooLarge)) throw error;
    if (state.guessed) return undefined;
    context.sink.error('AMP3005', model.name.span, error.message, {
      why: 'models are expanded before they run',
      fix: 'repeat or nest less',
    });
    return undefined;
  }
}

function startExpansion(model: ModelSection, context: ModelContext): Expansion {
  const { sink, names, constants, mode, seed, share } = context;
  const builder = new GraphBuilder();
  const graph: GraphExpressions = {
    pipeline: (expr) => evaluatePipeline(state, expr),
    conditional: (expr) => conditional(state, expr),
    shape: (tensor) => builder.type(tensor.id).shape,
    arithmetic: (expr, operator, left, right) => arithmetic(state, expr, operator, left, right),
    negate: (expr, operand) => negate(state, expr, operand),
    apply: (expr, layer, operands) => applyFunction(state, expr, layer, operands),
    learned: (expr) => learnedValue(state, expr),
    join: (expr, layer) => joinValues(state, expr, layer),
    share: (expr) => shareLayer(state, expr),
    collect: (expr) => collect(state, expr),
  };
  const state: Expansion = {
    context,
    builder,
    layers: new LayerContexts({ builder, mode, seed, share }, context.patterns),
    evaluation: { sink, names, values: new Map(constants), graph, dataset: context.datasetValues },
    path: new LayerPath('', labelsOf(model.body)),
    stages: 0,
    shared: [],
    calls: [],
    expanding: [],
    guessed: false,
    guesses: new Map(),
  };
  return state;
}

function expandModel(state: Expansion, model: ModelSection, { image, inputs }: ModelInputs): LoweredModel | undefined {
  const { builder } = state;
  const { dataset, batch, normalizeSpan, sink } = state.context;
  const [input, ...others] = model.inputs;
  const loc = locate(state, input.span);
  const pixels = builder.add({ op: 'input', attrs: { name: 'image' }, type: { dtype: 'u8', shape: [batch, ...image] } });
  const further = inputs.map(({ name, shape }) =>
    builder.add({ op: 'input', attrs: { name: furtherInput(name) }, type: { dtype: 'f32', shape: [batch, ...shape] } }),
  );
  const options = { layer: 'normalize', loc: normalizeSpan ? locate(state, normalizeSpan) : loc };
  const normalized =
    dataset === undefined
      ? builder.add({ op: 'input', attrs: { name: 'normalized' }, type: { dtype: 'f32', shape: [batch, ...image] }, ...options })
      : emit(builder, 'normalize', [pixels], { mean: dataset.mean, std: dataset.std }, options);
  setValue(state, input.name, { kind: 'tensor', id: normalized, origin: input.span, source: `the model's input` });
  for (const [i, { name, span }] of others.entries())
    setValue(state, name, { kind: 'tensor', id: further[i]!, origin: span, source: `the model's input \`${name.text}\`` });
  const output = evaluateBody(state, model.body);
  if (output.kind === 'tensor') {
    const values = [...auxValues(state)];
    const outputs = {
      logits: output.id,
      ...(state.context.target === 'image' && { target: normalized }),
      ...Object.fromEntries(values.map(([name, { id }]) => [auxOutput(name), id])),
    };
    const graph = attentionForm(joinUpdates(builder.finish(model.name.text, outputs)));
    const aux = values.map(([name, value]) => [name, { ...value, id: graph.outputs[auxOutput(name)]! }] as const);
    return { graph, output: { ...output, id: graph.outputs.logits! }, aux: new Map(aux) };
  }
  if (output.kind !== 'unknown') {
    const span = model.body.result?.span ?? model.body.span;
    sink.error('AMP2006', span, `the model results in ${describeKind(output)}, not in a value of the graph`, {
      fix: `let its result be \`${input.name.text} |> …\``,
    });
  }
  return undefined;
}
