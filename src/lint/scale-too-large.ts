import type { CrossEntropySpec, LossSpec, Recipe } from '../ir/program.js';
import { assertNever, elementCount, precisionName } from '../ir/types.js';
import { hasShortRange, LIMITS } from '../numeric/formats.js';
import { totalDivisor } from '../ops/row-totals.js';
import { computesIn, formatNumber, type LintFinding, type LintInput, type LintRule, LOSS_SCALE_SETTING } from './rule.js';

export const scaleTooLarge: LintRule = {
  title: 'loss scale too large for fp16',
  meaning: 'The very first gradient, that of the logits, would overflow.',
  check,
};

/**
 * The largest gradient of a logit when training starts, where all classes are about equally likely, without loss scale, of the loss of one
 * image: (p - y) of cross_entropy, 2 (x - y) of mse, (1/2 - y) of binary_cross_entropy; an image is about 1 from a result near 0.
 */
function firstOfImage(loss: LossSpec, classes: number): number {
  switch (loss.kind) {
    case 'cross_entropy':
      return (1 - loss.labelSmoothing) * (1 - 1 / classes) * largestWeight(loss);
    case 'mse':
      return 2;
    case 'l1':
      return 1;
    case 'huber':
      return Math.min(1, loss.delta);
    case 'binary_cross_entropy':
      return 0.5;
    case 'focal':
      return Math.max(loss.alpha, 1 - loss.alpha) * 0.5 ** loss.gamma * (0.5 + 0.5 * loss.gamma * Math.LN2);
    default:
      return assertNever(loss);
  }
}

/** Of the classes, as a share of their mean where the loss is a mean. */
function largestWeight({ weights, reduction }: CrossEntropySpec): number {
  if (weights === undefined) return 1;
  const mean = weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
  return Math.max(...weights) / (reduction === 'mean' ? mean : 1);
}

/** `length`: numbers that the model results in for an image. */
function firstLogitGradient({ train, classes }: Recipe, length: number): number {
  const { loss } = train;
  const first = firstOfImage(loss, classes);
  if (loss.reduction === 'sum') return first;
  return first / totalDivisor(loss.kind, train.batch * train.accumulate, length)!;
}

function check({ recipe, scaling, forward }: LintInput): readonly LintFinding[] {
  const logits = forward.nodes[forward.outputs.logits!]!;
  const format = computesIn(logits, recipe);
  if (scaling.kind === 'none' || !hasShortRange(format)) return [];
  const { largest } = LIMITS[format];
  const gradient = firstLogitGradient(recipe, elementCount(logits.type.shape.slice(1)));
  const limit = largest / gradient;
  const first = gradient.toPrecision(2);
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
