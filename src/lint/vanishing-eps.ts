import { hasShortRange, LIMITS } from '../numeric/formats.js';
import { opDefinition } from '../ops/index.js';
import type { OpTraits } from '../ops/traits.js';
import { computesIn, formatNumber, type LintFinding, type LintInput, type LintRule, OPTIMIZER_SETTING } from './rule.js';

export const vanishingEps: LintRule = {
  title: 'eps that vanishes',
  meaning: 'A term that keeps a division finite is too small for the formats around it.',
  check,
};

/** What may have no variance. */
const CONSTANT = {
  channels: 'a channel that is constant over a batch',
  positions: 'a position, or a group of channels, whose values are all equal',
} as const satisfies Record<NonNullable<OpTraits['invertsVariance']>, string>;

/** An optimizer that has an eps, such as Adam, divides by sqrt(v) + eps, a normalisation by sqrt(variance + eps). */
function check({ recipe, forward }: LintInput): readonly LintFinding[] {
  const findings: LintFinding[] = [];
  const { optimizer: main, groups = [] } = recipe.train;
  const optimizer = [main, ...groups.map((group) => group.optimizer)].find((one) => 'eps' in one && one.eps === 0);
  if (optimizer !== undefined) {
    findings.push({
      message: `the eps of ${optimizer.kind} is 0`,
      why: 'a parameter whose gradient is 0 is then updated by 0 / 0, which is NaN',
      fix: 'use eps: 1e-8',
      place: OPTIMIZER_SETTING,
    });
  }
  for (const node of forward.nodes) {
    const { invertsVariance } = opDefinition(node.op);
    if (invertsVariance === undefined) continue;
    const eps = Number(node.attrs.eps);
    const gain = 1 / Math.sqrt(Math.fround(eps));
    const format = computesIn(node, recipe);
    if (Number.isFinite(gain) && (!hasShortRange(format) || gain <= LIMITS[format].largest)) continue;
    findings.push({
      message: `the eps of ${node.layer}, ${eps}, is too small`,
      why:
        `${node.attrs.center === false ? 'a position whose channels are all 0' : CONSTANT[invertsVariance]} ` +
        'has variance 0, and its gradient is then multiplied by 1 / sqrt(eps) = ' +
        `${Number.isFinite(gain) ? formatNumber(gain) : 'infinity'}; the largest fp16 is ${formatNumber(LIMITS.f16.largest)}`,
      fix: 'use eps: 1e-5',
      place: node.loc && { kind: 'layer', loc: node.loc },
    });
  }
  return findings;
}
