import type { DatasetInfo } from '../datasets/registry.js';
import type { Span } from '../diagnostics/diagnostic.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import type { Graph } from '../ir/types.js';
import { formatShape } from '../ops/window.js';
import type { ModelSection } from '../parser/ast.js';
import { evaluate } from './evaluate.js';
import type { Evaluation } from './evaluation.js';
import type { Tensor } from './value.js';

/** `model M(image: [32, 32, 3]) -> [10]`: the image it takes, and how many classes it tells apart. */
interface ModelShapes {
  readonly image: readonly number[];
  readonly classes: number;
}

/** The declared shapes of a model, checked against the data set where that is known. */
export function readShapes(
  model: ModelSection,
  evaluation: Evaluation,
  data: (DatasetInfo & { readonly name: string; readonly span: Span | undefined }) | undefined,
): ModelShapes | undefined {
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
