import { decayOnNorms } from './decay-on-norms.js';
import { growthBeyondRun } from './growth-beyond-run.js';
import { lossOnProbabilities } from './loss-on-probabilities.js';
import { lowPinOfFullOp } from './low-pin-of-full-op.js';
import type { LintFinding, LintInput, LintRule } from './rule.js';
import { scaleTooLarge } from './scale-too-large.js';
import { unscaledF16 } from './unscaled-f16.js';
import { uselessScaling } from './useless-scaling.js';
import { vanishingEps } from './vanishing-eps.js';

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
} as const satisfies Record<string, LintRule>;

export type LintCode = keyof typeof LINTS;

/** What is known to go wrong in mixed precision and is no error. */
export function lint(input: LintInput): readonly (LintFinding & { readonly code: LintCode })[] {
  const rules = Object.entries(LINTS) as [LintCode, LintRule][];
  return rules.flatMap(([code, { check }]) => check(input).map((finding) => ({ code, ...finding })));
}
