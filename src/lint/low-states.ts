import type { OptimizerSpec } from '../ir/optimizer.js';
import { precisionName } from '../ir/types.js';
import { FORMATS, LIMITS, type LowType } from '../numeric/formats.js';
import { updateRule } from '../ops/update-rules.js';
import { formatNumber, type LintFinding, type LintRule } from './rule.js';

/** The share of a number that its next neighbours are nearer than: what changes it by less leaves it as it is. */
const halfStep = (format: LowType): number => 2 ** -(FORMATS[format].fractionBits + 2);

const exponential = (value: number): string => value.toExponential(0);

/** How much of a mean of squared gradients one step can take off; undefined: the optimizer keeps none. */
function decayOf(optimizer: OptimizerSpec): number | undefined {
  if (!Object.hasOwn(updateRule(optimizer).slots(optimizer), 'v')) return undefined;
  return 'alpha' in optimizer ? 1 - optimizer.alpha : 'beta2' in optimizer ? 1 - optimizer.beta2 : undefined;
}

/** Who divides by the root of that mean takes steps about as long as the rate, whatever the gradients are. */
const stepOf = (optimizer: OptimizerSpec): string =>
  decayOf(optimizer) === undefined ? '' : `: a step of ${optimizer.kind} is about lr, ${formatNumber(optimizer.lr)}`;

export const lowMasters: LintRule = {
  title: 'weights without f32 masters',
  meaning: 'What changes a weight by less than half a unit of its last place changes nothing, however many steps say the same.',
  check: ({ recipe }) => {
    const { masters } = recipe.precision;
    if (masters === undefined) return [];
    const share = formatNumber(1 / halfStep(masters) / 2);
    const name = precisionName(masters);
    return [
      {
        message: `weights live in ${name}, so updates below 1/${share} of a weight may be lost`,
        why: `each update is rounded to ${name}, and nothing remembers what that cut off${stepOf(recipe.train.optimizer)}`,
        fix: 'leave `masters` out, or train with large rates and compare the accuracy with masters fp32',
        place: { kind: 'setting', section: 'precision', name: 'masters' },
      },
    ];
  },
};

export const lowSquares: LintRule = {
  title: 'mean of squares in a low format',
  meaning: 'Squares of small gradients become 0 in fp16, and in bf16 a mean that moves by less than half a unit stays where it is.',
  check: ({ recipe }) => {
    const { optimizerState } = recipe.precision;
    const optimizers = [recipe.train.optimizer, ...(recipe.train.groups ?? []).flatMap(({ optimizer }) => optimizer ?? [])];
    const found = optimizers.find((optimizer) => decayOf(optimizer) !== undefined);
    if (optimizerState === undefined || found === undefined) return [];
    return finding(optimizerState, found.kind, decayOf(found)!);
  },
};

function finding(format: LowType, kind: string, decay: number): readonly LintFinding[] {
  const name = precisionName(format);
  const least = LIMITS[format].smallestSubnormal / 2;
  const smallest = exponential(Math.sqrt(least / decay));
  const reasons = [
    ...(least > 1e-20 ? [`a square of a gradient below ${smallest} adds 0 to it, and the step is divided by eps alone`] : []),
    ...(decay < halfStep(format)
      ? [`it cannot fall: ${formatNumber(decay)} of it, what a step takes off, is less than rounding keeps`]
      : []),
  ];
  if (reasons.length === 0) return [];
  return [
    {
      message: `the mean of squares of ${kind} is kept in ${name}`,
      why: reasons.join('; '),
      fix: 'leave `optimizer_state` out for such an optimizer, or use sgd or lion, whose momentum can do with fewer digits',
      place: { kind: 'setting', section: 'precision', name: 'optimizer_state' },
    },
  ];
}
