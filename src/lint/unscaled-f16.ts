import { isLow, precisionName } from '../ir/types.js';
import { hasShortRange, LIMITS } from '../numeric/formats.js';
import { type LintFinding, type LintInput, type LintRule, LOSS_SCALE_SETTING } from './rule.js';

export const unscaledF16: LintRule = {
  title: 'fp16 without loss scaling',
  meaning: `Gradients below ${LIMITS.f16.smallestSubnormal.toExponential(0)} become 0 in fp16.`,
  check,
};

function check({ recipe, scaling }: LintInput): readonly LintFinding[] {
  const { compute, pins } = recipe.precision;
  if (scaling.kind !== 'none' || (isLow(compute) && !hasShortRange(compute))) return [];
  const pin = hasShortRange(compute) ? undefined : pins.find(({ dtype }) => hasShortRange(dtype));
  const format = pin === undefined ? compute : pin.dtype;
  if (!hasShortRange(format)) return [];
  const name = precisionName(format);
  const smallest = LIMITS[format].smallestSubnormal.toExponential(0);
  return [
    {
      message: `${pin === undefined ? name : `\`keep ${pin.pattern} in ${name}\``} without loss scaling`,
      why: `gradients smaller than ${smallest} become 0 in ${name}, and what they would have taught is lost`,
      fix: 'use loss_scale dynamic(), or compute bf16',
      place: pin === undefined ? LOSS_SCALE_SETTING : { kind: 'pin', pin },
    },
  ];
}
