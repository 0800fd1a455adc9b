import type { Recipe } from '../ir/program.js';
import { assertNever, precisionName } from '../ir/types.js';
import { hasShortRange, LIMITS } from '../numeric/formats.js';
import { computesIn, formatNumber, type LintFinding, type LintInput, type LintRule, LOSS_SCALE_SETTING } from './rule.js';

export const scaleTooLarge: LintRule = {
  title: 'loss scale too large for fp16',
  meaning: 'The very first gradient, that of the logits, would overflow.',
  check,
};

/**
 * The largest gradient of a logit when training starts, where all classes are about equally likely, without loss scale: (p - y) / N of
 * cross_entropy, 2 (x - y) / (N C) of mse, (1/2 - y) / (N C) of binary_cross_entropy.
 */
function firstLogitGradient({ train, classes }: Recipe): number {
  const images = train.batch * train.accumulate;
  const { kind, labelSmoothing } = train.loss;
  switch (kind) {
    case 'cross_entropy':
      return ((1 - labelSmoothing) * (1 - 1 / classes)) / images;
    case 'mse':
      return 2 / (images * classes);
    case 'binary_cross_entropy':
      return 0.5 / (images * classes);
    default:
      return assertNever(kind);
  }
}

function check({ recipe, scaling, forward }: LintInput): readonly LintFinding[] {
  const logits = forward.nodes[forward.outputs.logits!]!;
  const format = computesIn(logits, recipe);
  if (scaling.kind === 'none' || !hasShortRange(format)) return [];
  const { largest } = LIMITS[format];
  const limit = largest / firstLogitGradient(recipe);
  const first = firstLogitGradient(recipe).toPrecision(2);
  const why =
    `the gradient of the logits starts at ${first} times the scale, ` +
    `and the largest ${precisionName(format)} is ${formatNumber(largest)}`;
  if (scaling.kind === 'static') {
    if (scaling.scale <= limit) return [];
    const fix = `use a scale below ${formatNumber(limit)}, with room for larger gradients, or loss_scale dynamic()`;
    return [{ message: `a loss scale of ${formatNumber(scaling.scale)} overflows in the first step`, why, fix, place: LOSS_SCALE_SETTING }];
  }
  if (scaling.floor > limit)
    return [
      {
        message: `the loss scale may not fall below ${formatNumber(scaling.floor)}, where the first gradient overflows`,
        why,
        fix: 'remove `floor`: it is 1 by default',
        place: LOSS_SCALE_SETTING,
      },
    ];
  if (scaling.init <= limit) return [];
  const skips = Math.ceil(Math.log(limit / scaling.init) / Math.log(scaling.backoff));
  const end = skips >= scaling.abortAfter ? ', and the run then stops' : '';
  return [
    {
      message: `a loss scale that starts at ${formatNumber(scaling.init)} skips the first ${skips === 1 ? 'step' : `${skips} steps`}${end}`,
      why,
      fix: `use init: ${formatNumber(2 ** Math.floor(Math.log2(limit / 16)))}`,
      place: LOSS_SCALE_SETTING,
    },
  ];
}
