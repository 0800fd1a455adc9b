import { compileProgram, type PassOptions } from '../../src/compile.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import { divideEpoch } from '../../src/ir/epoch.js';
import { auxOutput } from '../../src/ir/graph-names.js';
import { comparesImages, type PrecisionSpec, type Program, type Recipe, type TrainSpec } from '../../src/ir/program.js';
import type { Graph, Shape, ValueId } from '../../src/ir/types.js';
import { LayerContexts, type ParameterPattern } from '../../src/lower/layer-context.js';
import { LAYERS } from '../../src/lower/layers.js';
import { emit } from '../../src/ops/emit.js';
import type { ArgValue } from '../../src/ops/layer.js';
import type { Plan, PlanFunction } from '../../src/plan/plan.js';
import { defaultTarget, type PlanTarget } from '../../src/plan/target.js';

export interface CallOptions {
  /** Name of the layer; by default its kind and a number. */
  readonly as?: string;
  /** Further values, as the second operand of `add`. */
  readonly values?: readonly ValueId[];
}

/** Applies layers of the language to values, without a `.amp` file and with images of any size. */
export interface Layers {
  readonly image: ValueId;
  call(layer: string, input: ValueId, args?: Readonly<Record<string, ArgValue>>, options?: CallOptions): ValueId;
  /** Without the batch. */
  shape(value: ValueId): Shape;
}

/** A model: from the normalized image to the logits, or to an image, where the loss compares it with that. */
export type Model = (layers: Layers) => ValueId;

/** A model that also has values with losses of their own. */
export type ModelWithHeads = (layers: Layers) => { readonly logits: ValueId; readonly aux: Readonly<Record<string, ValueId>> };

export interface ProgramOptions {
  readonly batch?: number;
  readonly image?: readonly [number, number, number];
  /** Training images; what is left of them at the end of an epoch is trained in a smaller step. By default nothing is. */
  readonly images?: number;
  readonly mean?: number;
  readonly std?: number;
  readonly precision?: Partial<PrecisionSpec>;
  readonly train?: Partial<TrainSpec>;
  /** What is said of parameters and statistics by name. */
  readonly patterns?: readonly ParameterPattern[];
}

function forwardGraph(
  model: Model | ModelWithHeads,
  mode: 'train' | 'eval',
  recipe: Recipe,
  batch: number,
  patterns: readonly ParameterPattern[] = [],
): Graph {
  const builder = new GraphBuilder();
  const { dataset, inputShape } = recipe;
  const pixels = builder.add({ op: 'input', attrs: { name: 'image' }, type: { dtype: 'u8', shape: [batch, ...inputShape] } });
  const counters = new Map<string, number>();
  const layers = new LayerContexts({ builder, mode, seed: recipe.train.seed }, patterns);
  const image = emit(builder, 'normalize', [pixels], { mean: dataset.mean, std: dataset.std }, { layer: 'normalize' });

  const call: Layers['call'] = (name, input, args = {}, options = {}) => {
    const definition = LAYERS[name];
    counters.set(name, (counters.get(name) ?? 0) + 1);
    const path = options.as ?? `${name}_${counters.get(name)}`;
    const loc = { line: builder.nodes.length, column: 3 };
    const defaults = Object.fromEntries(definition.params.flatMap((p) => (p.default === undefined ? [] : [[p.name, p.default]])));
    const result = definition.build(layers.for({ input, values: options.values ?? [], args: { ...defaults, ...args }, path, loc }));
    if (typeof result !== 'number') throw new Error(`${name} has several results`);
    return result;
  };
  const result = model({ image, call, shape: (value) => builder.type(value).shape.slice(1) });
  const { logits, aux } = typeof result === 'number' ? { logits: result, aux: {} } : result;
  const losses = [recipe.train.loss, ...(recipe.train.auxLosses ?? []).map(({ loss }) => loss)];
  const trained = mode === 'train' ? Object.entries(aux).map(([name, value]) => [auxOutput(name), value]) : [];
  return builder.finish('forward', { logits, ...Object.fromEntries(trained), ...(losses.some(comparesImages) && { target: image }) });
}

export const ADAM = { kind: 'adam', lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0 } as const;
export const SGD = { kind: 'sgd', lr: 0.1, momentum: 0, nesterov: false, weightDecay: 0 } as const;

/** The program of a model; by default fp16 under `mixed`, adam, batches of 2 images of 8x8x3. */
export function programOf(model: Model | ModelWithHeads, options: ProgramOptions = {}): Program {
  const { batch = 2, image = [8, 8, 3], mean = 0.5, std = 0.5 } = options;
  const perChannel = (value: number) => Array.from({ length: image[2] }, () => value);
  const recipe: Recipe = {
    model: 'Net',
    inputShape: image,
    classes: 10,
    dataset: {
      name: 'cifar10',
      source: { kind: 'known', name: 'cifar10' },
      image,
      mean: perChannel(mean),
      std: perChannel(std),
      augment: [],
    },
    precision: { compute: 'f16', policy: 'mixed', lossScaling: undefined, pins: [], ...options.precision },
    train: {
      loss: { kind: 'cross_entropy', labelSmoothing: 0, reduction: 'mean' },
      optimizer: ADAM,
      schedule: { kind: 'constant' },
      warmup: 0,
      clip: 0,
      batch,
      accumulate: 1,
      dropLast: options.images === undefined,
      epochs: 1,
      seed: 0,
      onLostLoss: 'stop',
      ...options.train,
    },
  };
  const { accumulate, dropLast } = recipe.train;
  const { tail } = divideEpoch(options.images ?? 0, batch, accumulate, dropLast);
  const graphs = { train: forwardGraph(model, 'train', recipe, batch, options.patterns), eval: forwardGraph(model, 'eval', recipe, batch) };
  if (tail === undefined) return { recipe, ...graphs };
  return { recipe, ...graphs, tail: { before: tail.before, train: forwardGraph(model, 'train', recipe, tail.last) } };
}

export function planOf(
  model: Model,
  options: ProgramOptions = {},
  { target = defaultTarget('reference'), ...passes }: PassOptions & { readonly target?: PlanTarget } = {},
): Plan {
  return compileProgram(programOf(model, options), target, passes);
}

/** The training step of `planOf`. */
export function trainStepOf(model: Model, options: ProgramOptions = {}): PlanFunction {
  return planOf(model, options).functions[0];
}
