import { precisionName } from '../ir/types.js';
import { hasShortRange } from '../numeric/formats.js';
import { type LintFinding, type LintInput, type LintRule, LOSS_SCALE_SETTING } from './rule.js';

export const uselessScaling: LintRule = {
  title: 'loss scaling that protects nothing',
  meaning: 'Only fp16 has a range so short that gradients need a scale.',
  check,
};

function check({ recipe, scaling }: LintInput): readonly LintFinding[] {
  const { compute, pins } = recipe.precision;
  if (scaling.kind === 'none' || [compute, ...pins.map(({ dtype }) => dtype)].some(hasShortRange)) return [];
  return [
    {
      message: `loss scaling with ${precisionName(compute)}`,
      why: `${precisionName(compute)} has the range of fp32: gradients do not vanish, and the finite check and the scaling cost time`,
      fix: 'remove loss_scale',
      place: LOSS_SCALE_SETTING,
    },
  ];
}
