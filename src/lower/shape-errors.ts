import type { RelatedSpan, Span } from '../diagnostics/diagnostic.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import { isOpName, opDefinition } from '../ops/index.js';
import type { ConstraintError } from '../ops/op.js';
import { formatShape } from '../ops/window.js';
import type { Tensor } from './value.js';

/** A graph value that a failed layer was given, with what the user calls it. */
export interface Operand {
  readonly name: string;
  readonly tensor: Tensor;
  /** Without the batch. */
  readonly shape: readonly number[];
}

const WINDOW = /^(conv2d|max_pool2d|avg_pool2d)_c4$/;

const FIXES: Readonly<Record<string, string>> = {
  linear_c1: 'put `flatten` or `global_avg_pool` before it',
  conv2d_c1: 'use it before `flatten`, or make an image with `reshape([height, width, channels])`',
  max_pool2d_c1: 'use it before `flatten`, or make an image with `reshape([height, width, channels])`',
  avg_pool2d_c1: 'use it before `flatten`, or make an image with `reshape([height, width, channels])`',
  global_avg_pool_c1: 'use it before `flatten`',
  add_c1: 'bring one to the shape of the other: `conv2d(channels, kernel: 1, stride: 2)` changes channels and size',
  sub_c1: 'bring one to the shape of the other: `conv2d(channels, kernel: 1, stride: 2)` changes channels and size',
  mul_c1: 'bring one to the shape of the other: `conv2d(channels, kernel: 1, stride: 2)` changes channels and size',
  concat_c3: 'only the sizes along the axis may differ',
  max_pool2d_c5: 'use less padding or a larger window',
};

function ruleOf(label: string): string | undefined {
  const op = label.replace(/_c\d+$/, '');
  return isOpName(op) ? opDefinition(op).constraints[label] : undefined;
}

/** Reports an op's broken constraint at the layer that emitted it, with the shapes of its operands and where each comes from. */
export function reportConstraint(
  error: ConstraintError,
  layer: { readonly name: string; readonly span: Span },
  operands: readonly Operand[],
  caller: Span | undefined,
  sink: DiagnosticSink,
): void {
  const { label } = error;
  const rule = ruleOf(label);
  const related: RelatedSpan[] = operands.map(({ name, tensor, shape }) => ({
    span: tensor.origin,
    message: `${name} is ${formatShape(shape)}, from ${tensor.source}`,
  }));
  if (caller !== undefined) related.push({ span: caller, message: 'in this call' });
  const window = WINDOW.test(label);
  const image = operands[0]?.shape;
  sink.error(
    window ? 'AMP3002' : 'AMP3001',
    layer.span,
    window ? `in \`${layer.name}\`, ${error.message}` : `\`${layer.name}\` does not fit: ${error.message}`,
    {
      why: rule === undefined ? `constraint ${label}` : `${rule} (${label})`,
      fix:
        window && image !== undefined
          ? `use a kernel of at most ${image[0]}x${image[1]}, or padding, or shrink the image less before it`
          : FIXES[label],
      related,
    },
  );
}
