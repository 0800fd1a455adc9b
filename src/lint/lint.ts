import type { Graph } from '../ir/types.js';
import { hasShortRange } from '../numeric/formats.js';
import { assignPrecision } from '../precision/assign.js';
import { averageAtStart } from './average-at-start.js';
import { averageNever } from './average-never.js';
import { beyondF16 } from './beyond-f16.js';
import { decayOnNorms } from './decay-on-norms.js';
import { growthBeyondRun } from './growth-beyond-run.js';
import { lossOnProbabilities } from './loss-on-probabilities.js';
import { lowPinOfFullOp } from './low-pin-of-full-op.js';
import { lowMasters, lowSquares } from './low-states.js';
import type { LintFinding, LintInput, LintRule } from './rule.js';
import { scaleTooLarge } from './scale-too-large.js';
import { stopByTestImages } from './stop-by-test-images.js';
import { sumBeforeDivision } from './sum-before-division.js';
import { unscaledF16 } from './unscaled-f16.js';
import { uselessScaling } from './useless-scaling.js';
import { vanishingEps } from './vanishing-eps.js';
import { zeroInF16 } from './zero-in-f16.js';

/** Every rule, by the code of its warning. */
export const LINTS = {
  AMP4201: vanishingEps,
  AMP4202: growthBeyondRun,
  AMP4203: lowPinOfFullOp,
  AMP4204: decayOnNorms,
  AMP4205: unscaledF16,
  AMP4206: scaleTooLarge,
  AMP4207: uselessScaling,
  AMP4208: lossOnProbabilities,
  AMP4209: beyondF16,
  AMP4210: zeroInF16,
  AMP4211: sumBeforeDivision,
  AMP4213: stopByTestImages,
  AMP4215: averageNever,
  AMP4216: averageAtStart,
  AMP4217: lowMasters,
  AMP4218: lowSquares,
} as const satisfies Record<string, LintRule>;

export type LintCode = keyof typeof LINTS;

/** The formats of a forward pass, where some is of short range. What `fastest` will choose is not known yet: those of `mixed`. */
function assign({ recipe, forward }: Given): Graph | undefined {
  const { compute, pins, policy } = recipe.precision;
  if (!hasShortRange(compute) && !pins.some(({ dtype }) => hasShortRange(dtype))) return undefined;
  return assignPrecision(forward, { ...recipe.precision, policy: policy === 'fastest' ? 'mixed' : policy });
}

type Given = Omit<LintInput, 'assigned'>;

/** What is known to go wrong in mixed precision and is no error. */
export function lint(given: Given): readonly (LintFinding & { readonly code: LintCode })[] {
  const input: LintInput = { ...given, assigned: assign(given) };
  const rules = Object.entries(LINTS) as [LintCode, LintRule][];
  return rules.flatMap(([code, { check }]) => check(input).map((finding) => ({ code, ...finding })));
}
