import type { LowType, Node } from '../ir/types.js';
import { isLow, precisionName } from '../ir/types.js';
import { LIMITS } from '../numeric/formats.js';
import { opDefinition } from '../ops/index.js';
import { findPin } from '../precision/pins.js';
import type { LintFinding, LintInput, LintRule } from './rule.js';

export const lowPinOfFullOp: LintRule = {
  title: 'pinned to a low format against its nature',
  meaning: 'Exponentials and sums of many terms need the range and the digits of fp32.',
  check,
};

/** What becomes of exponentials and probabilities in a low format. */
const LOST_IN_EXPONENTIALS: Readonly<Record<LowType, string>> = {
  f16: `exp overflows fp16 above ${Math.log(LIMITS.f16.largest).toFixed(2)}, and a sum of probabilities keeps 3 digits`,
  bf16: 'bf16 keeps 2 to 3 digits of a probability',
};

/** What becomes of a sum along axes. */
const LOST_IN_SUMS: Readonly<Record<LowType, string>> = {
  f16: `a sum beyond ${LIMITS.f16.largest.toLocaleString('en-US')} is infinite, and one of thousands of terms keeps 3 digits of them all`,
  bf16: 'bf16 keeps 2 to 3 digits of a sum of thousands of terms',
};

/** A pin names an op or a layer: each is asked for what it would lower. */
function check({ recipe, forward }: LintInput): readonly LintFinding[] {
  const loss: Pick<Node, 'op' | 'layer'> = { op: recipe.train.loss.kind, layer: 'loss' };
  const candidates = [...forward.nodes, loss as Node];
  return recipe.precision.pins.flatMap((pin): LintFinding[] => {
    const { dtype } = pin;
    if (!isLow(dtype)) return [];
    const lowered = candidates.filter((node) => node.layer !== '' && findPin(node, recipe.precision.pins) === pin);
    const op = lowered.find((node) => {
      const { precision, operands } = opDefinition(node.op);
      return precision === 'full' && operands.some(({ format }) => format === 'class');
    })?.op;
    if (op === undefined) return [];
    return [
      {
        message: `\`keep ${pin.pattern} in ${precisionName(dtype)}\` lowers ${op}`,
        why: (opDefinition(op).kind === 'axes' ? LOST_IN_SUMS : LOST_IN_EXPONENTIALS)[dtype],
        fix: `remove the line: ${op} runs in fp32 by itself${opDefinition(op).kind === 'axes' ? '' : ', on few values'}`,
        place: { kind: 'pin', pin },
      },
    ];
  });
}
