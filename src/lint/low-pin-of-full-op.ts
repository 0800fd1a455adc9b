import type { Node } from '../ir/types.js';
import { precisionName } from '../ir/types.js';
import { opDefinition } from '../ops/index.js';
import { findPin } from '../precision/pins.js';
import type { LintFinding, LintInput, LintRule } from './rule.js';

export const lowPinOfFullOp: LintRule = {
  title: 'pinned to a low format against its nature',
  meaning: 'Exponentials and sums of many terms need the range and the digits of fp32.',
  check,
};

/** A pin names an op or a layer: each is asked for what it would lower. */
function check({ recipe, forward }: LintInput): readonly LintFinding[] {
  const loss: Pick<Node, 'op' | 'layer'> = { op: recipe.train.loss.kind, layer: 'loss' };
  const candidates = [...forward.nodes, loss as Node];
  return recipe.precision.pins.flatMap((pin): LintFinding[] => {
    if (pin.dtype === 'f32') return [];
    const lowered = candidates.filter((node) => node.layer !== '' && findPin(node, recipe.precision.pins) === pin);
    const op = lowered.find((node) => {
      const { precision, operands } = opDefinition(node.op);
      return precision === 'full' && operands.some(({ format }) => format === 'class');
    })?.op;
    if (op === undefined) return [];
    const why =
      pin.dtype === 'f16'
        ? 'exp overflows fp16 above 11.09, and a sum of probabilities keeps 3 digits'
        : 'bf16 keeps 2 to 3 digits of a probability';
    return [
      {
        message: `\`keep ${pin.pattern} in ${precisionName(pin.dtype)}\` lowers ${op}`,
        why,
        fix: `remove the line: ${op} runs in fp32 by itself, on few values`,
        place: { kind: 'pin', pin },
      },
    ];
  });
}
