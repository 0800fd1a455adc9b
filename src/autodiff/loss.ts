import type { GraphBuilder } from '../ir/builder.js';
import type { LossKind, LossSpec } from '../ir/program.js';
import type { Attrs, ValueId } from '../ir/types.js';
import { emit } from '../ops/emit.js';
import { opDefinition } from '../ops/index.js';

/** What a sigmoid reads, if it results in the value: the logarithms of its probabilities are taken of the logits, where they are finite. */
function beforeSigmoid(builder: GraphBuilder, value: ValueId): ValueId {
  const { op, inputs } = builder.nodes[value]!;
  return opDefinition(op).probabilities === 'independent' ? inputs[0]! : value;
}

interface LossRule {
  readonly attrs: (spec: LossSpec) => Attrs;
  /** What the loss reads of a model that results in `value`. */
  readonly reads: (builder: GraphBuilder, value: ValueId) => ValueId;
}

const noAttrs = (): Attrs => ({});
const asItIs = (_: GraphBuilder, value: ValueId): ValueId => value;

const RULES: Readonly<Record<LossKind, LossRule>> = {
  cross_entropy: { attrs: ({ labelSmoothing }) => ({ label_smoothing: labelSmoothing }), reads: asItIs },
  mse: { attrs: noAttrs, reads: asItIs },
  binary_cross_entropy: { attrs: noAttrs, reads: beforeSigmoid },
};

/** Appends a loss, which is the op of its name, to a forward graph: the loss, and how many rows have the right class. */
export function addLoss(
  builder: GraphBuilder,
  logits: ValueId,
  label: ValueId,
  spec: LossSpec,
): { readonly loss: ValueId; readonly correct: ValueId } {
  const { attrs, reads } = RULES[spec.kind];
  const inputs = [reads(builder, logits), label];
  const correct = emit(builder, 'correct_count', inputs, {}, { why: 'training accuracy, reported' });
  return { loss: emit(builder, spec.kind, inputs, attrs(spec), { layer: 'loss' }), correct };
}
