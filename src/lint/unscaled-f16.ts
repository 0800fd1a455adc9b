import { F16_LEAST_EXPONENT } from '../precision/exponents.js';
import { type LintFinding, type LintInput, type LintRule, LOSS_SCALE_SETTING } from './rule.js';

/** The smallest positive f16. */
const F16_MIN = 2 ** F16_LEAST_EXPONENT;

export const unscaledF16: LintRule = {
  title: 'fp16 without loss scaling',
  meaning: 'Gradients below 6e-8 become 0 in fp16.',
  check,
};

function check({ recipe, scaling }: LintInput): readonly LintFinding[] {
  const { compute, pins } = recipe.precision;
  if (scaling.kind !== 'none' || compute === 'bf16') return [];
  const pin = pins.find(({ dtype }) => dtype === 'f16');
  if (compute !== 'f16' && pin === undefined) return [];
  return [
    {
      message: compute === 'f16' ? 'fp16 without loss scaling' : `\`keep ${pin!.pattern} in fp16\` without loss scaling`,
      why: `gradients smaller than ${F16_MIN.toExponential(0)} become 0 in fp16, and what they would have taught is lost`,
      fix: 'use loss_scale dynamic(), or compute bf16',
      place: compute === 'f16' ? LOSS_SCALE_SETTING : { kind: 'pin', pin: pin! },
    },
  ];
}
