import type { RelatedSpan, Span } from '../diagnostics/diagnostic.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import { isOpName, opDefinition } from '../ops/index.js';
import type { ConstraintError } from '../ops/op.js';
import { formatShape } from '../ops/window.js';
import { ADVICE, type Operand, windowAdvice } from './shape-advice.js';

const WINDOW = /^(conv2d|max_pool2d|avg_pool2d|clipped_avg_pool2d)_c4$/;

/** Of a layer that is more than one op. */
const LAYER_RULES: ReadonlyMap<string, string> = new Map([
  ['batch_norm_layer_c1', 'the variance of a single value is 0'],
  ['conv_transpose2d_layer_c1', 'more rows or columns than the stride would belong to no element of the image'],
  ['conv_transpose2d_layer_c2', 'padding leaves out rows and columns of the result'],
  ['attention_layer_c1', 'each position attends to all others'],
  ['attention_layer_c2', 'the heads divide the features'],
  ['split_c1', 'the sections are all of the axis'],
  ['reduce_axes_c1', 'the axes are some of those of the value'],
  ['init_c1', 'inputs and outputs are the last two axes of a weight'],
  ['init_c2', 'each group has as many outputs'],
  ['shared_c1', 'all uses of a shared layer have its weights in common'],
  ['channel_shuffle_layer_c1', 'groups have equally many channels'],
  ['glu_layer_c1', 'each channel of the first half has a gate in the second'],
  ['layer_norm_axes_c1', 'the axes are the last ones of the value'],
  ['group_norm_layer_c1', 'groups have equally many channels'],
  ['group_norm_layer_c2', 'less the mean, a single value is 0'],
  ['instance_norm_layer_c1', 'less the mean, a single value is 0'],
  ['softmax_axis_c1', 'the axis is one of the value'],
  ['softmax_layer_c1', 'a causal softmax goes along the last axis, and counts rows along the one before'],
  ['softmax_layer_c2', 'the rows and columns of a causal softmax are positions'],
]);

function ruleOf(label: string): string | undefined {
  const op = label.replace(/_c\d+$/, '');
  return isOpName(op) ? opDefinition(op).constraints[label] : LAYER_RULES.get(label);
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
  sink.error(
    window ? 'AMP3002' : 'AMP3001',
    layer.span,
    window ? `in \`${layer.name}\`, ${error.message}` : `\`${layer.name}\` does not fit: ${error.message}`,
    {
      why: rule === undefined ? `constraint ${label}` : `${rule} (${label})`,
      fix: window ? windowAdvice(operands) : ADVICE.get(label)?.(operands),
      related,
    },
  );
}
