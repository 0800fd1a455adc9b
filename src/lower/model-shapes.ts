import type { Augmentation } from '../datasets/augmentation.js';
import { DATASETS, DEFAULT_DATASET } from '../datasets/registry.js';
import type { RelatedSpan, Span } from '../diagnostics/diagnostic.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import type { FurtherInput } from '../ir/graph-names.js';
import type { LossTarget } from '../ir/program.js';
import { sameShape } from '../ir/types.js';
import { formatShape } from '../ops/window.js';
import type { Expr, ModelSection } from '../parser/ast.js';
import type { ReadDataset } from './dataset.js';
import { evaluate } from './evaluate.js';
import type { Evaluation } from './evaluation.js';
import type { LoweredModel, ModelInputs } from './model.js';

/** `model M(image: [32, 32, 3]) -> [10]`: what a model declares, without the batch. */
export interface ModelShapes extends ModelInputs {
  /** Of its result: [classes], or that of the image. */
  readonly result: readonly number[];
  /** That the labels tell apart. */
  readonly classes: number;
  readonly target: LossTarget;
}

const IMAGE = { count: 'three sizes', why: 'an image is [height, width, channels]', fix: 'such as `[32, 32, 3]` or `dataset.shape`' };
const RESULTS = {
  label: {
    rank: 1,
    count: 'one size',
    why: 'a classifier results in one number per class',
    fix: 'such as `-> [10]` or `-> [dataset.classes]`; a model that is to come near to its image has `loss mse(target: image)`',
  },
  image: { ...IMAGE, rank: 3, why: 'the loss compares the result with the image', fix: 'such as `-> [32, 32, 3]` or `-> dataset.shape`' },
} as const satisfies Record<LossTarget, unknown>;

const FURTHER = {
  count: 'one to three sizes',
  why: 'a further input is so many numbers for each image, in a shape without the batch',
  fix: 'such as `[4]`',
};

/** A list of as many sizes, or of one to three; undefined after reporting that it is none. */
function readSizes(
  expr: Expr,
  rank: number | undefined,
  what: string,
  said: typeof IMAGE,
  evaluation: Evaluation,
): readonly number[] | undefined {
  const value = evaluate(expr, evaluation);
  if (value.kind === 'unknown') return undefined;
  const items = value.kind === 'list' ? value.items : [];
  const numbers = items.flatMap((item) =>
    item.kind === 'number' && Number.isSafeInteger(item.value) && item.value > 0 ? [item.value] : [],
  );
  const isRank = rank === undefined ? items.length >= 1 && items.length <= 3 : items.length === rank;
  if (isRank && numbers.length === items.length) return numbers;
  if (items.some((item) => item.kind === 'unknown')) return undefined;
  const { count, why, fix } = said;
  evaluation.sink.error('AMP3004', expr.span, `the shape of ${what} is a list of ${count}`, { why, fix });
  return undefined;
}

/** What a model takes besides its image; undefined after reporting that it cannot have that. */
function readFurther(
  inputs: ModelSection['inputs'],
  data: ReadDataset | undefined,
  evaluation: Evaluation,
): readonly FurtherInput[] | undefined {
  const [first] = inputs;
  if (first !== undefined && data !== undefined && data.spec.source.kind !== 'npz') {
    const { name } = data.spec;
    const arrays = ['train', 'test'].map((side) => `\`${first.name.text}_${side}\``).join(' and ');
    evaluation.sink.error('AMP3004', first.span, `${name} has nothing to give for \`${first.name.text}\``, {
      why: 'the first input is the image; others are further arrays of numpy, which only a data set of such files has',
      fix: `save it beside the images, as ${arrays}, and take \`dataset npz("data.npz")\``,
    });
    return undefined;
  }
  const read = inputs.map(({ name, shape }) => {
    const sizes = readSizes(shape, undefined, `\`${name.text}\``, FURTHER, evaluation);
    return sizes && { name: name.text, shape: sizes };
  });
  return read.every((input) => input !== undefined) ? read : undefined;
}

/** What a result of this shape would be compared with, where the loss does not say it because there is a mistake in it. */
function targetOf(output: Expr, evaluation: Evaluation): LossTarget {
  const value = evaluate(output, evaluation);
  return value.kind === 'list' && value.items.length === RESULTS.image.rank ? 'image' : 'label';
}

/** What a model with mistakes most likely takes, to go on with the rest of it; nothing is reported. */
export function likelyShapes(model: ModelSection, evaluation: Evaluation, data: ReadDataset | undefined): ModelInputs {
  const { sink } = evaluation;
  const [input, ...others] = model.inputs;
  const image = sink.unheard(() => input && readSizes(input.shape, 3, 'the image', IMAGE, evaluation));
  const inputs = others.map(({ name, shape }) => {
    const sizes = sink.unheard(() => readSizes(shape, undefined, `\`${name.text}\``, FURTHER, evaluation));
    return { name: name.text, shape: sizes ?? [1] };
  });
  return { image: image ?? data?.spec.image ?? DATASETS[DEFAULT_DATASET].image, inputs };
}

/** The declared shapes of a model, checked against the data set where that is known. `written`: what the loss compares its result with. */
export function readShapes(
  model: ModelSection,
  evaluation: Evaluation,
  data: ReadDataset | undefined,
  written: LossTarget | undefined,
): ModelShapes | undefined {
  const { sink } = evaluation;
  const [input, ...others] = model.inputs;
  if (input === undefined) {
    sink.error('AMP3004', model.name.span, 'a model takes an image', {
      fix: `write \`model ${model.name.text}(image: [32, 32, 3])\``,
    });
    return undefined;
  }
  const image = readSizes(input.shape, 3, 'the image', IMAGE, evaluation);
  const target = written ?? targetOf(model.output, evaluation);
  const inputs = readFurther(others, data, evaluation);
  const expected = RESULTS[target];
  const result = readSizes(model.output, expected.rank, 'the result', expected, evaluation);
  if (image === undefined || inputs === undefined || result === undefined) return undefined;
  const at = (span: Span | undefined, message: string): RelatedSpan[] => (span === undefined ? [] : [{ span, message }]);
  const isFed = data === undefined || sameShape(image, data.spec.image);
  if (!isFed) {
    const { spec, span, sizeSpan } = data;
    const shape = formatShape(spec.image);
    sink.error('AMP4007', input.shape.span, `the model takes ${formatShape(image)}, the images of ${spec.name} are ${shape}`, {
      fix: `write \`${input.name.text}: ${shape}\``,
      edits: [{ ...input.shape.span, text: shape }],
      related: sizeSpan === undefined ? at(span, 'the data set') : at(sizeSpan, 'the size of the images'),
    });
  }
  if (target === 'image') {
    if (!isFed) return undefined;
    if (sameShape(image, result)) return { image, inputs, result, classes: data?.classes ?? 1, target };
    sink.error('AMP4007', model.output.span, `the model results in ${formatShape(result)}, its image is ${formatShape(image)}`, {
      why: expected.why,
      fix: `write \`-> ${formatShape(image)}\`, or leave out \`target: image\``,
      edits: [{ ...model.output.span, text: formatShape(image) }],
    });
    return undefined;
  }
  const [classes] = result as readonly [number];
  if (data?.classes !== undefined && classes !== data.classes) {
    sink.error('AMP4007', model.output.span, `the model results in ${classes} classes, ${data.spec.name} has ${data.classes}`, {
      fix: `write \`-> [${data.classes}]\``,
      edits: [{ ...model.output.span, text: `[${data.classes}]` }],
      related: at(data.span, 'the data set'),
    });
    return undefined;
  }
  return isFed ? { image, inputs, result, classes, target } : undefined;
}

/** How a model comes to end in the shape that it declares. */
function ending({ result, classes, target }: ModelShapes, shape: readonly number[]): string {
  if (target === 'image') {
    const channels = result.at(-1);
    const isSize = shape.length === 3 && sameShape(shape.slice(0, 2), result.slice(0, 2));
    const last = `\`conv2d(${channels}, kernel: 1)\``;
    if (isSize) return `let the last layer be ${last}`;
    return `bring it to ${result[0]} rows and ${result[1]} columns with \`conv_transpose2d\` or \`upsample\`, then ${last}`;
  }
  if (shape.length === 1) return `let the last layer be \`linear(${classes})\``;
  const pooled = shape.length === 3 ? ` or \`global_avg_pool |> linear(${classes})\`` : '';
  return `end with \`flatten |> linear(${classes})\`${pooled}`;
}

/** Reports a model that does not result in what it declares. */
export function checkOutput(model: ModelSection, { graph, output }: LoweredModel, shapes: ModelShapes, sink: DiagnosticSink): void {
  const shape = graph.nodes[output.id].type.shape.slice(1);
  if (sameShape(shape, shapes.result)) return;
  sink.error('AMP3003', model.output.span, `the model declares ${formatShape(shapes.result)}, but results in ${formatShape(shape)}`, {
    why: shapes.target === 'label' ? 'the loss compares one number per class with the label' : RESULTS.image.why,
    fix: ending(shapes, shape),
    related: [{ span: output.origin, message: `${formatShape(shape)} comes from ${output.source}` }],
  });
}

/** Reports augmentations that join images, of a model that takes more of each: what that would be is not known. */
export function checkFurther(model: ModelSection, { inputs }: ModelShapes, augment: readonly Augmentation[], sink: DiagnosticSink): void {
  const mixing = augment.find(({ kind }) => kind === 'mixup' || kind === 'cutmix');
  if (inputs.length === 0 || mixing === undefined) return;
  sink.error('AMP4009', model.inputs[1]?.span, `\`${mixing.kind}\` joins images, and not what belongs to them`, {
    why: `of two joined images \`${inputs[0]!.name}\` would be that of one`,
    fix: `leave out \`${mixing.kind}\``,
  });
}
