import type { RelatedSpan } from '../diagnostics/diagnostic.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import type { Graph } from '../ir/types.js';
import { formatShape } from '../ops/window.js';
import type { ModelSection } from '../parser/ast.js';
import type { ReadDataset } from './dataset.js';
import { evaluate } from './evaluate.js';
import type { Evaluation } from './evaluation.js';
import type { Tensor } from './value.js';

/** `model M(image: [32, 32, 3]) -> [10]`: the image it takes, and how many classes it tells apart. */
interface ModelShapes {
  readonly image: readonly number[];
  readonly classes: number;
}

/** A list of `length` sizes; undefined after reporting that it is none. */
function sizes(expr: ModelSection['output'], length: 1 | 3, evaluation: Evaluation): readonly number[] | undefined {
  const value = evaluate(expr, evaluation);
  if (value.kind === 'unknown' || (value.kind === 'list' && value.items.some((item) => item.kind === 'unknown'))) return undefined;
  const items = value.kind === 'list' ? value.items : [];
  const numbers = items.flatMap((item) =>
    item.kind === 'number' && Number.isSafeInteger(item.value) && item.value > 0 ? [item.value] : [],
  );
  if (numbers.length === length && items.length === length) return numbers;
  const what = length === 1 ? 'the result' : 'the image';
  evaluation.sink.error('AMP3004', expr.span, `the shape of ${what} is a list of ${length === 1 ? 'one size' : 'three sizes'}`, {
    why: length === 1 ? 'a classifier results in one number per class' : 'an image is [height, width, channels]',
    fix: length === 1 ? 'such as `-> [10]` or `-> [dataset.classes]`' : 'such as `[32, 32, 3]` or `dataset.shape`',
  });
  return undefined;
}

/** The declared shapes of a model, checked against the data set where that is known. */
export function readShapes(model: ModelSection, evaluation: Evaluation, data: ReadDataset | undefined): ModelShapes | undefined {
  const { sink } = evaluation;
  const [input, ...others] = model.inputs;
  if (input === undefined || others.length > 0) {
    sink.error('AMP3004', others[0]?.span ?? model.name.span, 'a model takes exactly one input, the image', {
      fix: `write \`model ${model.name.text}(image: [32, 32, 3])\``,
    });
    return undefined;
  }
  const image = sizes(input.shape, 3, evaluation);
  const output = sizes(model.output, 1, evaluation);
  if (image === undefined || output === undefined) return undefined;
  const [classes] = output as readonly [number];
  if (data === undefined) return { image, classes };
  const at = (span: typeof data.span, message: string): RelatedSpan[] => (span === undefined ? [] : [{ span, message }]);
  const { spec, span, sizeSpan } = data;
  if (formatShape(image) !== formatShape(spec.image)) {
    const shape = formatShape(spec.image);
    sink.error('AMP4007', input.shape.span, `the model takes ${formatShape(image)}, the images of ${spec.name} are ${shape}`, {
      fix: `write \`${input.name.text}: ${shape}\``,
      related: sizeSpan === undefined ? at(span, 'the data set') : at(sizeSpan, 'the size of the images'),
    });
    return undefined;
  }
  if (data.classes !== undefined && classes !== data.classes) {
    sink.error('AMP4007', model.output.span, `the model results in ${classes} classes, ${spec.name} has ${data.classes}`, {
      fix: `write \`-> [${data.classes}]\``,
      related: at(span, 'the data set'),
    });
    return undefined;
  }
  return { image, classes };
}

/** What the body of a model results in is what the model declares. */
export function checkOutput(model: ModelSection, graph: Graph, output: Tensor, classes: number, sink: DiagnosticSink): void {
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
